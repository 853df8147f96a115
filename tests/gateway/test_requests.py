import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.errors import RequestRefused
from gateway.requests import REQUESTS, Request, SetupOpen, decode_request, find_id

things = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)
fields = st.sampled_from(
    ["id", "do", "kid", "sequence", "name", "job", "address", "ends"]
) | st.text(max_size=5)
objects = st.dictionaries(fields, things | st.sampled_from([*REQUESTS]))
lines = st.binary() | (objects | things).map(lambda said: json.dumps(said).encode())


def refusal_of(line):
    with pytest.raises(RequestRefused) as refused:
        decode_request(line)
    return refused.value


@given(lines)
@example(b"[" * 60_000)
@example(b'{"do":' * 10_000)
@example(b'{"do": ' + b"[" * 500 + b"]" * 500 + b"}")
@example(b'{"id": ' + b"9" * 5000 + b', "do": "hello"}')
@example(b'{"do": "hello", "' + b"x" * 60_000 + b'": 1}')
@example(b'{"do": "\\ud800"}')
def test_a_line_is_a_request_or_is_refused_in_a_short_sentence(line):
    assert isinstance(find_id(line), int | str | None)
    try:
        request = decode_request(line)
    except RequestRefused as error:
        refused = error
    else:
        assert isinstance(request, Request)
        return
    assert len(refused.error) < 300
    assert refused.hint
    refused.error.encode()


def test_each_request_is_made_of_its_name():
    needed = {"name": "cuff", "job": 1, "yes": True}
    for do, kind in REQUESTS.items():
        wanted = {name: needed[name] for name in kind.__struct_fields__ if name in needed}
        assert type(decode_request(json.dumps({"do": do, **wanted}).encode())) is kind
    assert decode_request(b'{"do": "setup-open", "id": "x"}') == SetupOpen(id="x")


def test_an_unknown_request_names_all_that_can_be_asked():
    refused = refusal_of(b'{"id": 1, "do": "dance"}')
    assert refused.error == "'dance' cannot be asked"
    assert all(do in refused.hint for do in REQUESTS)
    assert refusal_of(b'{"id": 1}').hint == refused.hint


@pytest.mark.parametrize(
    "fact",
    [
        {"kind": "toaster"},
        {"consent": "maybe"},
        {"address": "somewhere"},
        {"ends": "../../etc"},
        {"port": "ttyUSB0"},
        {"usb": "0403"},
        {"name": "x" * 65},
        {"visit": "a\nb"},
        {"passkey": 1_000_000},
        {"history": "some"},
        {"yes": 1},
    ],
)
def test_what_a_technician_says_amiss_is_refused_by_its_field(fact):
    refused = refusal_of(json.dumps({"do": "device-add", **fact}).encode())
    assert f"$.{next(iter(fact))}" in refused.error
    assert "consent" in refused.hint


def test_an_unknown_field_names_those_that_are_known():
    refused = refusal_of(b'{"do": "status", "colour": "blue"}')
    assert refused.error == "status: Object contains unknown field `colour`"
    assert refused.hint == "Beside do, status takes: id."


@pytest.mark.parametrize(
    ("line", "found"),
    [(b'{"id": 4, "x": 1}', 4), (b'{"id": "a"}', "a"), (b'{"id": [1]}', None), (b"{", None)],
)
def test_the_id_comes_back_where_there_is_one(line, found):
    assert find_id(line) == found
