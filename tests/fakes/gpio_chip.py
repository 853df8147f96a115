"""A GPIO chip, as far as gpiod.request_lines gives it out: what its lines did, and when."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from gpiod import LineSettings
from gpiod.line import Direction, Value


class GpioChip:
    """Outputs are kept as (seconds, line, is on) where they change; `inputs` are set by hand."""

    def __init__(self, path: str = "/dev/gpiochip0") -> None:
        self.path = path
        self.requests = 0
        self.held: Mapping[int, LineSettings] = {}
        self.lit: dict[int, bool] = {}
        self.inputs: dict[int, Value] = {}
        self.changes: list[tuple[float, int, bool]] = []
        self.fault: OSError | None = None

    @contextmanager
    def request_lines(
        self, path: str, config: Mapping[int, LineSettings], consumer: str
    ) -> Iterator[GpioChip]:
        self.requests += 1
        if self.fault:
            raise self.fault
        assert (path, consumer) == (self.path, "vitalpost")
        self.held = config
        try:
            yield self
        finally:
            self.held = {}

    def set_values(self, values: Mapping[int, Value]) -> None:
        if self.fault:
            raise self.fault
        for line, value in values.items():
            assert self.held[line].direction is Direction.OUTPUT
            is_on = value is Value.ACTIVE
            if self.lit.get(line) is not is_on:
                self.lit[line] = is_on
                self.changes.append((asyncio.get_running_loop().time(), line, is_on))

    def get_value(self, line: int) -> Value:
        assert self.held[line].direction is Direction.INPUT
        return self.inputs.get(line, Value.INACTIVE)

    def on(self) -> set[int]:
        """The lines that are on."""
        return {line for line, is_on in self.lit.items() if is_on}

    def times(self, line: int) -> list[float]:
        """For how long the line was on, each time."""
        changed = [(at, is_on) for at, of, is_on in self.changes if of == line]
        return [
            round(after - at, 3) for (at, is_on), (after, _) in itertools.pairwise(changed) if is_on
        ]
