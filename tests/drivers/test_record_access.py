from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers import record_access
from drivers.errors import DecodeError, LinkError, LinkLost, UnexpectedReply
from drivers.record_access import (
    ABORT,
    MOST_FRAMES,
    Answer,
    Filter,
    Opcode,
    Operator,
    Outcome,
    RequestRefused,
    from_number,
    request,
)
from drivers.spi import Frame
from tests.fakes.scripted_link import Indicates, ScriptedLink, Silence, Subscribes, Writes

REPORT = request(Opcode.REPORT_RECORDS)
RECORD = bytes.fromhex("020800e9070b1608010064b021")
TIME = bytes.fromhex("e9070b16080100")


@pytest.mark.parametrize(
    ("asked", "written"),
    [
        (REPORT, "0101"),
        (request(Opcode.REPORT_RECORDS, Operator.FIRST), "0105"),
        (request(Opcode.REPORT_RECORDS, Operator.LAST), "0106"),
        (request(Opcode.REPORT_NUMBER_OF_RECORDS), "0401"),
        (request(Opcode.DELETE_RECORDS), "0201"),
        (ABORT, "0300"),
        (from_number(Opcode.REPORT_RECORDS, 5), "0103010500"),
        (request(Opcode.REPORT_RECORDS, Operator.LESS_OR_EQUAL, b"\x0a\0"), "0102010a00"),
        (
            request(Opcode.REPORT_RECORDS, Operator.WITHIN_RANGE, b"\x05\0", b"\x0a\0"),
            "01040105000a00",
        ),
        (
            request(
                Opcode.REPORT_RECORDS, Operator.GREATER_OR_EQUAL, TIME, by=Filter.USER_FACING_TIME
            ),
            "010302e9070b16080100",
        ),
        (from_number(Opcode.REPORT_NUMBER_OF_RECORDS, 5), "0403010500"),
    ],
)
def test_a_request_is_written_as_the_standard_says(asked, written):
    assert asked.hex() == written


@pytest.mark.parametrize(
    ("frame", "answer"),
    [
        ("06000101", Answer(Opcode.REPORT_RECORDS, Outcome.SUCCESS)),
        ("06000204", Answer(Opcode.DELETE_RECORDS, Outcome.OPERATOR_NOT_SUPPORTED)),
        ("06000106", Answer(Opcode.REPORT_RECORDS, Outcome.NO_RECORDS_FOUND)),
        ("050001", Answer(Opcode.REPORT_NUMBER_OF_RECORDS, Outcome.SUCCESS, 1)),
        ("05000201", Answer(Opcode.REPORT_NUMBER_OF_RECORDS, Outcome.SUCCESS, 258)),
        ("050000000100", Answer(Opcode.REPORT_NUMBER_OF_RECORDS, Outcome.SUCCESS, 65536)),
        ("0600630a", Answer(0x63, 10)),
    ],
)
def test_an_answer_says_what_was_asked_and_how_it_went(frame, answer):
    assert record_access.decode(bytes.fromhex(frame)) == answer


@pytest.mark.parametrize(
    ("frame", "at"),
    [
        ("", 0),
        ("06", 1),
        ("0601", 1),
        ("060001", 3),
        ("0600010100", 4),
        ("0500", 2),
        ("0500030201", 4),
        ("0101", 1),
        ("0100", 0),
    ],
)
def test_what_is_no_answer_is_a_decode_error(frame, at):
    with pytest.raises(DecodeError) as caught:
        record_access.decode(bytes.fromhex(frame))
    assert caught.value.at == at


@given(st.binary(max_size=8))
def test_any_bytes_are_an_answer_or_a_decode_error(frame):
    with suppress(DecodeError):
        answer = record_access.decode(frame)
        assert answer.records is None or answer.outcome == Outcome.SUCCESS


