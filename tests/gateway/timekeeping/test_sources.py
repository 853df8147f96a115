from hypothesis import given
from hypothesis import strategies as st

from gateway.timekeeping.sources import LEAST_ERROR_MS, MODEM, OFFICE, SYSTEM, Sources, Word

NOON_MS = 1_800_000_000_000
DAY_MS = 86_400_000
HOUR_MS = 3_600_000


def says(source, at_ms=0, *, off_ms=0, error_ms=1):
    """What that source says at this BOOTTIME of a boot that began at noon."""
    return Word(at_ms, NOON_MS + at_ms + off_ms, error_ms, source)


def best(*words, at_ms=0):
    sources = Sources()
    for word in words:
        sources.take(word)
    return sources.best(at_ms)


def test_nobody_has_said_anything():
    assert best() is None


def test_a_word_is_carried_on_by_boottime_with_its_drift():
    word = best(says(OFFICE), at_ms=10 * DAY_MS)
    assert word.utc_ms == NOON_MS + 10 * DAY_MS
    assert word.error_ms == LEAST_ERROR_MS[OFFICE] + 86_400 + 1


def test_no_source_is_believed_to_be_better_than_it_can_be():
    assert best(says(MODEM, error_ms=10)).quality == 18
    assert best(says(OFFICE)).quality == 13


def test_what_leaves_least_doubt_is_told():
    assert best(says(MODEM), says(OFFICE)).source == OFFICE
    assert best(says(SYSTEM, error_ms=32), says(OFFICE)).source == SYSTEM
    late_ms = 600 * DAY_MS
    assert best(says(SYSTEM, error_ms=32), says(OFFICE, late_ms), at_ms=late_ms).source == OFFICE


def test_a_modem_that_is_hours_off_is_not_told_once_another_denies_it():
    wrong = says(MODEM, off_ms=-5 * HOUR_MS)
    assert best(wrong).source == MODEM
    assert best(wrong, says(OFFICE)).source == OFFICE
    assert best(says(SYSTEM), wrong).source == SYSTEM


def test_where_the_office_and_the_system_deny_each_other_nobody_is_told():
    assert best(says(SYSTEM), says(OFFICE, off_ms=DAY_MS)) is None


def test_a_source_that_takes_its_word_back_is_heard():
    assert best(says(MODEM, off_ms=DAY_MS), says(MODEM, error_ms=600_000)).utc_ms == NOON_MS


@given(
    st.lists(
        st.tuples(
            st.sampled_from(sorted(LEAST_ERROR_MS)),
            st.integers(0, 100 * DAY_MS),
            st.integers(1, HOUR_MS),
            st.floats(-1, 1),
        ),
        max_size=8,
    ),
    st.integers(0, 100 * DAY_MS),
    st.floats(-1, 1),
)
def test_where_each_is_right_within_its_error_so_is_the_best(told, now_ms, drift):
    words = []
    for source, at_ms, error_ms, off in told:
        true_ms = NOON_MS + at_ms + int(drift * 100 * at_ms / 1e6)
        words.append(Word(at_ms, true_ms + int(off * error_ms), error_ms, source))
    found = best(*words, at_ms=now_ms)
    assert bool(found) == bool(words)
    if found:
        true_ms = NOON_MS + now_ms + int(drift * 100 * now_ms / 1e6)
        assert abs(found.utc_ms - true_ms) <= found.error_ms + 2
