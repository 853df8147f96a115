import json
from datetime import UTC, date, datetime

import pytest
from sqlalchemy import event, update

from backend import tables
from backend.errors import EvidenceRefused, PatientUnknown
from backend.evidence_package.archive import unpack
from backend.patients.examine import judge_patient
from tests.backend.evidence_package import made
from tests.backend.evidence_package.made import MORNING, check, fill, lines, make, measure_day
from tests.backend.office import DAY, HOUR, MINUTE, PATIENT, failed_frame, frame, naive, utc

OTHER_CUFF = ("A&D Medical", "UA-651BLE", "5181100999")


def unpacked(package, tmp_path):
    path = tmp_path / "package.zip"
    path.write_bytes(package.data)
    return unpack(path)[0]


def document(files, name):
    return json.loads(files[f"{name}.json"])


def test_a_month_is_packed_with_its_verdict_and_gives_itself_again(office, tmp_path):
    fill(office)
    package = make(office)
    files = unpacked(package, tmp_path)
    verdict = document(files, "verdict")
    assert [(of["code"], of["reason"]) for of in verdict["codes"] if of["reason"] is None] == [
        ("99453", None),
        ("99454", None),
        ("99457", None),
    ]
    assert (verdict["qualifying_days"], verdict["management_minutes"]) == (18, 25)
    found = check(files)
    assert (found.problems, found.records) == ([], 54)
    assert found.verdict == package.verdict


def test_the_verdict_is_that_of_the_ledger(office):
    fill(office)
    asked = made.asked()
    with office.ledger.reading() as connection:
        of_ledger = judge_patient(
            connection, PATIENT, 1, asked.month, asked.policy, as_of=asked.as_of
        )
    verdict = make(office).verdict
    assert (verdict.codes, verdict.days, verdict.flags) == (
        of_ledger.codes,
        of_ledger.days,
        of_ledger.flags,
    )


def test_made_twice_it_is_the_same_bytes_and_so_is_it_after_more_has_come(office):
    hub = fill(office)
    first = make(office)
    assert make(office).data == first.data
    measure_day(office, hub, utc(2026, 5, 2, 12))
    made.state(office, ("stay", {"from": "2026-05-01", "to": "2026-05-03"}))
    assert make(office).data == first.data


def test_every_day_of_the_thirty_and_every_reading_is_told(office, tmp_path):
    fill(office)
    files = unpacked(make(office), tmp_path)
    days = document(files, "days")
    assert len(days) == 30
    assert [day["counted"] for day in days] == [True] * 18 + [False] * 12
    readings = lines(files, "readings.jsonl")
    assert {name for day in days for name in day["readings"]} == {of["identity"] for of in readings}
    [record] = readings[0]["records"]
    assert record["frames"][0][0] == "2A35"
    assert readings[0]["judged"]["method"] == "device-corrected"


def test_what_does_not_count_is_in_it_with_its_reason(office, tmp_path):
    hub = fill(office, days=2)
    at_ms = MORNING + 2 * DAY
    told = naive(at_ms - MINUTE - made.NEW_YORK_AHEAD)
    measure_day(
        office,
        hub,
        at_ms,
        lambda hub, at: hub.measure(at, failed_frame(told)),
        lambda hub, at: hub.measure(at, frame(naive(at + 900 * DAY)), live=False),
    )
    office.now_ms = utc(2026, 5, 1)
    files = unpacked(make(office), tmp_path)
    excluded = lines(files, "excluded.jsonl")
    assert sorted(of["reason"] for of in excluded) == ["CLOCK_FAULT", "INVALID_READING"]
    assert all(of["why"] for of in excluded)
    assert check(files).problems == []


def test_a_boot_without_a_clock_travels_with_its_anchors(office, tmp_path):
    hub = fill(office, days=2)
    hub.quality = 0
    late = MORNING + 2 * DAY
    measure_day(office, hub, late)
    hub.quality = 5
    measure_day(office, hub, late + DAY, lambda hub, at: hub.anchor(at))
    office.now_ms = utc(2026, 5, 1)
    package = make(office)
    assert len(package.verdict.days) == 4
    assert check(unpacked(package, tmp_path)).problems == []


