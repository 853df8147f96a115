"""The Record Access Control Point of a device that numbers its records.

Source: GATT Specification Supplement, 0x2A52; Glucose Service 1.0.1, 3.4
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from typing import NamedTuple

UUID = "2A52"
# Core Specification Supplement, part B, 1.2
NOT_SUBSCRIBED, IN_PROGRESS = 0xFD, 0xFE
SEQUENCE_NUMBER = 1  # the only filter that is known here


class Op(IntEnum):
    """What is asked, and the two kinds of answers."""

    REPORT = 1
    DELETE = 2
    ABORT = 3
    COUNT = 4
    COUNTED = 5
    RESPONSE = 6


class Operator(IntEnum):
    """Of which records."""

    NULL = 0
    ALL = 1
    UP_TO = 2
    FROM = 3
    WITHIN = 4
    FIRST = 5
    LAST = 6


class Code(IntEnum):
    """How it ended."""

    SUCCESS = 1
    OPERATION_UNKNOWN = 2
    OPERATOR_INVALID = 3
    OPERATOR_UNKNOWN = 4
    OPERAND_INVALID = 5
    NONE_FOUND = 6
    FILTER_UNKNOWN = 9


class Answer(NamedTuple):
    """What is reported or deleted, and then indicated."""

    response: bytes
    report: Sequence[int] = ()
    delete: Sequence[int] = ()


class Refusal(Exception):
    """A request that is answered with this code."""


def answer(request: bytes, numbers: Sequence[int]) -> Answer:
    """What a device that holds these numbers, the oldest first, does."""
    try:
        return _carry_out(request[0], request[1], request[2:], numbers)
    except Refusal as refused:
        return Answer(_respond(request[0], refused.args[0]))


def _carry_out(op: int, operator: int, operand: bytes, numbers: Sequence[int]) -> Answer:
    if op == Op.ABORT:
        if operator != Operator.NULL or operand:
            raise Refusal(Code.OPERATOR_INVALID)
        return Answer(_respond(op, Code.SUCCESS))
    if op not in {Op.REPORT, Op.DELETE, Op.COUNT}:
        raise Refusal(Code.OPERATION_UNKNOWN)
    chosen = _select(operator, operand, numbers)
    if op == Op.COUNT:
        return Answer(bytes((Op.COUNTED, Operator.NULL)) + len(chosen).to_bytes(2, "little"))
    if not chosen:
        raise Refusal(Code.NONE_FOUND)
    done = {"report": chosen} if op == Op.REPORT else {"delete": chosen}
    return Answer(_respond(op, Code.SUCCESS), **done)


def _select(operator: int, operand: bytes, numbers: Sequence[int]) -> Sequence[int]:
    if operator in {Operator.ALL, Operator.FIRST, Operator.LAST}:
        if operand:
            raise Refusal(Code.OPERAND_INVALID)
        ends = {Operator.FIRST: numbers[:1], Operator.LAST: numbers[-1:]}
        return ends.get(Operator(operator), numbers)
    if operator not in {Operator.UP_TO, Operator.FROM, Operator.WITHIN}:
        is_null = operator == Operator.NULL
        raise Refusal(Code.OPERATOR_INVALID if is_null else Code.OPERATOR_UNKNOWN)
    if operand[:1] != bytes((SEQUENCE_NUMBER,)):
        raise Refusal(Code.FILTER_UNKNOWN if operand else Code.OPERAND_INVALID)
    given = [int.from_bytes(operand[at : at + 2], "little") for at in range(1, len(operand), 2)]
    if len(operand) != (5 if operator == Operator.WITHIN else 3):
        raise Refusal(Code.OPERAND_INVALID)
    low = 0 if operator == Operator.UP_TO else given[0]
    high = 0xFFFF if operator == Operator.FROM else given[-1]
    if low > high:
        raise Refusal(Code.OPERAND_INVALID)
    return [number for number in numbers if low <= number <= high]


def _respond(op: int, code: Code) -> bytes:
    return bytes((Op.RESPONSE, Operator.NULL, op, code))
