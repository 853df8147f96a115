# The public vectors, held against what drivers say; no golden file is asked for a value.

import json
import tomllib
from datetime import datetime
from pathlib import Path

import pytest

from drivers import contec_cms50_v7, device_clock, glucose_clock, nonin_9560, record_access
from drivers import taidoc_protocol as taidoc
from drivers.conformance_golden import load_cases
from drivers.record_access import Filter, Opcode, Operator, from_number, request
from drivers.spi import RX
from drivers.taidoc_frame import build
from gateway.cli import main
from gateway.registry import load_drivers
from tests.fakes.told_vector import FLAGS, WRAPPED, Told, is_told, sent

HERE = Path(__file__).parent
DRIVERS = load_drivers()
VECTORS = {each["id"]: each for each in json.loads((HERE / "vectors.json").read_text("utf-8"))}
CASES = {(id_, case.id): case for id_, of in DRIVERS.items() for case in load_cases(of)}
GOLDEN = [of for of in CASES if of[1] in VECTORS]
NUMBERS = {
    number["id"]: bytes.fromhex(number["sent"])
    for number in tomllib.loads((HERE.parent / "golden/numbers.toml").read_text("utf-8"))["number"]
}
GOLDEN_FOLDER = HERE.parents[1] / "drivers" / "golden"
UNBUILT = tomllib.loads((GOLDEN_FOLDER / "UNBUILT.toml").read_text("utf-8"))["frame"]

# The items say something else than the vector, for the reason given; what decodes the single frame
# says the same.
OTHERWISE = {
    "cms50-live-pr255": "255 stands for none",
    "cms50-rec-pr0": "0 stands for none",
    "nonin-df8-lastvalue-alarm": "Nonin repeats the last value beside a sensor alarm",
    "cms7-live-finger-out": "a frame without a finger ends a stretch and is in none",
}
# What an item does not say; the raw frame holds it.
UNTOLD = {
    "trailing": "a frame with a byte too many does not decode at all",
    "day_of_week": "a date has one",
    "fractions256": "clocks are told to the second",
    "adjust_reason": "it says nothing of a time",
    "note_value": "of a format that is no longer one",
    "type_code": "`components`, `value_code` and `class` stand for it",
    "float": "one of 25 frames of a packet",
    "red_perfusion": "one of 25 frames of a packet",
    "green_perfusion": "one of 25 frames of a packet",
    "frames": "one of 25 frames of a packet",
    "spo2_display": "another average",
    "spo2_bb": "another average",
    "e_pulse": "another average",
    "e_spo2": "another average",
    "e_spo2_display": "another average",
    "pulse_display": "another average",
    "e_pulse_display": "another average",
}
UNTOLD_HERE = {
    ("gl-cap-session", "plausible"): "13 mg/dL is flagged by nobody: it has been survived",
    ("nonin-df2-packet", "spo2_fast"): "another average",
    ("nonin-df2-sync", "pleth"): "one of 25 frames of a packet",
    ("nonin-df7-frame", "pleth"): "one of 25 frames of a packet",
}


def test_every_vector_stands_in_a_golden_file_or_says_why_not():
    places = [set(NUMBERS) & VECTORS.keys(), {id_ for _, id_ in GOLDEN}]
    places.append({each["id"] for each in UNBUILT})
    assert set.union(*places) == VECTORS.keys()
    assert sum(map(len, places)) == len(VECTORS)
    assert all(each["reason"] for each in UNBUILT)
    assert len({each["id"] for each in UNBUILT}) == len(UNBUILT)


@pytest.mark.parametrize(("driver", "id_"), GOLDEN)
def test_a_golden_frame_is_that_of_the_vector(driver, id_):
    given = b"".join(bytes.fromhex(data) for _, data in sent(VECTORS[id_]))
    golden = b"".join(frame.data for frame in CASES[driver, id_].frames)
    if id_ == "td-session-bp":  # a record has its model behind it
        given = given[8:] + given[:8]
    if before := WRAPPED.get(id_):
        assert golden.startswith(before + given)
    else:
        assert golden == given


@pytest.mark.parametrize("id_", [id_ for id_ in NUMBERS if id_ in VECTORS])
def test_a_golden_number_is_that_of_the_vector(id_):
    assert NUMBERS[id_].hex() == VECTORS[id_]["input_hex"]


@pytest.mark.parametrize(("driver", "id_"), GOLDEN)
def test_a_driver_says_what_the_vector_says(driver, id_):
    vector = VECTORS[id_]
    told = Told(DRIVERS[driver], vector, CASES[driver, id_].name)
    for name, wanted in vector["expected"].items():
        if name in UNTOLD or (id_, name) in UNTOLD_HERE:
            continue
        if id_ in OTHERWISE:
            assert told.alone[name] == wanted
            assert not is_told(told, name, wanted) or name in FLAGS
            continue
        assert is_told(told, name, wanted), (name, wanted, told.items)


