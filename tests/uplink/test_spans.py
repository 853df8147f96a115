from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from uplink.spans import Spans

numbers = st.integers(1, 60)
spans = st.tuples(numbers, numbers).map(sorted).map(tuple)
changes = st.lists(st.tuples(st.booleans(), spans), max_size=20)


def of(found):
    return [number for first, last in found for number in range(first, last + 1)]


@given(changes, spans, numbers)
def test_spans_are_what_a_set_says(changes, window, count):
    found, said = Spans(), set()
    for is_in, (first, last) in changes:
        (found.add if is_in else found.discard)(first, last)
        (said.update if is_in else said.difference_update)(range(first, last + 1))
    first, last = window
    ranges = list(found)
    assert of(ranges) == sorted(said)
    assert all(a[1] + 1 < b[0] for a, b in pairwise(ranges))
    assert found.count == len(said)
    assert found.first == min(said, default=None)
    assert {number for number in range(1, 62) if number in found} == said
    assert of(found.within(first, last)) == sorted(n for n in said if first <= n <= last)
    assert of(found.behind(first)) == sorted(n for n in said if n > first)
    assert of(found.oldest(count)) == sorted(said)[:count]
