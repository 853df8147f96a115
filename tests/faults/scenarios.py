"""All scenarios, by name, in the order in which they are run."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from tests.faults.kills import random_kills
from tests.faults.quarter import quarters
from tests.faults.run import Result, Run

SCENARIOS: Mapping[str, Callable[[Run], Awaitable[Result]]] = {
    "kills": random_kills,
    "quarters": quarters,
}
