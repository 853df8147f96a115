from hypothesis import given
from hypothesis import strategies as st

from backend.ranges import as_ranges, intersect, merge, subtract

ranges = st.lists(
    st.tuples(st.integers(1, 30), st.integers(0, 6)).map(lambda of: (of[0], of[0] + of[1])),
    max_size=6,
)


def members(some):
    return {n for first, last in some for n in range(first, last + 1)}


def test_following_sequences_are_one_range():
    assert as_ranges([5, 1, 2, 7, 3]) == [(1, 3), (5, 5), (7, 7)]


@given(ranges, ranges)
def test_they_are_sets(some, others):
    some, others = merge(some), merge(others)
    assert members(subtract(some, others)) == members(some) - members(others)
    assert members(intersect(some, others)) == members(some) & members(others)


@given(ranges)
def test_merged_ranges_are_the_fewest_and_in_order(some):
    merged = merge(some)
    assert members(merged) == members(some)
    assert merged == as_ranges(members(some))
