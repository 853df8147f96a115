# What a driver makes of a vector, and whether that is what the vector says by each of its names.

import struct
from contextlib import suppress
from datetime import datetime, timedelta
from decimal import Decimal

from drivers import contec_cms50_memory, record_access
from drivers.errors import DecodeError, UnexpectedReply
from drivers.nonin_serial_framer import is_frame
from drivers.pulse_oximeter_status import MEASUREMENT_STATUS, SENSOR_STATUS
from drivers.record_access import Opcode, Operator, Outcome
from drivers.replay import find_decoder, replay
from drivers.spi import (
    RX,
    ClockRead,
    DeviceEvent,
    DeviceInformation,
    Frame,
    Metric,
    Reading,
    Series,
    Undecodable,
)
from drivers.taidoc_frame import build
from drivers.taidoc_record import find_kind

# The golden file frames these otherwise; its notes say why.
WRAPPED = {
    "ghs-bp": b"\x03",  # the header of a value in one segment stands before it
    "ghs-discrete": b"\x03",
    "ghs-badlen": b"\x03",
    "td-date-1": b"\x51\x23",  # an answer stands around it
}
METRICS = {
    "systolic": ("MDC_PRESS_BLD_NONINV_SYS",),
    "diastolic": ("MDC_PRESS_BLD_NONINV_DIA",),
    "map": ("MDC_PRESS_BLD_NONINV_MEAN",),
    "pulse": ("MDC_PULS_RATE_NON_INV", "MDC_PULS_OXIM_PULS_RATE"),
    "spo2": ("MDC_PULS_OXIM_SAT_O2",),
    "pai": ("MDC_PULS_OXIM_PERF_REL",),
    "pai_pct": ("MDC_PULS_OXIM_PERF_REL",),
    "pleth": ("MDC_PULS_OXIM_PLETH",),
    "temperature": ("MDC_TEMP_BODY",),
    "weight": ("MDC_MASS_BODY_ACTUAL",),
    "bmi": ("MDC_RATIO_MASS_BODY_LEN_SQ",),
    "height": ("MDC_LEN_BODY_ACTUAL",),
    "body_fat_pct": ("MDC_BODY_FAT",),
    "impedance_ohm": ("MDC_BODY_ELECTRICAL_IMPEDANCE",),
    "bmr_kj": ("MDC_BASAL_METABOLISM",),
    "value_code": ("MDC_PULS_OXIM_SAT_O2",),
}
UNITS = {"mmHg": "mm[Hg]", "kPa": "kPa", "F": "[degF]", "C": "Cel", "kg": "kg", "m": "m"}
SAMPLES = {
    1: "MDC_CONC_GLU_CAPILLARY_WHOLEBLOOD",
    4: "MDC_CONC_GLU_VENOUS_PLASMA",
    8: "MDC_CONC_GLU_UNDETERMINED_PLASMA",
}
LOCATIONS = {1: "finger", 2: "alternate_site", 4: "control_solution", 15: None}
BITS = ("status", "sensor_status", "meas_status")
FLAGS = {
    "smartpoint": ("smartpoint", "smart_point"),
    "sensor_connected": ("sensor_on",),
    "unsuccessful": ("failed",),
    "no_measurement": ("failed",),
    "from_memory": ("stored",),
    "multiple_packet": ("other_packet_missing",),
    "context_follows": ("context",),
    **{
        name: (name,)
        for name in (
            *("searching", "weak_signal", "low_battery", "sensor_alarm", "out_of_track"),
            *("beep", "event", "finger_out", "clock_not_set"),
        )
    },
}


def sent(vector):
    """The frames that the device sent, as the vector has them."""
    given = vector["input_hex"]
    if isinstance(given, list):
        return [(each.get("char"), each["hex"]) for each in given if each["dir"] == "rx"]
    return [(None, given)]


def frames(vector, driver):
    """The same for a driver."""
    known = driver.info.characteristics
    named = vector["uuid_or_protocol"].upper().partition("/")[2] or vector["uuid_or_protocol"]
    first = next((of for of in known if named.upper().startswith(of.upper())), None)
    first = first or (known[0] if known else RX)
    return [Frame(char or first, bytes.fromhex(data)) for char, data in sent(vector)]


