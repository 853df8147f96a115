"""The technician's visit: a device is found, met, added, tried out, swapped or removed."""
