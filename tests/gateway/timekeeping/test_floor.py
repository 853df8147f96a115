from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from gateway.timekeeping.floor import FILE, RELEASED, WRITE_MS, Floor

RECEIPT_MS = 1_800_000_000_000
RELEASED_MS = round(RELEASED.timestamp() * 1000)


def test_without_any_receipt_it_is_the_release_or_the_offices_newest_answer(tmp_path):
    floor = Floor(tmp_path)
    assert floor.at_least_ms(0) == RELEASED_MS
    assert floor.at_least_ms(RECEIPT_MS) == RECEIPT_MS
    assert datetime.now(UTC) >= RELEASED


def test_an_answer_from_a_clock_far_ahead_does_not_raise_it_above_what_receipts_say(tmp_path):
    floor = Floor(tmp_path)
    floor.note(RECEIPT_MS, is_fresh=True)
    assert floor.at_least_ms(2 * RECEIPT_MS) == RECEIPT_MS


def test_a_receipt_raises_it_and_it_outlives_the_process(tmp_path):
    floor = Floor(tmp_path)
    floor.note(RECEIPT_MS, is_fresh=False)
    floor.save()
    assert Floor(tmp_path).at_least_ms(0) == RECEIPT_MS


def test_it_is_written_once_a_day_at_most(tmp_path):
    floor = Floor(tmp_path)
    for hour in range(24 * 30):
        floor.note(RECEIPT_MS + hour * WRITE_MS // 24, is_fresh=True)
        if floor.is_due:
            floor.save()
    assert floor.writes == 30


def test_only_a_fresh_receipt_lowers_it(tmp_path):
    floor = Floor(tmp_path)
    floor.note(RECEIPT_MS + 10**11, is_fresh=True)
    floor.note(RECEIPT_MS, is_fresh=False)
    assert floor.receipt_ms == RECEIPT_MS + 10**11
    floor.note(RECEIPT_MS, is_fresh=True)
    assert floor.receipt_ms == RECEIPT_MS


@pytest.mark.parametrize("place", range(12))
def test_a_damaged_file_is_said_and_not_believed(tmp_path, place):
    floor = Floor(tmp_path)
    floor.note(RECEIPT_MS, is_fresh=True)
    floor.save()
    data = bytearray((tmp_path / FILE).read_bytes())
    data[place] ^= 1
    (tmp_path / FILE).write_bytes(data)
    with capture_logs() as logs:
        assert Floor(tmp_path).receipt_ms == 0
    assert [line["event"] for line in logs] == ["time-floor-lost"]


@given(st.binary(max_size=80))
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_the_file_holds_the_hub_starts(tmp_path, data):
    (tmp_path / FILE).write_bytes(data)
    with capture_logs():
        assert Floor(tmp_path).at_least_ms(0) >= RELEASED_MS
