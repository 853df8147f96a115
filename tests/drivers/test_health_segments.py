from hypothesis import given
from hypothesis import strategies as st

from drivers.health_segments import Segments, join
from drivers.spi import Frame, Undecodable


def cut(value, size, counter):
    parts = [value[at : at + size] for at in range(0, len(value), size)] or [b""]
    last = len(parts) - 1
    for number, part in enumerate(parts):
        header = (number == 0) | (number == last) << 1 | (counter + number) % 64 << 2
        yield Frame("2B8B", bytes((header,)) + part)


def feed(frames):
    segments = Segments()
    found = [each for frame in frames for each in segments.feed(frame)]
    return found + list(segments.end())


VALUES = st.binary(max_size=200)
SIZES = st.integers(1, 30)
COUNTERS = st.integers(0, 63)


@given(st.lists(st.tuples(VALUES, SIZES, COUNTERS), max_size=4))
def test_values_come_out_as_they_were_cut(sent):
    frames = [frame for each in sent for frame in cut(*each)]
    found = feed(frames)
    assert [join(each) for each in found] == [value for value, _, _ in sent]
    assert [frame for each in found for frame in each] == [
        frame for value, size, _ in sent for frame in cut(value, size, 0)
    ]


@given(st.binary(min_size=40, max_size=200), st.integers(1, 10), COUNTERS, st.data())
def test_a_value_that_lacks_a_segment_never_comes_out(value, size, counter, data):
    frames = list(cut(value, size, counter))
    lost = data.draw(st.integers(0, len(frames) - 1))
    left = frames[:lost] + frames[lost + 1 :]
    found = feed(left)
    assert all(isinstance(each, Undecodable) for each in found)
    assert [frame for each in found for frame in each.raw] == left


@given(st.lists(st.binary(max_size=4), max_size=12))
def test_any_frames_are_values_or_undecodable_and_none_is_dropped(sent):
    frames = [Frame("2B8B", data) for data in sent]
    found = feed(frames)
    parts = [each.raw if isinstance(each, Undecodable) else each for each in found]
    assert sorted(frame.data[1:] for part in parts for frame in part) == sorted(
        frame.data[1:] for frame in frames
    )


@given(VALUES, SIZES, COUNTERS, COUNTERS)
def test_a_value_has_the_same_frames_in_every_connection(value, size, first, second):
    assert feed(cut(value, size, first)) == feed(cut(value, size, second))


def test_a_value_without_end_is_given_up():
    frames = [Frame("2B8B", bytes((1 if n == 0 else n % 64 << 2,))) for n in range(1025)]
    [given_up] = feed(frames)
    assert len(given_up.raw) == 1025