def test_a_clock_that_was_seen_to_jump_in_a_boot_without_time_is_judged_alike(office, tmp_path):
    hub = fill(office, days=2)
    dark, late = MORNING + 3 * DAY, MORNING + 5 * DAY
    hub.boot, hub.quality = bytes([7] * 16), 0
    hub.begin_next(dark - 2 * MINUTE)
    hub.describe(dark - MINUTE)
    hub.clock(dark, naive(dark + DAY))
    office.take(hub, hub.key_record, hub.run(), hub.close())
    hub.boot, hub.quality = bytes([8] * 16), 5
    told = frame(naive(dark + DAY + HOUR))
    measure_day(
        office, hub, late, lambda hub, at: hub.measure(at + MINUTE, told, live=False), shown=-HOUR
    )
    for day in range(1, 40):
        measure_day(office, hub, late + day * DAY, shown=-HOUR)
    for period in (1, 2):
        office.now_ms = utc(2026, 5, 1)
        package = make(office, period=period)
        files = unpacked(package, tmp_path)
        assert check(files).problems == []
        # In the clock's own words it would be of the day on which nobody measured.
        assert str(naive(dark + DAY).date()) not in [str(day) for day in package.verdict.days]
    assert len([one for one in office.calendar().held if one.detail == "several-offsets"]) == 1


def test_a_clock_that_was_set_and_what_came_again_by_another_hub_are_judged_alike(office, tmp_path):
    hub = fill(office, days=3)
    at_ms = MORNING + 3 * DAY
    wrong = naive(at_ms - 300 * DAY)

    def set_clock(hub, at):
        hub.clock(at + MINUTE, wrong)
        hub.clock(at + 2 * MINUTE, naive(at + 2 * MINUTE - made.NEW_YORK_AHEAD), is_set=True)
        hub.measure(at + 3 * MINUTE, frame(naive(at - HOUR - 300 * DAY)), live=False)

    measure_day(office, hub, at_ms, set_clock)
    other = office.enroll("hub-2")
    measure_day(office, other, at_ms + DAY)
    other.begin_next(at_ms + 2 * DAY)
    other.describe(at_ms + 2 * DAY)
    again = frame(naive(MORNING - MINUTE - made.NEW_YORK_AHEAD))
    other.measure(at_ms + 2 * DAY, again, live=False)
    office.take(other, other.key_record, other.run())
    office.now_ms = utc(2026, 5, 1)
    package = make(office)
    files = unpacked(package, tmp_path)
    assert check(files).problems == []
    assert len(lines(files, "sealed/hubs.jsonl")) == 2
    counts = [len(of["records"]) for of in lines(files, "readings.jsonl")]
    assert sorted(counts) == [1, 1, 1, 1, 1, 2]


def test_other_people_are_left_out_and_have_no_name(office, tmp_path):
    hub = fill(office, days=2)
    office.assign("neighbour-7", identity=OTHER_CUFF)
    at_ms = MORNING + 2 * DAY

    def of_neighbour(hub, at):
        hub.describe(at, identity=OTHER_CUFF, number=1)
        hub.measure(at, frame(naive(at), systolic=180), number=1)

    measure_day(office, hub, at_ms, of_neighbour)
    office.now_ms = utc(2026, 5, 1)
    package = make(office)
    files = unpacked(package, tmp_path)
    assert check(files).problems == []
    assert b"neighbour" not in package.data
    assert b"5181100999" not in package.data
    withheld = [of["withheld"] for of in document(files, "completeness")]
    assert withheld == [[], [], [[4, 5]]]
    chains = [of["chain"] for of in document(files, "completeness")]
    assert chains == ["agrees up to 3", "agrees up to 3", "not shown"]


def test_a_cuff_that_was_anothers_before_says_nothing_of_that_one(office, tmp_path):
    office.assign("former-3", since=date(2026, 2, 1))
    hub = office.enroll(booted_ms=utc(2026, 2, 1))
    measure_day(office, hub, utc(2026, 2, 20, 12))
    office.assign(since=date(2026, 3, 1), reassign=True)
    office.now_ms = MORNING - HOUR
    made.state(office, *made.FACTS)
    measure_day(office, hub, MORNING)
    measure_day(office, hub, MORNING + DAY)
    office.now_ms = utc(2026, 5, 1)
    package = make(office)
    files = unpacked(package, tmp_path)
    assert check(files).problems == []
    assert b"former-3" not in package.data
    assert {row["patient"] for row in lines(files, "ledger/assignment.jsonl")} == {
        PATIENT,
        "another-1",
    }
    assert len(lines(files, "readings.jsonl")) == 2


def test_the_third_period_says_where_the_first_began_and_not_what_lies_between(office, tmp_path):
    hub = fill(office, days=2)
    for day in (28, *range(61, 65)):
        measure_day(office, hub, MORNING + day * DAY)
    as_of = datetime(2026, 8, 1, tzinfo=UTC)
    package = make(office, period=3, month=None, as_of=as_of)
    files = unpacked(package, tmp_path)
    assert check(files).problems == []
    assert package.asked.scope == "period"
    assert len(package.verdict.days) == 4
    readings = lines(files, "readings.jsonl")
    began = [of["measured"][0]["utc"][:10] for of in readings]
    assert (len(began), min(began), "2026-03-30" in began) == (6, "2026-03-02", False)