class Told:
    # What a driver, and what decodes a frame by itself, make of a vector.

    def __init__(self, driver, vector, name):
        self.expected = vector["expected"]
        wrap = WRAPPED.get(vector["id"], b"")
        self.frames = [Frame(s, wrap + data) for s, data in frames(vector, driver)]
        if vector["id"] == "td-date-1":
            [frame] = self.frames
            self.frames = [Frame(frame.source, build(0x23, frame.data[2:], 0xA5))]
        self.items = []
        with suppress(UnexpectedReply):  # nobody answers a session of one frame
            for item in replay(driver, name, self.frames):
                self.items.append(item)
        self.alone = self._alone(driver, name)
        self.readings = [item for item in self.items if isinstance(item, Reading)]
        self.series = [item for item in self.items if isinstance(item, Series)]
        self.events = [item for item in self.items if isinstance(item, DeviceEvent)]

    def _alone(self, driver, name):
        frame, *more = (of.data for of in self.frames)
        if more:
            return {}
        with suppress(DecodeError):
            if driver.info.id == "contec-cms50" and len(frame) == contec_cms50_memory.RECORD_SIZE:
                return dict(zip(("pulse", "spo2"), contec_cms50_memory.decode(frame), strict=True))
            said = (find_decoder(driver, name) or bytes)(frame)
            if isinstance(said, Reading):
                return {**said.attributes, **dict.fromkeys(said.status, True)}
            return said._asdict() if hasattr(said, "_asdict") else {}
        return {}

    def value(self, names):
        for metric in (Metric[name] for name in names):
            for reading in self.readings:
                for seen in reading.observations:
                    if seen.metric == metric:
                        return seen.value, str(seen.unit)
            for series in self.series:
                for channel in series.channels:
                    if channel.metric == metric:
                        [(value, _)] = channel.runs
                        return value, str(channel.unit)
        return None, None

    @property
    def attributes(self):
        said = {}
        for item in self.readings:
            said |= item.attributes
        for item in self.events:
            said |= item.facts
        for item in self.series:
            said |= {name: runs[0][0] for name, runs in item.attributes.items()}
        return said

    @property
    def flags(self):
        flags = {name for item in self.readings for name in item.status}
        flags |= {name for name, value in self.attributes.items() if value == 1}
        flags |= {item.name for item in self.events}
        for item in (*self.readings, *self.series):
            flags |= {str(item.origin)} | ({"failed"} if item.failed else set())
        if self.attributes.get("context") == "missing":
            flags.add("context")
        return flags

    @property
    def time(self):
        for item in self.items:
            if isinstance(item, ClockRead | Reading | DeviceEvent):
                return item.device_time
        return None


def number(value):
    return None if value is None else Decimal(str(value))


def is_told(told, name, wanted):
    if name in SAYS:
        return SAYS[name](told, wanted)
    if name in FLAGS:
        return wanted == any(
            flag in told.flags or told.alone.get(flag) is True for flag in FLAGS[name]
        )
    if name in ANSWERS:
        return ANSWERS[name](told.frames[-1].data) == wanted
    return told.value(METRICS[name])[0] == number(wanted)


def is_nothing(told, _):
    return all(isinstance(item, Undecodable) for item in told.items)


def is_time(told, wanted):
    return told.time == (None if wanted.startswith("0000") else datetime.fromisoformat(wanted))


def is_base_and_offset(told, _):
    base = datetime(*struct.unpack_from("<HBBBBB", told.frames[-1].data, 3))  # noqa: DTZ001  no zone is sent
    assert told.expected.get("base_time", base.isoformat()) == base.isoformat()
    offset = told.expected.get("time_offset_min", 0)
    if offset == OVERRUN:
        return told.time is None and told.attributes["time_offset"] == "underrun"
    return told.time == base + timedelta(minutes=offset)


def is_unit(told, wanted):
    if told.events:
        return told.attributes["pressure"].endswith(f" {wanted}")
    return told.value(METRICS[next(iter(told.expected))])[1] == UNITS[wanted]


def is_concentration(told, wanted):
    said = [seen for item in told.readings for seen in item.observations]
    if told.events:
        value, _, unit = told.attributes["value"].partition(" ")
        return Decimal(value) * GLUCOSE[unit] == wanted
    if wanted is None:
        return not said
    factor = 1 if "concentration" in told.expected else GLUCOSE[said[0].unit]
    return said[0].value * factor == wanted


def is_special(told, wanted):
    said = {of: sent for of, sent in told.attributes["special"].items() if "PULS" not in of}
    if isinstance(wanted, str):
        return set(said.values()) == {wanted}
    return said == {METRICS[name][0]: special for name, special in wanted.items()}


def is_sample(told, wanted):
    if wanted in SAMPLES:
        return told.value([SAMPLES[wanted]])[0] is not None
    return told.attributes["sample_type"] == wanted


