"""Ways to a device: Bluetooth LE and serial ports, and what is done when they are stuck."""