def test_gaps_and_what_a_hub_has_lost_are_told(office, tmp_path):
    hub = fill(office, days=2)
    hub.begin_next(MORNING + 2 * DAY - MINUTE)
    hub.describe(MORNING + 2 * DAY - MINUTE)
    told = naive(MORNING + 2 * DAY - made.NEW_YORK_AHEAD)
    hub.measure(MORNING + 2 * DAY, frame(told))
    hub.anchors(2, MORNING + 2 * DAY)
    office.take(hub, hub.key_record, hub.run(1, 2), hub.run(4, 4), hub.close())
    office.take(hub, hub.gone({hub.epoch.kid: [(3, 3)]}))
    package = make(office)
    files = unpacked(package, tmp_path)
    assert check(files).problems == []
    newest = document(files, "completeness")[-1]
    assert newest["state"] == "gap"
    assert [(of["first"], of["last"], of["fate"]) for of in newest["gaps"]] == [(3, 3, "gone")]


def test_what_came_after_the_claim_was_locked_is_listed_apart(office, tmp_path):
    hub = fill(office, days=3)
    made.state(office, ("lock", {"period": 1, "at": "2026-04-05T12:00:00Z", "episode": 1}))
    at_ms = utc(2026, 4, 20, 12)
    late = naive(MORNING + 5 * DAY - made.NEW_YORK_AHEAD)
    measure_day(office, hub, at_ms, lambda hub, at: hub.measure(at, frame(late), live=False))
    office.now_ms = utc(2026, 5, 1)
    files = unpacked(make(office), tmp_path)
    assert [of["reason"] for of in lines(files, "excluded.jsonl")] == ["LATE_AFTER_LOCK"]
    assert check(files).problems == []


def test_a_device_that_was_stated_and_never_enrolled_is_the_patients_as_well(office, tmp_path):
    hub = office.enroll()
    office.now_ms = MORNING - HOUR
    home = {"zone": "America/New_York", "from": "2026-03-01"}
    made.state(office, ("patient", home), *made.FACTS)
    for day in range(2):
        measure_day(office, hub, MORNING + day * DAY)
    office.now_ms = utc(2026, 5, 1)
    package = make(office)
    assert len(package.verdict.days) == 2
    assert check(unpacked(package, tmp_path)).problems == []


def test_with_no_reading_at_all_the_facts_alone_are_packed(office, tmp_path):
    office.assign()
    made.state(office, *made.FACTS)
    package = make(office)
    assert package.verdict.period is None
    assert check(unpacked(package, tmp_path)).problems == []


def test_asked_later_the_answer_is_the_same_once_period_and_month_have_ended(office):
    fill(office)
    assert made.as_of(office, utc(2026, 6, 1)) == made.as_of(office, utc(2027, 1, 1))
    assert made.as_of(office, utc(2026, 3, 10)) == datetime(2026, 3, 10, tzinfo=UTC)


def test_a_ledger_that_was_altered_gives_no_package(office):
    fill(office, days=3)
    with office.ledger.writing() as connection:
        connection.execute(
            update(tables.record).where(tables.record.c.sequence == 3).values(sealed=bytes(60))
        )
    with pytest.raises(EvidenceRefused, match="record 3 does not open"):
        make(office)


def test_a_judgement_that_was_altered_gives_no_package(office):
    fill(office, days=3)
    moved = [[MORNING + 9 * DAY, MORNING + 9 * DAY]]
    with office.ledger.writing() as connection:
        connection.execute(
            update(tables.judgement).where(tables.judgement.c.reading == 2).values(candidates=moved)
        )
    with pytest.raises(EvidenceRefused, match="does not give itself again"):
        make(office)


def test_nobody_of_that_name_has_no_package(office):
    with pytest.raises(PatientUnknown):
        make(office, patient="nobody")


def test_a_month_asks_the_ledger_a_number_of_times_that_grows_with_its_records_alone(office):
    hub = fill(office, days=10)
    asked = []
    listened = office.ledger._engine
    event.listen(listened, "before_cursor_execute", lambda *args: asked.append(args[2]))
    make(office)
    for_ten = len(asked)
    for day in range(10, 20):
        measure_day(office, hub, MORNING + day * DAY)
    office.now_ms = utc(2026, 5, 1)
    asked.clear()
    make(office)
    assert len(asked) - for_ten <= 10 * 8
