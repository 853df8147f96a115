"""Instants of a hub: BOOTTIME to UTC, by the hub's own clock or by an anchor of the same boot."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

HUB_DRIFT_PPM = 100  # BOOTTIME between an anchor and a record; twice a Pi's crystal


class Interval(NamedTuple):
    """Both ends included."""

    from_ms: int
    to_ms: int

    def widen(self, by_ms: int) -> Interval:
        """Return this interval, longer by `by_ms` at both ends."""
        return Interval(self.from_ms - by_ms, self.to_ms + by_ms)

    def meets(self, other: Interval) -> bool:
        """Whether the two share an instant."""
        return self.from_ms <= other.to_ms and other.from_ms <= self.to_ms


class Anchor(NamedTuple):
    """BOOTTIME and UTC of one hub at one instant; quality as in `uplink.records.Stamp`."""

    boot: bytes
    boottime_ms: int
    utc_ms: int
    quality: int


def by_boot(anchors: Iterable[Anchor]) -> dict[bytes, list[Anchor]]:
    """Return the anchors that can be trusted."""
    trusted: dict[bytes, list[Anchor]] = {}
    for anchor in anchors:
        if anchor.quality > 0:
            trusted.setdefault(anchor.boot, []).append(anchor)
    return trusted


def instant(stamp: Anchor, anchors: Mapping[bytes, Sequence[Anchor]]) -> Interval | None:
    """Return when it was: by the hub's own clock, else by the anchor that leaves least doubt."""
    if stamp.quality > 0:
        error_ms = 1 << stamp.quality
        return Interval(stamp.utc_ms - error_ms, stamp.utc_ms + error_ms)
    by_anchor = (
        Interval(utc, utc).widen(
            (1 << a.quality) + drift(stamp.boottime_ms - a.boottime_ms, HUB_DRIFT_PPM)
        )
        for a in anchors.get(stamp.boot, ())
        for utc in (a.utc_ms + stamp.boottime_ms - a.boottime_ms,)
    )
    return min(by_anchor, key=lambda at: at.to_ms - at.from_ms, default=None)


def drift(apart_ms: int, ppm: int) -> int:
    """Return how far two clocks may come apart in that time, in ms."""
    return abs(apart_ms) * ppm // 1_000_000 + 1
