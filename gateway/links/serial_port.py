"""A serial port as pyserial opens it, and what pyserial leaves to be set."""

from __future__ import annotations

import errno
import fcntl
import os
import termios
from contextlib import suppress

import serial

from drivers.spi import Line

GONE = {errno.ENOENT, errno.ENXIO, errno.ENODEV, errno.EIO}
"""An OSError with one of these: no device is there, or no longer."""

_OTHERS = (OSError, termios.error, ValueError)  # what pyserial lets through


class Port:
    """A port that is opened without waiting, and by nobody else as well; reads never wait."""

    def __init__(self, path: str, line: Line) -> None:
        self._serial = port = serial.Serial()
        port.port = path
        port.baudrate = line.baud
        port.bytesize = line.bytesize
        port.parity = line.parity
        port.stopbits = line.stopbits
        port.timeout = 0
        port.exclusive = True
        port.dtr = line.dtr
        port.rts = line.rts

    @property
    def is_open(self) -> bool:
        """Whether there is an `fd`."""
        return bool(self._serial.is_open)

    @property
    def fd(self) -> int:
        """What the event loop watches."""
        return self._serial.fileno()

    def open(self) -> None:
        """Open and set up. Raises OSError."""
        try:
            self._serial.open()
            self._set_up()
        except _OTHERS as error:
            self.close()
            # pyserial keeps the number and loses the kind; without one it is no terminal any more.
            number = getattr(error, "errno", None) or errno.EIO
            raise OSError(number, os.strerror(number)) from error

    def close(self) -> None:
        """Let go of it, whatever has become of it."""
        if self.is_open:
            with suppress(*_OTHERS):
                # Or close(2) waits until a device that is stuck has taken what was written.
                termios.tcflush(self.fd, termios.TCIOFLUSH)
                fcntl.ioctl(self.fd, termios.TIOCNXCL)
        with suppress(*_OTHERS):
            self._serial.close()

    def _set_up(self) -> None:
        fcntl.ioctl(self.fd, termios.TIOCEXCL)
        iflag, *others, characters = termios.tcgetattr(self.fd)
        # A byte whose parity is wrong is dropped: the framer sees that one is missing.
        iflag |= termios.INPCK | termios.IGNPAR
        characters[termios.VMIN] = 1  # or a read of nothing could be a wrong alarm
        termios.tcsetattr(self.fd, termios.TCSANOW, [iflag, *others, characters])
