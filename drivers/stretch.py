"""Frames of an even stream, gathered into one Series."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from decimal import Decimal
from itertools import groupby

from drivers.spi import RX, Channel, Frame, Metric, Origin, Run, Series, Unit

Value = int | Decimal | None


class Stretch:
    """Gathers frames until `end`, and is empty again then.

    Without a value of a metric of `vital` nothing was measured, whatever else came.
    """

    def __init__(
        self,
        channels: Mapping[Metric, Unit],
        vital: Collection[Metric],
        rate: Decimal,
        source: str = RX,
        origin: Origin = Origin.LIVE,
    ) -> None:
        self._channels = channels
        self._vital = vital
        self._rate = rate
        self._source = source
        self._origin = origin
        self._clear()

    @property
    def count(self) -> int:
        """How many frames there are."""
        return len(self._values)

    @property
    def size(self) -> int:
        """How many bytes they are."""
        return len(self._raw)

    def add(
        self,
        frame: bytes,
        values: Sequence[Value],
        attributes: Mapping[str, int],
        at_ms: int,
    ) -> None:
        """Add one frame with a value for each channel."""
        if not self.count:
            self.began_ms = at_ms
        self.ended_ms = at_ms
        self._raw += frame
        self._values.append(values)
        self._attributes.append(attributes)

    def end(self, *, is_noise: bool) -> Series:
        """All of it; an attribute that was 0 throughout is left out."""
        columns = zip(*self._values, strict=True)
        channels = tuple(
            Channel(metric, unit, tuple(_runs(column)))
            for (metric, unit), column in zip(self._channels.items(), columns, strict=True)
        )
        has_value = any(
            run.value is not None
            for channel in channels
            if channel.metric in self._vital
            for run in channel.runs
        )
        attributes = {name: self._attribute(name) for name in self._attributes[0]}
        silent = ((0, self.count),)
        series = Series(
            channels,
            Frame(self._source, bytes(self._raw)),
            self.count,
            self._rate,
            self.began_ms,
            self.ended_ms,
            {name: runs for name, runs in attributes.items() if runs != silent},
            failed=is_noise or not has_value,
            origin=self._origin,
        )
        self._clear()
        return series

    def _attribute(self, name: str) -> tuple[tuple[int, int], ...]:
        return tuple(
            (value, len(list(same)))
            for value, same in groupby(int(of[name]) for of in self._attributes)
        )

    def _clear(self) -> None:
        self.began_ms = self.ended_ms = 0
        self._raw = bytearray()
        self._values: list[Sequence[Value]] = []
        self._attributes: list[Mapping[str, int]] = []


def _runs(values: Iterable[Value]) -> Iterable[Run]:
    for _, same in groupby(values, str):  # 97 and 97.0 were sent apart
        value, *more = same
        yield Run(None if value is None else Decimal(value), 1 + len(more))