async def exchange(asked, *script):
    link = ScriptedLink(Subscribes("2A52"), *script)
    frames = link.subscribe("2A52")
    try:
        return [said async for said in record_access.ask(link, frames, asked)]
    finally:
        assert link._script == []


async def test_what_comes_before_the_answer_is_handed_on_and_the_answer_is_last():
    said = await exchange(
        REPORT,
        Writes("2A52", REPORT),
        Indicates("2A18", RECORD),
        Indicates("2A52", bytes.fromhex("06000101")),
    )
    assert said == [Frame("2A18", RECORD), Answer(Opcode.REPORT_RECORDS, Outcome.SUCCESS)]


async def test_no_records_found_is_an_answer_like_any():
    said = await exchange(REPORT, Writes("2A52", REPORT), Indicates("2A52", b"\x06\0\x01\x06"))
    assert [answer.outcome for answer in said] == [Outcome.NO_RECORDS_FOUND]


REFUSALS = sorted({*Outcome, 10, 255} - {Outcome.SUCCESS, Outcome.NO_RECORDS_FOUND})


@pytest.mark.parametrize("outcome", REFUSALS)
async def test_every_other_response_code_is_a_refusal_that_names_it(outcome):
    with pytest.raises(RequestRefused) as caught:
        await exchange(REPORT, Writes("2A52", REPORT), Indicates("2A52", bytes((6, 0, 1, outcome))))
    assert caught.value.outcome == outcome
    assert caught.value.asked == "report_records"


@pytest.mark.parametrize("answer", ["06000201", "05000100", "06000401"])
async def test_an_answer_to_what_nobody_asked_is_an_unexpected_reply(answer):
    with pytest.raises(UnexpectedReply) as caught:
        await exchange(REPORT, Writes("2A52", REPORT), Indicates("2A52", bytes.fromhex(answer)))
    assert caught.value.got == bytes.fromhex(answer)


async def test_silence_is_an_unexpected_reply_and_not_a_wait():
    with pytest.raises(UnexpectedReply):
        await exchange(REPORT, Writes("2A52", REPORT), Indicates("2A18", RECORD), Silence())


async def test_a_device_that_is_busy_with_an_earlier_request_is_made_to_drop_it():
    said = await exchange(
        REPORT,
        Writes("2A52", REPORT, LinkError("meter")),
        Writes("2A52", ABORT),
        Indicates("2A18", RECORD),
        Indicates("2A52", bytes.fromhex("06000101")),
        Indicates("2A52", bytes.fromhex("06000301")),
        Writes("2A52", REPORT),
        Indicates("2A52", bytes.fromhex("06000101")),
    )
    assert said == [Frame("2A18", RECORD), Answer(Opcode.REPORT_RECORDS, Outcome.SUCCESS)]


async def test_a_device_that_refuses_twice_is_not_asked_a_third_time():
    with pytest.raises(LinkError):
        await exchange(
            REPORT,
            Writes("2A52", REPORT, LinkError("meter")),
            Writes("2A52", ABORT),
            Indicates("2A52", bytes.fromhex("06000307")),
            Writes("2A52", REPORT, LinkError("meter")),
        )


async def test_a_link_that_is_lost_while_asking_ends_it():
    with pytest.raises(LinkLost):
        await exchange(REPORT, Writes("2A52", REPORT, LinkLost("meter")))


class EndlessLink:
    def __init__(self):
        self.written = []

    async def write(self, characteristic, value):
        self.written.append((characteristic, value))

    async def frames(self):
        while True:
            yield Frame("2A18", RECORD)


async def test_a_device_that_never_ends_is_aborted_after_all_the_records_that_there_can_be():
    link = EndlessLink()
    asking = record_access.ask(link, link.frames(), REPORT)
    for _ in range(MOST_FRAMES):
        assert await anext(asking) == Frame("2A18", RECORD)
    with pytest.raises(UnexpectedReply):
        await anext(asking)
    assert link.written == [("2A52", REPORT), ("2A52", ABORT)]
