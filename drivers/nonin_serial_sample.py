"""What one packet, frame or line of a Nonin says.

Source: as drivers/nonin_serial.py

After the finger is taken out Nonin repeats the last value for ten seconds with the sensor alarm
set: beside an alarm no value is one.
"""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

from drivers.errors import DecodeError
from drivers.nonin_serial_framer import (
    DF8_SIZE,
    FRAME_SIZE,
    LINE,
    PACKET_SIZE,
    fit_df2,
    fit_df7,
    fit_df8,
    is_frame,
)
from drivers.stream import OXIMETRY, Kind, Told

NO_SPO2, NO_PULSE = 127, 511
FLOAT_AT = 3
# Places in the 25 floats of a packet; the other averages stand in the raw frames alone.
PULSE_HIGH, PULSE_LOW, SPO2, REVISION, STATUS_2 = 0, 1, 2, 3, 7
PACKETS = Kind(OXIMETRY, Decimal(3), longest=90, is_summed=True)  # half a minute
FRAMES = Kind(OXIMETRY, Decimal(1), longest=50)  # before a minute is over
LINES = FRAMES._replace(is_summed=True)


class Sample(NamedTuple):
    """What one packet, frame or line says; None for a value that it says there is none of.

    `sensor_alarm` also stands for a sensor that is not connected. `revision` is the firmware's.
    """

    kind: Kind
    spo2: int | None
    pulse: int | None
    sensor_alarm: bool = False
    out_of_track: bool = False
    artifact: bool = False
    low_battery: bool = False
    smart_point: bool = False
    event: bool = False
    revision: int = 0

    def tell(self) -> Told:
        """No value counts beside a sensor alarm."""
        values = (None, None) if self.sensor_alarm else (self.spo2, self.pulse)
        names = ("sensor_alarm", "out_of_track", "artifact", "low_battery", "smart_point", "event")
        return Told(self.kind, values, {name: int(getattr(self, name)) for name in names})


def decode(frame: bytes) -> Sample:
    """What a packet of format 2 or 7, a frame of format 8 or a line says. Raises DecodeError."""
    if found := LINE.fullmatch(frame):
        spo2, pulse, _, event = found.groups()
        return Sample(LINES, _number(spo2), _number(pulse), event=event is not None)
    if len(frame) == DF8_SIZE and fit_df8(frame, is_last=True).size:
        return _decode_df8(frame)
    for fit, status_at in ((fit_df2, 1), (fit_df7, 0)):
        if len(frame) == PACKET_SIZE and fit(frame).size:
            return _decode_packet(frame, status_at)
    what = "no whole frame of format 2, 7 or 8, and no line"
    if _is_part(frame):
        what = "one frame of format 2 or 7: 25 of them make a packet"
    raise DecodeError(what, frame, len(frame))


def _is_part(frame: bytes) -> bool:
    return len(frame) == FRAME_SIZE and any(
        is_frame(frame, status_at, is_first=is_first)
        for status_at in (1, 0)
        for is_first in (True, False)
    )


def _decode_df8(frame: bytes) -> Sample:
    status, pulse, spo2, status_2 = frame
    return Sample(
        FRAMES,
        None if spo2 == NO_SPO2 else spo2,
        _pulse(status, pulse),
        sensor_alarm=bool(status_2 & 0x08 or status & 0x40),
        out_of_track=bool(status & 0x20),
        artifact=bool(status & 0x04),
        low_battery=bool(status_2 & 0x01),
        smart_point=bool(status_2 & 0x20),
    )


def _decode_packet(packet: bytes, status_at: int) -> Sample:
    """What stands in each status counts where it stands in any."""
    status = 0
    for each in packet[status_at::FRAME_SIZE]:
        status |= each
    floats = packet[FLOAT_AT::FRAME_SIZE]
    return Sample(
        PACKETS,
        None if floats[SPO2] == NO_SPO2 else floats[SPO2],
        _pulse(floats[PULSE_HIGH], floats[PULSE_LOW]),
        sensor_alarm=bool(status & (0x40 | 0x08)),
        artifact=bool(status & 0x20),
        out_of_track=bool(status & 0x10),
        low_battery=bool(floats[STATUS_2] & 0x01),
        smart_point=bool(floats[STATUS_2] & 0x20),
        revision=floats[REVISION],
    )


def _pulse(high: int, low: int) -> int | None:
    pulse = (high & 0x03) << 7 | low & 0x7F
    return None if pulse == NO_PULSE else pulse


def _number(text: bytes) -> int | None:
    return None if text == b"---" else int(text)
