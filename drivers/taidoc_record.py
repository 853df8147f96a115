"""What a record of a TaiDoc meter says, which depends on the meter.

A record is the answer with its time, then the answer with its value. Behind them may stand what was
asked for the value, which names the user, and the answer with the model. The model is four digits:
1 a thermometer, 3 a cuff (32 a cuff that measures glucose as well), 4 a glucose meter, 8 an
oximeter. Without it the advertised name tells the meter, or nobody does.

Source: advmeds-service/advmeds-bluetooth-lib@0e83080 (values, analytes, names);
        YentingChia-Ultron/Ultron-esp32BLE@e04dc29 (mean pressure, bits above minute and hour,
        thermometers); markchuang56/iOS-Demo@52c4f8b (users, the bit of a pressure);
        tidepool-org/uploader@05afbea lib/drivers/glucorx (meal, control solution)
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, NamedTuple

from drivers.errors import DecodeError
from drivers.spi import (
    RX,
    DeviceEvent,
    Frame,
    Metric,
    Observation,
    Origin,
    Reading,
    Unit,
)
from drivers.taidoc_frame import COMMAND, END, HOST, SIZE, split, unpack_time

TIME, VALUE, MODEL, LATEST = 0x25, 0x26, 0x24, 0x49
NAMES = {  # within the advertised name: how the model begins
    "GD40": "4",
    "D40": "32",
    "P30": "31",
    "P80": "31",
    "IR4": "1",
    "MD6": "4",
    "TNG": "4",
}
PRIVATE = 1024 << 16  # the partition for what 11073-10101 does not name
MEALS = {1: "before_meal", 2: "after_meal"}
CONTROL = 3
ANALYTES: Mapping[int, tuple[Metric | int, str, Unit | str, int]] = {  # metric, name, unit, places
    0: (Metric.MDC_CONC_GLU_GEN, "", Unit.MG_PER_DL, 0),
    6: (Metric.MDC_CONC_HCT_GEN, "", Unit.PERCENT, 0),
    7: (PRIVATE + 7, "ketone", "mmol/L/30", 0),  # thirtieths: as sent
    8: (PRIVATE + 8, "uric_acid", Unit.MG_PER_DL, 1),
    9: (PRIVATE + 9, "cholesterol", Unit.MG_PER_DL, 0),
    11: (PRIVATE + 11, "haemoglobin", "g/dL", 1),
    12: (PRIVATE + 12, "lactate", Unit.MG_PER_DL, 0),
    13: (PRIVATE + 13, "triglycerides", Unit.MG_PER_DL, 0),
}
SITES = ("ear", "forehead", "rectal", "armpit", "object", "room", "child", "reserved")
NO_PATIENT = {"object", "room"}
RHYTHMS = {1: "pulse_out_of_range", 2: "pulse_varied", 3: "atrial_fibrillation"}
MM, RATE = Unit.MMHG, Unit.PER_MINUTE


class Record(NamedTuple):
    """The answers as they came; `time` is empty of what was measured just now."""

    time: bytes
    value: bytes
    asked: bytes = b""

    def frames(self, source: str, model: bytes) -> tuple[Frame, ...]:
        """Time and value as one, which names the reading: two may lie in one minute."""
        behind = (Frame(source, frame) for frame in (self.asked, model) if frame)
        return (Frame(source, self.time + self.value), *behind)


class _Said(NamedTuple):
    observations: tuple[Observation, ...] = ()
    status: tuple[str, ...] = ()
    attributes: dict[str, Any] = {}  # noqa: RUF012  never changed
    event: str = ""


def decode(frames: bytes, name: str = "", source: str = RX) -> Reading | DeviceEvent:
    """The reading in a record's frames, one behind the other, of a meter that advertises `name`.

    A test with control solution and the temperature of a room are no reading. A value of 0 is none:
    the reading has failed. Raises DecodeError.
    """
    record, model = _sort(frames)
    kind = find_kind(model, name)
    time = unpack_time(record.time) if record.time else None
    reader = _find_reader(kind, record)
    if reader is None:
        raise DecodeError("no meter that is known", frames, len(frames))
    said = reader(record.time or bytes(SIZE), record.value)
    raw = record.frames(source, model)
    if said.event:
        return DeviceEvent(said.event, raw, time, said.attributes)
    user = {"user_id": record.asked[5]} if record.asked and record.asked[5] else {}
    return Reading(
        said.observations,
        raw,
        time,
        status=said.status,
        origin=Origin.UNKNOWN if record.time else Origin.LIVE,
        failed=not said.observations,
        attributes=user | said.attributes,
    )


def find_kind(model: bytes, name: str) -> str:
    """The model's digits, or how they begin; empty where neither answer nor name tells."""
    if model:
        return model[3:1:-1].hex()
    if found := re.search(r"TD-?(\d{4})", name.upper()):
        return found[1]
    return next((kind for word, kind in NAMES.items() if word in name.upper()), "")


