"""Record Access Control Point (0x2A52): a device's memory, asked for by number.

Source: GATT Specification Supplement, 0x2A52; Glucose Service 1.0.1, 3.4, for operators, filters
        and response codes
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from enum import IntEnum
from typing import NamedTuple

from drivers.errors import DecodeError, LinkError, UnexpectedReply
from drivers.reader import Reader
from drivers.spi import Frame, GattLink

CONTROL_POINT = "2A52"
COUNT_SIZES = (2, 1, 4)  # the standard's first; other services and some meters send the others
MOST_FRAMES = 2 * 0x10000  # as many records as there are numbers, each with its context


class Opcode(IntEnum):
    """What is asked, and the two ways to answer."""

    REPORT_RECORDS = 1
    DELETE_RECORDS = 2
    ABORT = 3
    REPORT_NUMBER_OF_RECORDS = 4
    NUMBER_OF_RECORDS = 5
    RESPONSE = 6


class Operator(IntEnum):
    """Which records."""

    NULL = 0
    ALL = 1
    LESS_OR_EQUAL = 2
    GREATER_OR_EQUAL = 3
    WITHIN_RANGE = 4
    FIRST = 5
    LAST = 6


class Filter(IntEnum):
    """By what records are told apart."""

    SEQUENCE_NUMBER = 1
    USER_FACING_TIME = 2


class Outcome(IntEnum):
    """How a device answers a request."""

    SUCCESS = 1
    OPCODE_NOT_SUPPORTED = 2
    INVALID_OPERATOR = 3
    OPERATOR_NOT_SUPPORTED = 4
    INVALID_OPERAND = 5
    NO_RECORDS_FOUND = 6
    ABORT_UNSUCCESSFUL = 7
    PROCEDURE_NOT_COMPLETED = 8
    OPERAND_NOT_SUPPORTED = 9


UNABLE = frozenset(
    {
        Outcome.OPCODE_NOT_SUPPORTED,
        Outcome.INVALID_OPERATOR,
        Outcome.OPERATOR_NOT_SUPPORTED,
        Outcome.INVALID_OPERAND,
        Outcome.OPERAND_NOT_SUPPORTED,
    }
)
"""The device does not know this request: another one may do."""


class Answer(NamedTuple):
    """What a device answered: the request's opcode, how it went, and a number it asked for.

    An opcode or an outcome that no enum lists is kept as it came.
    """

    request: int
    outcome: int
    records: int | None = None


class RequestRefused(UnexpectedReply):
    """The device answered `asked` with `outcome`, which is neither success nor "no records"."""

    def __init__(self, asked: str, outcome: int, got: bytes) -> None:
        super().__init__(asked, got)
        self.outcome = outcome


ABORT = bytes((Opcode.ABORT, Operator.NULL))


def request(
    opcode: Opcode,
    operator: Operator = Operator.ALL,
    *operands: bytes,
    by: Filter = Filter.SEQUENCE_NUMBER,
) -> bytes:
    """A request; operands, smallest first, are what `by` says, as the device writes it."""
    filtered = bytes((by,)) + b"".join(operands) if operands else b""
    return bytes((opcode, operator)) + filtered


def from_number(opcode: Opcode, first: int) -> bytes:
    """A request for the records from sequence number `first` on, itself included."""
    return request(opcode, Operator.GREATER_OR_EQUAL, first.to_bytes(2, "little"))


def decode(frame: bytes) -> Answer:
    """What one 0x2A52 indication answers. Raises DecodeError."""
    reader = Reader(frame)
    opcode, operator = reader.uint(1), reader.uint(1)
    if operator != Operator.NULL:
        raise DecodeError("an answer without the null operator", frame, 1)
    match opcode:
        case Opcode.NUMBER_OF_RECORDS:
            size = len(frame) - 2
            count = reader.uint(size if size in COUNT_SIZES else COUNT_SIZES[0])
            answer = Answer(Opcode.REPORT_NUMBER_OF_RECORDS, Outcome.SUCCESS, count)
        case Opcode.RESPONSE:
            answer = Answer(reader.uint(1), reader.uint(1))
        case _:
            raise DecodeError("no answer", frame, 0)
    reader.end()
    return answer


async def ask(
    link: GattLink, frames: AsyncIterator[Frame], asked: bytes
) -> AsyncIterator[Frame | Answer]:
    """Make a request: what comes until it is answered, and last the answer.

    `frames` is the subscription of the session, the control point's among it; begin it before.
    A device that refuses to be asked is busy with what somebody else asked: that is aborted once.
    Raises RequestRefused, DecodeError for an answer that is none, UnexpectedReply where the device
    falls silent, never ends or answers what nobody asked, LinkError.
    """
    async for frame in _begin(link, frames, asked):
        yield frame
    name = Opcode(asked[0]).name.lower()
    came = 0
    async for frame in frames:
        if frame.source == CONTROL_POINT:
            yield _judge(frame, asked, name)
            return
        yield frame
        came += 1
        if came == MOST_FRAMES:
            await link.write(CONTROL_POINT, ABORT)
            break
    raise UnexpectedReply(name, b"")


async def _begin(
    link: GattLink, frames: AsyncIterator[Frame], asked: bytes
) -> AsyncIterator[Frame]:
    """Write the request; if need be abort what the device is busy with, whose frames come out."""
    try:
        await link.write(CONTROL_POINT, asked)
    except LinkError as error:
        if not error.link_stands:
            raise
    else:
        return
    await link.write(CONTROL_POINT, ABORT)
    async for frame in frames:
        if frame.source != CONTROL_POINT:
            yield frame
        elif decode(frame.data).request == Opcode.ABORT:
            break
    await link.write(CONTROL_POINT, asked)


def _judge(frame: Frame, asked: bytes, name: str) -> Answer:
    answer = decode(frame.data)
    # A device that reports the records in place of their number has answered all the same.
    if answer.request not in {asked[0], Opcode.REPORT_RECORDS}:
        raise UnexpectedReply(name, frame.data)
    if answer.outcome not in {Outcome.SUCCESS, Outcome.NO_RECORDS_FOUND}:
        raise RequestRefused(name, answer.outcome, frame.data)
    return answer
