import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.commands import FACTS, TAKES, CommandError, parse
from simulator.frames import Values

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)
near_commands = st.dictionaries(
    st.sampled_from(["id", "do", "device", *FACTS]),
    json_values
    | st.sampled_from([*TAKES, "167d", "2026-03-08T12:00:00"])
    | st.fixed_dictionaries(dict.fromkeys(Values._fields, st.integers(-1, 3000))),
    max_size=3,
)


@given(st.binary() | near_commands.map(lambda found: json.dumps(found).encode()))
def test_a_line_is_a_command_or_one_error(line):
    with suppress(CommandError):
        assert parse(line).do in TAKES


@pytest.mark.parametrize(
    ("line", "fact"),
    [
        (
            b'{"do": "measure", "values": {"systolic": 1, "diastolic": 2, "mean": 3, "pulse": 4}}',
            {"systolic": 1, "diastolic": 2, "mean": 3, "pulse": 4},
        ),
        (b'{"do": "measure", "failed": true}', None),
        (b'{"do": "measure", "frame": "167D"}', b"\x16\x7d"),
        (b'{"do": "resend", "count": 12, "id": 7}', 12),
        (b'{"do": "stop"}', None),
    ],
)
def test_a_command_carries_its_fact(line, fact):
    assert parse(line).fact == fact
    assert parse(line.replace(b"{", b'{"device": "cuff", ', 1)).device == "cuff"


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        (b'{"do": "measure", "failed": false}', "measure.failed"),
        (b'{"do": "measure", "failed": true, "frame": "16"}', "values or failed or frame"),
        (b'{"do": "set-clock", "device_time": "2026-03-08T12:00:00Z"}', "no zone"),
        (b'{"do": "pair", "value": true}', "pair: wanted nothing"),
        (b'{"do": "measure", "values": {"systolic": -1}}', "measure.values: wanted 0 to"),
        (b'{"do": "pair", "device": 1}', "device: wanted a name"),
        (b'{"do": "fly"}', "wait-delivered"),
    ],
)
def test_an_error_names_the_fault_and_keeps_the_id(line, fault):
    with pytest.raises(CommandError, match=fault) as refused:
        parse(line.replace(b"{", b'{"id": 9, ', 1))
    assert refused.value.id == 9