@pytest.mark.parametrize(("driver", "id_"), GOLDEN)
def test_the_command_decode_shows_each_vector_or_says_why_not(driver, id_, capsys):
    vector, name = VECTORS[id_], CASES[driver, id_].name
    told = Told(DRIVERS[driver], vector, name)
    words = [f"{f.source}={f.data.hex()}" if f.source != RX else f.data.hex() for f in told.frames]
    code = main(["decode", driver, "--name", name, *words])
    out, err = capsys.readouterr()
    is_amiss = vector["expected"].keys() & {"error", "must_not_decode_as"}
    if is_amiss or vector["uuid_or_protocol"].endswith((" 2 frame", " 2 stream", " 7 frame")):
        assert (code, bool(err)) == (1, True)
    else:
        assert code == 0
        assert all(json.loads(line) for line in out.splitlines())
        assert out
    if id_.endswith(("df2-sync", "df2-rev", "df2-red", "df7-frame")):
        assert "25 of them make a packet" in err


NOON = datetime.fromisoformat("2025-11-22T08:01:00")
BUILT = {
    "racp-req-01": request(Opcode.REPORT_RECORDS),
    "racp-req-02": request(Opcode.REPORT_RECORDS, Operator.FIRST),
    "racp-req-03": request(Opcode.REPORT_RECORDS, Operator.LAST),
    "racp-req-04": request(Opcode.REPORT_NUMBER_OF_RECORDS),
    "racp-req-05": request(Opcode.DELETE_RECORDS),
    "racp-req-06": record_access.ABORT,
    "racp-req-07": from_number(Opcode.REPORT_RECORDS, 5),
    "racp-req-08": request(Opcode.REPORT_RECORDS, Operator.LESS_OR_EQUAL, b"\x0a\0"),
    "racp-req-09": request(Opcode.REPORT_RECORDS, Operator.WITHIN_RANGE, b"\5\0", b"\x0a\0"),
    "racp-req-10": request(
        Opcode.REPORT_RECORDS,
        Operator.GREATER_OR_EQUAL,
        device_clock.encode(device_clock.DATE_TIME, NOON),
        by=Filter.USER_FACING_TIME,
    ),
    "racp-req-11": from_number(Opcode.REPORT_NUMBER_OF_RECORDS, 5),
    "td-req-clock-read": build(taidoc.CLOCK),
    "td-req-model": build(taidoc.MODEL),
    "td-req-rec-time": build(taidoc.TIME),
    "td-req-rec-value": build(taidoc.VALUE),
    "td-req-power-off": build(0x50),
    "td-req-serial-or-notify": build(taidoc.NOTIFY),
    "td-req-value-user1": build(taidoc.VALUE, b"\0\0\0\1"),
    "td-req-count": build(taidoc.LATEST),
    "contour-clock-write": glucose_clock.encode(glucose_clock.CONTOUR, NOON),
    "caresens-time-write": glucose_clock.encode(
        glucose_clock.CARESENS, datetime.fromisoformat("2018-11-29T22:45:59")
    ),
    "nonin9560-settime": nonin_9560.set_time(datetime.fromisoformat("2050-12-31T14:30:15")),
    "nonin9560-setfmt-0D": nonin_9560.SELECT_FORMAT_13,
    "cms7-cmd-start": contec_cms50_v7.START,
    "cms7-cmd-stop": contec_cms50_v7.STOP,
    "cms7-cmd-stopstored": contec_cms50_v7.STOP_STORED,
    "cms7-cmd-keepalive": contec_cms50_v7.KEEP_ALIVE,
}


@pytest.mark.parametrize("id_", BUILT)
def test_what_the_hub_writes_is_what_the_vector_has(id_):
    assert BUILT[id_].hex() == VECTORS[id_]["input_hex"]


def test_every_frame_of_the_hub_that_is_written_is_held_against_its_vector():
    written = {each["id"] for each in UNBUILT if each["reason"].startswith("written by the hub")}
    never = {each["id"] for each in UNBUILT if each["reason"].startswith("never written")}
    assert written <= BUILT.keys() <= written | never


def test_what_must_not_be_written_is_on_no_allow_list():
    commands = [command for driver in DRIVERS.values() for command in driver.info.commands]
    for id_ in ("nonin9560-setfmt-07", "td-req-power-off", "td-req-serial-or-notify"):
        assert not bytes.fromhex(VECTORS[id_]["input_hex"]).startswith(tuple(commands))
