"""Values as sent, told apart from what says that there is none."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import NamedTuple

from drivers.metrics import name_of
from drivers.reader import Special


class Told(NamedTuple):
    """Numbers by metric, and by its name what stands in the place of one."""

    numbers: dict[int, Decimal]
    special: dict[str, str]


def tell_apart(sent: Mapping[int, Decimal | Special]) -> Told:
    """What was sent, in the order in which it was sent."""
    numbers = {metric: value for metric, value in sent.items() if isinstance(value, Decimal)}
    special = {name_of(metric): str(sent[metric]) for metric in sent if metric not in numbers}
    return Told(numbers, special)