def are_records(told, wanted):
    if isinstance(wanted, int):
        return len(told.readings) == wanted
    [series] = told.series
    spo2, pulse = ([run.value for run in of.runs] for of in series.channels)
    return [[*each] for each in zip(pulse, spo2, strict=True)] == wanted


def are_bits(told, _):
    bits = sum(told.expected.get(each, 0).bit_count() for each in BITS)
    known = told.flags - {"stored", "live", "unknown", "failed", "context"}
    return len(known & PLX if told.series else known) == bits


def is_text(told, wanted):
    [item] = [item for item in told.items if isinstance(item, DeviceInformation)]
    return wanted in {item.maker, item.model}


def is_in(place, key):
    return lambda told, wanted: number(getattr(told, place)[key]) == number(wanted)


def are_readings(told, *, failed=(False, True)):
    return {item.raw for item in told.readings if item.failed in failed}


OVERRUN = -32768
GLUCOSE = {"kg/L": 100_000, "mol/L": 1000, "mg/dL": 1}  # to mg/dL or mmol/L, as the vectors have it
PLX = {*MEASUREMENT_STATUS, *SENSOR_STATUS}
MEALS = {2: "postprandial", "before": "before_meal"}
SAYS = {
    "error": is_nothing,
    "must_not_decode_as": is_nothing,
    **dict.fromkeys(("datetime", "timestamp", "user_time"), is_time),
    **dict.fromkeys(("base_time", "time_offset_min"), is_base_and_offset),
    "unit": is_unit,
    "height_unit": lambda told, wanted: told.value(METRICS["height"])[1] == UNITS[wanted],
    "cuff_pressure": lambda told, wanted: told.attributes["pressure"].split()[0] == str(wanted),
    **dict.fromkeys(("mg_dl", "mmol_l", "concentration"), is_concentration),
    "conc_unit": lambda told, wanted: told.readings[0].observations[0].unit == wanted,
    "type": is_sample,
    "location": lambda told, of: told.attributes.get("sample_location") == LOCATIONS[of],
    "seq": lambda told, wanted: (
        wanted
        in (told.attributes.get("record_number"), *(item.record_number for item in told.readings))
    ),
    "meal": lambda told, wanted: MEALS[wanted] in (told.attributes.get("meal"), *told.flags),
    "special": is_special,
    "status_flags": lambda told, wanted: [*told.readings[0].status] == wanted,
    **dict.fromkeys(BITS, are_bits),
    "text": is_text,
    "model": lambda told, wanted: f"TD-{find_kind(told.frames[0].data, '')}" == wanted,
    "counter": is_in("alone", "counter"),
    "battery_v": is_in("alone", "battery_volts"),
    "firmware_rev": is_in("alone", "revision"),
    "bar": is_in("alone", "bar"),
    "sync": lambda told, first: any(
        is_frame(told.frames[0].data, status_at, is_first=first) for status_at in (0, 1)
    ),
    "signal": is_in("attributes", "signal_strength"),
    **{
        name: is_in("attributes", name)
        for name in ("spo2_fast", "pulse_fast", "spo2_slow", "pulse_slow", "user_id")
    },
    "object_id": is_in("attributes", "observation_id"),
    "supplemental": lambda told, codes: (
        told.attributes["supplemental"] == " ".join(f"MDC_{code}" for code in codes)
    ),
    "class": lambda told, wanted: ("compound" in told.attributes) == (wanted == "compound"),
    "components": lambda told, wanted: (
        [(seen.metric, seen.value) for seen in told.readings[0].observations]
        == [(each["type_code"], each["value"]) for each in wanted]
    ),
    "records": are_records,
    "unique_records": lambda told, wanted: len(are_readings(told)) == wanted,
    "valid_readings": lambda told, wanted: len(are_readings(told, failed=(False,))) == wanted,
    "failed_readings": lambda told, wanted: len(are_readings(told, failed=(True,))) == wanted,
    "duplicates": lambda told, wanted: len(told.readings) - len(are_readings(told)) == wanted,
}
ANSWERS = {
    "opcode": lambda frame: {5: "number_of_records_response", 6: "response_code"}[frame[0]],
    "operator": lambda frame: Operator(frame[1]).name.lower(),
    "request_opcode": lambda frame: Opcode(record_access.decode(frame).request).name.lower(),
    "response": lambda frame: Outcome(record_access.decode(frame).outcome).name.lower(),
    "final": lambda frame: Outcome(record_access.decode(frame).outcome).name.lower(),
    "count": lambda frame: record_access.decode(frame).records,
}
