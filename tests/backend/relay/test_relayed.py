import json
import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.errors import ReadingUnopenable
from backend.relay.pages import Pages
from backend.relay.relayed import MARK, Instant, Observed, Relayed, make_schema
from backend.relay.sinks import BYTES, READINGS
from backend.utc import as_text
from tests.backend.intake.test_series import FRAMES, OXIMETER, stretch
from tests.backend.office import (
    CUFF,
    DAY,
    HOUR,
    PATIENT,
    SECOND,
    START,
    failed_frame,
    frame,
    naive,
    utc,
)
from tests.backend.relaying import KEYS, as_relayed, emitted
from uplink.records import ObservationFact, ReadingRecord

DOCS = Path(__file__).parents[3] / "docs"
NOON = utc(2026, 3, 2, 17)


@pytest.fixture
def hub(office):
    hub = office.enroll().begin(START)
    hub.describe(NOON)
    return hub


def test_the_schema_in_the_docs_is_that_of_what_is_emitted():
    made = json.dumps(make_schema(), indent=2) + "\n"
    assert (DOCS / "relay.schema.json").read_text() == made, (
        "write make_schema() there again; fields are only ever added"
    )


def test_the_example_in_the_docs_is_one():
    example = re.search(r"```json\n(.+?)```", (DOCS / "relay.md").read_text(), re.DOTALL)[1]
    assert set(json.loads(example)) == set(Relayed.__struct_fields__)
    assert as_relayed(example).date == "2026-03-02"


def test_a_reading_is_emitted_with_all_that_is_known_of_it(office, hub):
    office.assign()
    hub.clock(NOON - SECOND, naive(NOON - SECOND))
    hub.measure(NOON, frame(naive(NOON), systolic=121), live=False)
    office.take_all(hub)
    (one,) = emitted(office)
    assert (one.version, one.cursor, one.revision, one.kind, one.failed) == (
        1,
        1,
        1,
        "reading",
        False,
    )
    assert bytes.fromhex(one.reading_id) in office.verify().reading_ids
    assert (one.record.hub, one.record.kid, one.record.sequence) == (
        hub.name,
        hub.epoch.kid.hex(),
        3,
    )
    assert (one.device.maker, one.device.model, one.device.serial) == CUFF
    assert one.device.id is None
    assert {o.metric: (o.code, o.value, o.unit) for o in one.observations} == {
        "MDC_PRESS_BLD_NONINV_SYS": (150021, "121", "mm[Hg]"),
        "MDC_PRESS_BLD_NONINV_DIA": (150022, "80", "mm[Hg]"),
        "MDC_PRESS_BLD_NONINV_MEAN": (150023, "93", "mm[Hg]"),
        "MDC_PULS_RATE_NON_INV": (149546, "60", "/min"),
    }
    assert (one.device_time, one.origin, one.link) == ("2026-03-02T17:00:00", "stored", "bonded")
    assert (one.patient, one.date, one.judged.held) == (PATIENT, "2026-03-02", False)
    assert one.judged.method == "device-corrected"
    ((begin, end),) = one.judged.candidates
    assert begin < "2026-03-02T17:00:00.000Z" < end
    assert one.received.hub == "2026-03-02T17:00:00.000Z"
    assert one.received.error_ms == 32
    assert one.received.ledger == as_text(office.now_ms, "milliseconds")
    assert [(raw.source, raw.frame) for raw in one.raw] == [
        ("2A35", frame(naive(NOON), systolic=121).hex())
    ]


def test_a_failed_measurement_is_emitted_as_one(office, hub):
    office.assign()
    hub.clock(NOON - SECOND, naive(NOON - SECOND))
    hub.measure(NOON, failed_frame(naive(NOON)))
    office.take_all(hub)
    (one,) = emitted(office)
    assert (one.failed, one.observations, one.link, one.origin) == (True, [], None, "unknown")
    assert one.date == "2026-03-02"
    assert one.attributes["special"]["MDC_PRESS_BLD_NONINV_SYS"] == "NaN"


def test_what_has_no_certain_date_is_emitted_as_held(office, hub):
    office.assign()
    hub.measure(NOON, frame(naive(NOON)), live=False)
    office.take_all(hub)
    (one,) = emitted(office)
    assert (one.patient, one.date) == (None, None)
    assert (one.judged.method, one.judged.candidates, one.judged.held, one.judged.reason) == (
        "held",
        [],
        True,
        "device-clock-unknown",
    )


def test_the_patient_is_certain_although_the_date_is_not(office, hub):
    office.assign()
    midnight = utc(2026, 3, 3, 5)
    hub.measure(midnight + SECOND, frame(), live=True)
    office.take_all(hub)
    (one,) = emitted(office)
    assert (one.patient, one.date, one.judged.held) == (PATIENT, None, True)


def test_a_device_of_nobody_is_emitted_without_a_patient(office, hub):
    hub.measure(NOON, frame(), live=True)
    office.take_all(hub)
    (one,) = emitted(office)
    assert (one.patient, one.date, one.judged.held) == (None, None, True)
    assert len(one.judged.candidates) == 1


