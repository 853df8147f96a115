import pytest

from gateway.cli.lines import _describe_clock


@pytest.mark.parametrize(
    ("clock", "words"),
    [
        ({"quality": 4, "source": "system"}, "synchronised to less than 16 ms"),
        ({"quality": 0}, "not synchronised"),
        ({"quality": 0, "source": None, "source_quality": 0}, "not synchronised"),
        (
            {"quality": 0, "source": "office", "source_quality": 13},
            "not synchronised; known to less than 8192 ms by the office",
        ),
    ],
)
def test_the_clock_is_told_with_who_knows_the_time(clock, words):
    assert _describe_clock(clock) == words
