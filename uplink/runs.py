"""Streams in a record: values by run lengths, frames by DEFLATE; `records` states the format."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal

from uplink.cbor import as_array, as_bytes, as_int, as_map, as_number, as_text
from uplink.errors import WireError
from uplink.fields import from_term, to_term

MAX_RAW_BYTES = 64 * 1024
"""Of a stretch, before it is compressed: what would become more is refused half way."""

_RAW_DEFLATE = -zlib.MAX_WBITS  # RFC 1951, without header and checksum: the seal has its own
_LEAST_RUN = 2

Runs = tuple[tuple[Decimal | None, int], ...]
Channels = Iterable[tuple[int, str, Runs]]
Counts = Mapping[str, tuple[tuple[int, int], ...]]


def deflate(data: bytes) -> bytes:
    """`data` compressed. Raises WireError for more than `inflate` gives back."""
    if len(data) > MAX_RAW_BYTES:
        raise WireError(f"raw: {len(data)} bytes, the limit is {MAX_RAW_BYTES}")
    packer = zlib.compressobj(9, zlib.DEFLATED, _RAW_DEFLATE)
    return packer.compress(data) + packer.flush()


def inflate(value: object) -> bytes:
    """What was compressed, at most `MAX_RAW_BYTES`; takes no more memory than that to find out."""
    unpacker = zlib.decompressobj(_RAW_DEFLATE)
    try:
        data = unpacker.decompress(as_bytes(value, "raw"), MAX_RAW_BYTES + 1)
    except zlib.error as error:
        raise WireError("raw: found no DEFLATE stream") from error
    if len(data) > MAX_RAW_BYTES:
        raise WireError(f"raw: more than {MAX_RAW_BYTES} bytes")
    if not unpacker.eof or unpacker.unused_data:
        raise WireError("raw: found a DEFLATE stream that is cut or goes on")
    return data


def encode_channels(channels: Channels) -> list[object]:
    """Code and runs in turn, with a unit before the first that it is the unit of."""
    items: list[object] = []
    unit_before = None
    for metric, unit, runs in channels:
        if unit != unit_before:
            items.append(unit)
            unit_before = unit
        items += [to_term(metric), [_encode_run(_as_sent(value), count) for value, count in runs]]
    return items


def decode_channels(value: object, frames: int) -> Iterator[tuple[int, str, Runs]]:
    """Metric, unit and runs of each; the counts of the runs add up to `frames`."""
    items = iter(as_array(value, "channels"))
    unit: object = None
    for item in items:
        if isinstance(item, str):
            unit = item
            continue
        metric = from_term(item)
        runs = tuple(
            (None if sent is None else as_number(sent, "value"), count)
            for sent, count in _decode_runs(next(items, None), frames)
        )
        yield metric, as_text(unit, "unit"), runs


def encode_counts(attributes: Counts) -> dict[str, list[object]]:
    """The runs of each attribute."""
    return {name: [_encode_run(*run) for run in runs] for name, runs in attributes.items()}


def decode_counts(value: object, frames: int) -> Counts:
    """The runs of each attribute, by its name."""
    return {
        name: tuple((as_int(sent, "attribute"), n) for sent, n in _decode_runs(runs, frames))
        for name, runs in as_map(value, "attributes", str).items()
    }


def _as_sent(value: Decimal | None) -> int | Decimal | None:
    if value is None:
        return None
    return int(value) if value.as_tuple().exponent == 0 else value


def _encode_run(value: object, count: int) -> object:
    return value if count == 1 else [value, count]


def _decode_runs(value: object, frames: int) -> Iterator[tuple[object, int]]:
    left = frames
    for item in as_array(value, "runs"):
        sent, count = item, 1
        if isinstance(item, list):
            sent, of = as_array(item, "run", 2)
            count = as_int(of, "run length", _LEAST_RUN, frames)
        left -= count
        yield sent, count
    if left:
        raise WireError(f"runs: found {frames - left} values, wanted {frames}")