def _sort(frames: bytes) -> tuple[Record, bytes]:
    found = {frame[COMMAND]: frame for frame in split(frames) if frame[END] != HOST}
    asked = next((frame for frame in split(frames) if frame[END] == HOST), b"")
    model = found.pop(MODEL, b"")
    if found.keys() == {TIME, VALUE}:
        return Record(found[TIME], found[VALUE], asked), model
    if found.keys() == {LATEST} and not asked:
        return Record(b"", found[LATEST]), model
    raise DecodeError("no record", frames, COMMAND)


def _find_reader(kind: str, record: Record) -> Callable[[bytes, bytes], _Said] | None:
    is_pressure = bool(record.time and record.time[4] & 0x80)
    if kind.startswith("32"):
        return _read_pressure if is_pressure else _read_analyte
    return READERS.get(kind[:1])


def _read_pressure(time: bytes, value: bytes) -> _Said:
    """Sources disagree on the third byte: mean pressure, or what systolic has above 255."""
    systolic, third, diastolic, pulse = value[2:6]
    systolic, mean = (systolic + 256, 0) if third == 1 else (systolic, third)
    numbers = {
        Metric.MDC_PRESS_BLD_NONINV_SYS: (systolic, MM),
        Metric.MDC_PRESS_BLD_NONINV_DIA: (diastolic, MM),
        Metric.MDC_PRESS_BLD_NONINV_MEAN: (mean, MM),
        Metric.MDC_PULS_RATE_NON_INV: (pulse, RATE),
    }
    rhythm = RHYTHMS.get(time[5] >> 5 & 3)
    status = (
        *(["irregular_pulse"] if time[4] & 0x40 else []),
        *([rhythm] if rhythm else []),
        *(["average"] if time[5] & 0x80 else []),
    )
    return _Said(_observe(numbers) if systolic and diastolic else (), status)


def _read_analyte(_time: bytes, value: bytes) -> _Said:
    sent, flags = int.from_bytes(value[2:4], "little"), value[5]
    meal, analyte = flags >> 6, flags >> 2 & 0x0F
    metric, name, unit, places = ANALYTES.get(analyte, (PRIVATE + analyte, "", Unit.ONE, 0))
    number = Decimal(sent).scaleb(-places)
    attributes: dict[str, Any] = {"analyte": name} if name else {}
    if meal == CONTROL:
        return _Said(attributes={**attributes, "value": str(number)}, event="control-solution")
    status = (MEALS[meal],) if meal else ()
    return _Said((Observation(metric, number, unit),) if sent else (), status, attributes)


def _read_oximetry(_time: bytes, value: bytes) -> _Said:
    numbers = {
        Metric.MDC_PULS_OXIM_SAT_O2: (int.from_bytes(value[2:4], "little"), Unit.PERCENT),
        Metric.MDC_PULS_OXIM_PULS_RATE: (value[5], RATE),
    }
    return _Said(_observe(numbers))


def _read_temperature(time: bytes, value: bytes) -> _Said:
    """Tenths of a degree; hundredths where a number would else be 100 degrees and more.

    Beside it stands the temperature around. The site is in the bits above minute and hour.
    """
    site = SITES[(time[5] >> 5 & 1) << 2 | time[4] >> 6]
    unit = Unit.FAHRENHEIT if time[5] & 0x80 else Unit.CELSIUS
    sent, around = int.from_bytes(value[2:4], "little"), int.from_bytes(value[4:6], "little")
    is_fine = unit is Unit.CELSIUS and sent >= 1000  # noqa: PLR2004  as advmeds has it
    number = Decimal(sent).scaleb(-2 if is_fine else -1)
    attributes = {"site": site}
    if around:
        attributes["around"] = str(Decimal(around).scaleb(-1))
    if site in NO_PATIENT:
        return _Said(attributes={**attributes, "value": f"{number} {unit}"}, event="no-patient")
    seen = (Observation(Metric.MDC_TEMP_BODY, number, unit),)
    return _Said(seen if sent else (), (), attributes)


def _observe(numbers: Mapping[Metric, tuple[int, Unit]]) -> tuple[Observation, ...]:
    return tuple(
        Observation(metric, Decimal(value), unit)
        for metric, (value, unit) in numbers.items()
        if value
    )


READERS: Mapping[str, Callable[[bytes, bytes], _Said]] = {
    "1": _read_temperature,
    "3": _read_pressure,
    "4": _read_analyte,
    "8": _read_oximetry,
}