def test_of_two_users_each_gets_their_own(office, hub):
    office.assign("patient-1", slot=1)
    office.assign("patient-2", slot=2)
    for n, user in enumerate((1, 2, 3)):
        at = NOON + n * HOUR
        stamp = hub._stamp(at)
        facts = (ObservationFact(150021, Decimal(120 + n), "mm[Hg]"),)
        hub.record(
            ReadingRecord(
                stamp, 0, (("2A35", bytes([n])),), facts, None, n, 1, 2, (), {"user_id": user}
            )
        )
    office.take_all(hub)
    assert [(one.slot, one.patient) for one in emitted(office)] == [
        (1, "patient-1"),
        (2, "patient-2"),
        (3, None),
    ]


def test_a_random_id_stands_in_for_the_names(office):
    hub = office.enroll().begin(START)
    hub.describe(NOON, identity=bytes(range(16)))
    hub.measure(NOON, frame(naive(NOON)))
    office.take_all(hub)
    (one,) = emitted(office)
    assert (one.device.id, one.device.maker) == (bytes(range(16)).hex(), None)


def test_digits_are_emitted_as_they_were_sent(office, hub):
    values = ["120", "120.0", "1.20E+3", "-0.5", "0E-7", "0.000001"]
    facts = tuple(ObservationFact(150021, Decimal(value), "mm[Hg]") for value in values)
    facts += (ObservationFact(999_999, Decimal(1), "1"),)
    hub.record(ReadingRecord(hub._stamp(NOON), 0, (("2A35", b"\1"),), facts))
    office.take_all(hub)
    (one,) = emitted(office)
    assert [o.value for o in one.observations] == [*values, "1"]
    assert one.observations[-1].metric is None


def test_a_stretch_of_a_stream_is_emitted_with_its_runs(office):
    hub = office.enroll().begin(START)
    hub.describe(NOON, identity=OXIMETER, driver="contec-cms50")
    hub.record(stretch(hub, NOON))
    office.take_all(hub)
    (one,) = emitted(office)
    assert (one.kind, one.observations, one.device_time) == ("series", [], None)
    assert (one.origin, one.link) == ("live", "open")
    assert one.series.count == 3
    for channel in one.series.channels:
        assert channel.metric.startswith("MDC_")
        assert sum(times for _, times in channel.runs) == 3
    assert one.raw[0].frame == FRAMES.hex()


def test_a_later_sighting_changes_nothing_of_what_was_emitted(office, hub):
    office.assign()
    hub.measure(NOON, frame(naive(NOON)))
    office.take_all(hub)
    (before,) = emitted(office)
    office.now_ms += DAY
    other = office.enroll("hub-2", boot=b"\2" * 16).begin(START)
    other.describe(NOON)
    other.measure(NOON + HOUR, frame(naive(NOON)), live=False)
    office.take_all(other)
    assert emitted(office)[0] == before


def test_pages_are_bounded_and_follow_each_other(office, hub):
    for n in range(READINGS + 1):
        hub.measure(NOON + n * SECOND, frame(naive(NOON + n * SECOND)))
        last = hub.epoch.last_sequence
        office.take(hub, hub.key_record, hub.run(1 if n == 0 else last, last))
    assert [one.cursor for one in emitted(office)] == list(range(1, READINGS + 2))
    with office.ledger.reading() as connection:
        first, second = (Pages(KEYS).load(connection, cursor) for cursor in (0, READINGS))
    assert (first.first, first.last, len(first.lines)) == (1, READINGS, READINGS)
    assert (second.first, second.last) == (READINGS + 1, READINGS + 1)
    assert first.records == {hub.epoch.kid: [(n, n) for n in range(2, READINGS + 2)]}
    assert len(first.body()) < BYTES
    assert all(line.startswith(MARK) for line in first.lines)


def test_long_readings_make_short_pages(office, hub):
    for n in range(40):
        raw = (("2A35", n.to_bytes(2) + bytes(30_000)),)
        facts = (ObservationFact(150021, Decimal(120), "mm[Hg]"),)
        hub.record(ReadingRecord(hub._stamp(NOON), 0, raw, facts, record_number=n))
        last = hub.epoch.last_sequence
        office.take(hub, hub.key_record, hub.run(1 if n == 0 else last, last))
    assert len(emitted(office)) == 40
    with office.ledger.reading() as connection:
        page = Pages(KEYS).load(connection, 0)
    assert 1 < len(page.lines) < 40
    assert len(page.body()) <= BYTES + len(page.lines)


def test_a_reading_whose_key_is_gone_is_not_passed_over(office, hub):
    hub.measure(NOON, frame(naive(NOON)))
    office.take_all(hub)
    emitted(office)
    with office.ledger.reading() as connection, pytest.raises(ReadingUnopenable, match="key"):
        Pages({}).load(connection, 0)


def test_a_consumer_leaves_unread_what_a_later_version_adds(office, hub):
    hub.measure(NOON, frame(naive(NOON)))
    office.take_all(hub)
    (one,) = emitted(office)
    later = msgspec.to_builtins(one) | {"added": {"later": 1}}
    assert as_relayed(msgspec.json.encode(later)) == one


@given(st.decimals(allow_nan=False, allow_infinity=False))
def test_every_number_has_the_form_that_the_schema_states(value):
    fact = {"metric": None, "code": 1, "value": str(value), "unit": "1"}
    assert Decimal(msgspec.convert(fact, type=Observed).value) == value


@given(st.integers(-62_135_510_400_000, 253_402_214_400_000))
def test_every_instant_is_rfc_3339(ms):
    text = msgspec.convert(as_text(ms, "milliseconds"), type=Instant)
    assert datetime.fromisoformat(text) == datetime(1970, 1, 1, tzinfo=UTC) + timedelta(
        milliseconds=ms
    )
