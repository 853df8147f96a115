"""A month of a patient in a real ledger, and packages of it; what was stated came as facts do."""

import json
from datetime import UTC, datetime, timedelta

from backend.billing.policy import DEFAULT
from backend.epochs import Opener
from backend.evidence_package.asked import Asked
from backend.evidence_package.check import check_files
from backend.evidence_package.contents import Source
from backend.evidence_package.judging import JUDGING
from backend.evidence_package.make import find_as_of, make_evidence
from backend.facts.entry import enter, parse
from tests.backend.office import CUFF, DAY, DRIVERS, HOUR, KEY, MINUTE, PATIENT, frame, naive, utc

MORNING = utc(2026, 3, 2, 12)
NEW_YORK_AHEAD = 5 * HOUR
FACTS = [
    ("episode", {"program": "RPM", "start": "2026-03-01", "condition": "I10"}),
    ("order", {"on": "2026-03-01", "npi": "1234567893", "device": "cuff", "diagnosis": "I10"}),
    ("consent", {"on": "2026-03-01", "method": "written", "taken_by": "<b>nurse & co</b>"}),
    ("setup", {"on": "2026-03-01", "educated": True, "person": "nurse-1"}),
    ("relationship", {"on": "2026-02-01"}),
    ("practitioner", {"npi": "1234567893", "role": "biller", "profession": "physician"}),
    ("payer", {"name": "medicare_part_b"}),
    ("device", {"device": "/".join(CUFF), "kind": "blood_pressure", "k510": "K123456"}),
    (
        "time",
        {
            "start": "2026-03-20T15:00:00Z",
            "stop": "2026-03-20T15:25:00Z",
            "person": "nurse-1",
            "credential": "RN",
            "activity": "management",
            "live": True,
            "modality": "phone",
            "party": "patient",
        },
    ),
    ("note", {"month": "2026-03", "why": "<script>alert(1)</script>", "reviewer": "dr-2"}),
]


def state(office, *facts, patient=PATIENT):
    with office.ledger.writing() as connection:
        told = [
            {"patient": patient, "kind": kind, "by": "clerk-1", "because": "chart", "body": body}
            for kind, body in facts
        ]
        enter(connection, [parse(n, of) for n, of in enumerate(told, 1)], office.now_ms)


def fill(office, days=18, name="hub-1"):
    """A hub that hears the cuff every morning, in an epoch a day, each with its closing word."""
    office.assign()
    hub = office.enroll(name)
    office.now_ms = MORNING - HOUR
    state(office, *FACTS)
    for day in range(days):
        measure_day(office, hub, MORNING + day * DAY)
    office.now_ms = utc(2026, 5, 1)
    return hub


def measure_day(office, hub, at_ms, *more, shown=-NEW_YORK_AHEAD):
    """An epoch of one morning: the clock is read, a reading comes live, the epoch is closed."""
    begin = hub.begin if hub.epoch is None else hub.begin_next
    begin(at_ms - 2 * MINUTE)
    hub.describe(at_ms - MINUTE)
    hub.clock(at_ms - MINUTE, naive(at_ms - MINUTE + shown))
    hub.measure(at_ms, frame(naive(at_ms - MINUTE + shown)))
    for step in more:
        step(hub, at_ms)
    office.now_ms = at_ms + MINUTE
    office.take(hub, hub.key_record, hub.run(), hub.close())


def asked(**changes):
    defaults = {
        "patient": PATIENT,
        "period": 1,
        "month": datetime(2026, 3, 1, tzinfo=UTC).date(),
        "as_of": datetime(2026, 5, 1, tzinfo=UTC),
        "policy": DEFAULT,
        "software": "vitalpost 0",
        "made_by": "counter-1",
    }
    return Asked(**(defaults | changes))


def source(connection):
    return Source(connection, Opener({KEY.public().id: KEY}), JUDGING)


def make(office, **changes):
    with office.ledger.reading() as connection:
        return make_evidence(source(connection), asked(**changes), DRIVERS)


def as_of(office, now_ms, **changes):
    with office.ledger.reading() as connection:
        found = find_as_of(source(connection), asked(**changes), now_ms)
        return found.astimezone(UTC)


def check(files, path="package.zip"):
    return check_files(path, files, JUDGING, DRIVERS)


def lines(files, name):
    return [json.loads(line) for line in files[name].splitlines()]


def rewrite(files, name, change):
    """The same files, but one whose lines were changed."""
    found = lines(files, name)
    change(found)
    written = b"".join(
        json.dumps(of, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"
        for of in found
    )
    return files | {name: written}


__all__ = ["DAY", "HOUR", "MINUTE", "timedelta"]
