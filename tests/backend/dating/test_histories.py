from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.dating.histories import Shared
from backend.dating.instants import Interval
from backend.dating.stretches import Offset, candidates, cut, less

BEGUN = datetime(2026, 3, 1)  # noqa: DTZ001  device times are naive
BEGUN_MS = 1_772_323_200_000
SECOND, HOUR = 1_000, 3_600_000

steps = st.sampled_from([0, 40, SECOND, 30 * SECOND, HOUR, 20 * HOUR])
errors = st.sampled_from([0, 0, 0, 0, SECOND, 4 * SECOND, 60 * SECOND, 13 * HOUR, -300 * 24 * HOUR])


@st.composite
def findings(draw, least, most):
    at_ms, offsets = BEGUN_MS, []
    for _ in range(draw(st.integers(least, most))):
        at_ms += draw(steps)
        offsets.append(finding(draw, at_ms, is_set=draw(st.booleans())))
    return offsets


def finding(draw, at_ms, *, is_set):
    at = Interval(at_ms - draw(st.sampled_from([32, 132, 40 * SECOND])), at_ms + 32)
    return Offset(at, less(at, shown(at_ms + draw(errors))), is_set)


def shown(at_ms):
    return BEGUN + timedelta(milliseconds=at_ms - BEGUN_MS)


@pytest.mark.long
@settings(max_examples=400, deadline=None)
@given(data=st.data(), offsets=findings(1, 40))
def test_searching_shared_stretches_finds_what_cutting_anew_finds(data, offsets):
    draw = data.draw
    span_ms = offsets[-1].at.to_ms - BEGUN_MS + HOUR
    shared = Shared(offsets, few=0)
    for _ in range(draw(st.integers(1, 4))):
        first, last = sorted(draw(st.tuples(*[st.integers(0, len(offsets))] * 2)))
        ats = draw(st.lists(st.integers(-HOUR, span_ms), max_size=3))
        live = [finding(draw, BEGUN_MS + at, is_set=False) for at in ats]
        plain = cut([*offsets[first:last], *live])
        history = shared.cut(first, last, live)
        assert bool(plain) == bool(history.own)
        for _ in range(3):
            told = shown(BEGUN_MS + draw(st.integers(-HOUR, span_ms)) + draw(errors))
            arrived_ms = BEGUN_MS + draw(st.integers(0, span_ms))
            enrolled_ms = BEGUN_MS + draw(st.sampled_from([-HOUR, HOUR]))
            asked = (told, arrived_ms, enrolled_ms)
            assert found(history.candidates(*asked)) == found(candidates(plain, *asked))


def found(those):
    return sorted((one.measured, one.stretch.from_ms, one.stretch.to_ms) for one in those)
