import json
from dataclasses import replace

import pytest

from backend.errors import EvidenceRefused
from backend.evidence_package.archive import unpack
from drivers.dispenser_frame import build
from drivers.dispenser_hello import pack_time
from drivers.dispenser_record import RECORD, decode
from tests.backend.evidence_package import made
from tests.backend.evidence_package.made import MINUTE, MORNING, NEW_YORK_AHEAD, check, lines, make
from tests.backend.intake.test_series import OXIMETER, stretch
from tests.backend.office import DAY, HOUR, naive, utc
from uplink.records import EventRecord, ObservationFact, ReadingRecord

DISPENSER = ("Maker", "drum", "77")
OPENED, DISPENSED, MISSED = 1, 3, 4
RPM = [one for one in made.FACTS if one[0] not in {"device", "time", "note"}]


def begin(office, identity, driver, program):
    """An office whose patient has this device, and a hub that knows it."""
    office.assign(identity=identity)
    office.now_ms = MORNING - HOUR
    others = [of for of in RPM if of[0] != "episode"]
    kind = "spo2" if program["program"] == "RPM" else "pill_dispenser"
    episode = ("episode", {"start": "2026-03-01", "condition": "M17.11"} | program)
    device = ("device", {"device": "/".join(identity), "kind": kind, "k510": "K1"})
    plan = ("plan", {"on": "2026-03-01"})
    made.state(office, episode, plan, device, *others)
    hub = office.enroll().begin(MORNING - HOUR)
    hub.describe(MORNING - MINUTE, identity, driver=driver)
    return hub


def unpacked(office, hub, tmp_path):
    office.now_ms = MORNING + 20 * DAY
    office.take(hub, hub.key_record, hub.run(), hub.close())
    office.now_ms = utc(2026, 5, 1)
    package = make(office)
    path = tmp_path / "package.zip"
    path.write_bytes(package.data)
    return unpack(path)[0], package.verdict


def record(hub, at_ms, kind, number):
    """What the dispenser told, as the hub writes it down."""
    told = naive(at_ms - NEW_YORK_AHEAD)
    body = (9).to_bytes(4, "little") + number.to_bytes(4, "little") + bytes((kind, 1))
    item = decode(build(RECORD, body + pack_time(told)))
    stamp, raw = hub._stamp(at_ms), item.raw
    if kind == MISSED:
        return EventRecord(stamp, "device-event", 0, raw, {"what": item.name}, item.device_time)
    seen = tuple(ObservationFact(int(o.metric), o.value, str(o.unit)) for o in item.observations)
    return ReadingRecord(
        stamp,
        0,
        raw,
        seen,
        device_time=item.device_time,
        record_number=item.record_number,
        origin=1,
        link=2,
        status=item.status,
        attributes=item.attributes,
    )


def test_a_night_of_oximetry_is_packed_and_counts_as_a_day(office, tmp_path):
    hub = begin(office, OXIMETER, "contec-cms50", {"program": "RPM"})
    for day in range(3):
        hub.record(stretch(hub, MORNING + day * DAY))
    files, verdict = unpacked(office, hub, tmp_path)
    assert check(files).problems == []
    assert len(verdict.days) == 3
    [first, *_] = lines(files, "readings.jsonl")
    assert first["records"][0]["frames"]


@pytest.mark.parametrize(
    ("program", "supply"),
    [
        ({"program": "RTM", "category": "msk"}, "98985"),
        ({"program": "RTM", "category": "other"}, "RTM device supply"),
    ],
)
def test_a_pill_dispenser_s_acts_are_days_of_therapy_and_a_missed_dose_is_none(
    office, tmp_path, program, supply
):
    hub = begin(office, DISPENSER, "vitalpost-dispenser-serial", program)
    acts = [(0, OPENED), (0, DISPENSED), (1, DISPENSED), (2, MISSED), (3, OPENED)]
    for number, (day, kind) in enumerate(acts, 1):
        at_ms = MORNING + day * DAY + number * MINUTE
        hub.clock(at_ms, naive(at_ms - NEW_YORK_AHEAD))
        hub.record(record(hub, at_ms, kind, number))
    files, verdict = unpacked(office, hub, tmp_path)
    assert check(files).problems == []
    assert len(verdict.days) == 3
    codes = {of["code"]: of["reason"] for of in json.loads(files["verdict.json"])["codes"]}
    assert codes["98975"] is None
    assert codes[supply] == ("NO_SUPPLY_CODE" if supply.startswith("RTM") else None)
    assert b"dispensed" in files["readings.jsonl"]


def test_a_stretch_that_says_more_than_its_frames_is_handed_out_to_nobody(office, tmp_path):
    hub = begin(office, OXIMETER, "contec-cms50", {"program": "RPM"})
    hub.record(replace(stretch(hub, MORNING), attributes={}))
    with pytest.raises(EvidenceRefused, match="its frames say another attributes"):
        unpacked(office, hub, tmp_path)
