"""CBOR (RFC 8949) as our formats use it, read strictly: whatever is amiss is a WireError.

Definite lengths only, no key twice, 16 levels at most, nothing after the one item. The only tag is
4, a decimal fraction of a 64-bit mantissa and an 8-bit exponent, which holds any IEEE 11073 FLOAT.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from io import BytesIO
from typing import Any, TypeVar

import cbor2

from uplink.errors import WireError

MAX_DEPTH = 16
MAX_INT = 2**63 - 1

Key = TypeVar("Key", int, str, bytes)


def dump(value: object) -> bytes:
    """CBOR of `value`. Raises WireError for what CBOR or the limit of 64 bits cannot hold."""
    try:
        return cbor2.dumps(value)
    except (cbor2.CBORError, UnicodeEncodeError) as error:
        raise WireError(f"{type(error).__name__}: found a value that CBOR cannot hold") from error


def load(data: bytes, what: str, limit_bytes: int) -> object:
    """The one item in `data`, of at most `limit_bytes`."""
    if len(data) > limit_bytes:
        raise WireError(f"{what}: {len(data)} bytes, the limit is {limit_bytes}")
    stream = BytesIO(data)
    try:
        value: object = cbor2.CBORDecoder(
            stream,
            semantic_decoders=_TAGS,
            max_depth=MAX_DEPTH,
            allow_indefinite=False,
            allow_duplicate_keys=False,
        ).decode()
    except cbor2.CBORError as error:
        fault = error.__cause__ if isinstance(error.__cause__, WireError) else error
        raise WireError(f"{what}: {fault}") from error
    if stream.tell() != len(data):
        raise WireError(f"{what}: {len(data) - stream.tell()} bytes too many")
    return value


def as_int(value: object, what: str, low: int = 0, high: int = MAX_INT) -> int:
    """`value`, an integer from `low` to `high`."""
    if type(value) is not int or not low <= value <= high:
        raise WireError(f"{what}: found {_kind(value)}, wanted an integer from {low} to {high}")
    return value


def as_number(value: object, what: str) -> Decimal:
    """`value`, an integer or a decimal fraction, with the exponent it was sent with."""
    if type(value) is Decimal:
        return value
    if type(value) is int and -MAX_INT <= value <= MAX_INT:
        return Decimal(value)
    return Decimal(as_int(value, what, -MAX_INT))


def as_bytes(value: object, what: str, length: int | None = None) -> bytes:
    """`value`, a byte string, of `length` bytes where given."""
    if type(value) is not bytes or length not in {None, len(value)}:
        wanted = "a byte string" if length is None else f"{length} bytes"
        raise WireError(f"{what}: found {_kind(value)}, wanted {wanted}")
    return value


def as_text(value: object, what: str) -> str:
    """`value`, a text."""
    if type(value) is not str:
        raise WireError(f"{what}: found {_kind(value)}, wanted a text")
    return value


def as_array(value: object, what: str, length: int | None = None) -> list[object]:
    """`value`, an array, of `length` items where given."""
    if type(value) is not list or length not in {None, len(value)}:
        wanted = "an array" if length is None else f"an array of {length}"
        raise WireError(f"{what}: found {_kind(value)}, wanted {wanted}")
    return value


def as_map(value: object, what: str, key: type[Key]) -> dict[Key, object]:
    """`value`, a map whose keys are all of type `key`."""
    # `type`, not `isinstance`: true and 1.0 would pass for the key 1.
    if type(value) is not dict or not {key}.issuperset(map(type, value)):
        raise WireError(f"{what}: found {_kind(value)}, wanted a map of {key.__name__} keys")
    return value


def _kind(value: object) -> str:
    if value is None:
        return "nothing"
    return (
        f"{type(value).__name__} of {len(value)}"
        if isinstance(value, bytes | list)
        else (type(value).__name__)
    )


def _decimal(value: Any, _immutable: bool) -> Decimal:  # noqa: FBT001  cbor2 calls it so
    exponent, mantissa = as_array(list(value), "decimal", 2)
    exponent = as_int(exponent, "exponent", -128, 127)
    # Through text: arithmetic would round to the context's precision.
    return Decimal(f"{as_int(mantissa, 'mantissa', -MAX_INT)}E{exponent}")


def _refuse(_value: Any, _immutable: bool) -> None:  # noqa: FBT001  cbor2 calls it so
    raise WireError("a tag that the format does not use")


class _Tags(dict[int, Callable[[Any, bool], Any]]):
    # cbor2 asks this mapping before its own decoders, so every tag that is not named is refused:
    # bignums, dates, shared references, regular expressions, MIME and what later versions add.
    def __missing__(self, tag: int) -> Callable[[Any, bool], Any]:
        return _refuse


_TAGS = _Tags({4: _decimal})
