"""Values of health observations, each by its class, and what is gathered of them.

Source: Generic Health Sensor Service 1.0, Observation Value
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import NamedTuple

from drivers.errors import DecodeError
from drivers.health_elapsed_time import Stamp
from drivers.health_units import MDC_CODE, unit_of
from drivers.metrics import metric_of, name_of
from drivers.reader import Reader
from drivers.spi import Observation

NUMERIC, DISCRETE, TEXT, _SAMPLES, DISCRETE_EVENTS, STATES = range(1, 7)
LEAST_CODE = 0x10000  # a term needs its partition to be told from others


@dataclass(slots=True)
class Body:
    """What one observation says, or the observations of a bundle together."""

    observations: list[Observation] = field(default_factory=list)
    stamps: list[Stamp] = field(default_factory=list)
    users: list[int] = field(default_factory=list)
    status: list[str] = field(default_factory=list)
    special: dict[str, str] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
    states: dict[str, str] = field(default_factory=dict)
    facts: dict[str, int | str] = field(default_factory=dict)


class Part(NamedTuple):
    """What is read, and what is told of it: a member of a bundle keeps its ids to itself."""

    reader: Reader
    frame: bytes
    body: Body
    facts: dict[str, int | str]


def read_metric(part: Part) -> int:
    """The metric that is named next. Raises DecodeError."""
    at = part.reader.at
    code = part.reader.uint(4)
    if code < LEAST_CODE:
        raise DecodeError("an observation of no partition", part.frame, at)
    return metric_of(code)


def read_value(part: Part, kind: int, metric: int) -> None:
    """Add the value that comes next. Raises DecodeError."""
    read = _VALUES.get(kind)
    if read is None:
        raise DecodeError(f"values of class {kind} are not read", part.frame, part.reader.at)
    read(part, metric)


def _read_numeric(part: Part, metric: int) -> None:
    unit = unit_of(part.reader.uint(2))
    value = part.reader.float32()
    if isinstance(value, Decimal):
        part.body.observations.append(Observation(metric, value, unit))
    else:
        part.body.special[name_of(metric)] = str(value)


def _read_discrete(part: Part, metric: int) -> None:
    code = Decimal(part.reader.uint(4))
    part.body.observations.append(Observation(metric, code, MDC_CODE))


def _read_text(part: Part, metric: int) -> None:
    text = part.reader.take(part.reader.uint(2)).decode(errors="replace").rstrip("\0")
    part.body.texts[name_of(metric)] = text


def _read_discrete_events(part: Part, metric: int) -> None:
    for _ in range(part.reader.uint(1)):
        _read_discrete(part, metric)


def _read_states(part: Part, metric: int) -> None:
    """Which bits there are, which of them are states, and what they say, in hex as sent."""
    size = part.reader.uint(1)
    part.body.states[name_of(metric)] = " ".join(part.reader.take(size).hex() for _ in range(3))


_VALUES: dict[int, Callable[[Part, int], None]] = {
    NUMERIC: _read_numeric,
    DISCRETE: _read_discrete,
    TEXT: _read_text,
    DISCRETE_EVENTS: _read_discrete_events,
    STATES: _read_states,
}
