import json
from pathlib import Path

import fastjsonschema
from hypothesis import given
from hypothesis import strategies as st

from uplink.standing import Standing
from uplink.status import GONE, MAX_BYTES, Health, describe
from uplink.survey import Stats

SCHEMA = Path(__file__).parents[2] / "docs" / "status.schema.json"
CHECK = fastjsonschema.compile(json.loads(SCHEMA.read_text()))

COUNTS = st.integers(0, 2**64)
KIDS = st.just(b"") | st.binary(min_size=16, max_size=16)


@st.composite
def stats(draw):
    return Stats(
        waiting=draw(COUNTS),
        released=draw(COUNTS),
        quarantined=draw(st.dictionaries(st.text(), COUNTS)),
        used_bytes=draw(COUNTS),
        quota_bytes=draw(COUNTS),
        epochs=draw(COUNTS),
        open_epochs=draw(COUNTS),
        open_checkpoints=draw(COUNTS),
        oldest_s=draw(st.floats(0, 1e300)),
        oldest_is_at_least=draw(st.booleans()),
        losses=(),
        oldest_open=draw(KIDS),
        newest_open=draw(KIDS),
    )


@st.composite
def standings(draw):
    standing = Standing(30, lambda: None)
    standing.is_office_silent = draw(st.booleans())
    standing.last_receipt_ms = draw(st.none() | COUNTS)
    return standing


HEALTH = st.builds(Health, COUNTS, st.text(), st.booleans())


@given(standings(), stats(), st.text(), HEALTH)
def test_whatever_a_hub_has_to_say_it_is_under_500_bytes_and_as_the_schema_says(
    standing, stats, software, health
):
    status = describe(standing, stats, software, health)
    assert len(status) <= MAX_BYTES
    CHECK(json.loads(status))


def test_the_longest_status_there_is_fits():
    standing = Standing(30, lambda: None)
    standing.last_receipt_ms = 2**64
    most = Stats(
        *(2**64, 0, {"refused": 2**64}, 0, 0, 0, 2**64, 0, 1e300),
        oldest_is_at_least=False,
        losses=(),
        oldest_open=b"\xff" * 16,
        newest_open=b"\xff" * 16,
    )
    said = describe(standing, most, '"' * 99, Health(2**64, "\x00" * 99, needs_help=False))
    assert len(said) == 453
    CHECK(json.loads(said))


def test_the_will_is_a_status_too():
    CHECK(json.loads(GONE))


def test_a_status_tells_the_software_in_plain_letters():
    standing, empty = Standing(30, lambda: None), Stats(0, 0, {}, 0, 0, 0, 0, 0, 0.0, False, ())
    said = json.loads(describe(standing, empty, "vitalpost 0.1.0", Health(5, "good")))
    assert (said["software"], said["signal"]) == ("vitalpost 0.1.0", "good")
    assert (said["oldest_epoch"], said["newest_epoch"]) == (None, None)
