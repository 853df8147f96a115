"""When was a reading measured? The part of docs/time.md that docs/consume.md names.

Milliseconds all. A stamp is (boot, BOOTTIME, UTC, quality), its boot (hub, boot id); an instant is
from and to; what a device's clock showed counts as if it were UTC.
"""

from datetime import datetime
from math import inf
from typing import NamedTuple

LIVE_DELAY_MS, UNASKED_MS, SECOND_MS = 120_000, 30_000, 1_000


class Finding(NamedTuple):
    """UTC less device time, from `low` to `high`, as found between two instants."""

    until: int
    since: int
    is_set: bool
    low: int
    high: int


def find_instant(stamp, anchors):
    """From and to: by the hub's own clock, else by an anchor of the same boot; or None."""
    boot, boottime, utc, quality = stamp
    if quality:
        return utc - 2**quality, utc + 2**quality
    by_anchor = [
        (2**good + abs(boottime - at) // 10_000 + 1, told + boottime - at)
        for of, at, told, good in anchors
        if of == boot and good
    ]
    error, utc = min(by_anchor, default=(None, None))
    return None if error is None else (utc - error, utc + error)


def find_offset(instant, took_ms, shown, *, is_set=False):
    since, until = instant[0] - took_ms, instant[1]
    return Finding(until, since, is_set, since - shown - SECOND_MS, until - shown)


def find_candidates(shown, findings, arrived):
    """When a device time can have been, by every finding in force then, and before it arrived."""
    findings = sorted(findings)
    for nth, found in enumerate(findings):
        low, high = shown + found.low, shown + found.high + SECOND_MS
        drift = max(found.until - low, high - found.since) // 5_000 + 1  # 200 ppm
        low, high = low - drift, high + drift
        begin = found.since if found.is_set else findings[nth - 1].since if nth else -inf
        end = findings[nth + 1].until if nth + 1 < len(findings) else inf
        if begin <= high and low <= min(end, arrived):
            yield low, min(high, arrived)


def find_findings(clocks, anchors):
    """Of a device's clock: what it was found to be, and what only lay between two findings."""
    findings, doubts, last, undated = [], [], {}, {}
    for stamp, took, shown, is_set in clocks:
        hub, at = stamp[0][0], find_instant(stamp, anchors)
        if at is None:
            undated.setdefault(hub, []).append(shown)
            continue
        found = find_offset(at, UNASKED_MS if took is None else took, shown, is_set=is_set)
        between = undated.pop(hub, [])
        if hub in last and not agree(last[hub], found):
            around = last[hub].since, found.until
            doubts += [find_offset(around, 0, shown) for shown in between]
        findings.append(found)
        last[hub] = found
    return findings, doubts


def agree(before, after):
    """Whether one clock, up to drift, can have been found so twice."""
    drift = (after.until - before.since) // 5_000 + 1
    apart = max(before.low - after.high, after.low - before.high)
    return apart <= drift and not after.is_set


def find_date(sightings, clocks, anchors, zone, enrolled):
    """The local date of a reading, or None: held.

    A sighting is (stamp, shown, is_live), a clock fact (stamp, took, shown, is_set); these come in
    the order of each hub's records.
    """
    seen = [(at, *told) for stamp, *told in sightings if (at := find_instant(stamp, anchors))]
    arrived = min((at[1] for at, *_ in seen), default=None)
    live = [at for at, _, is_live in seen if is_live]
    shown = next((shown for _, shown, _ in seen if shown is not None), None)
    found = []
    if seen and shown is not None:
        findings, doubts = find_findings(clocks, anchors)
        findings += [find_offset(at, LIVE_DELAY_MS, shown) for at in live]
        found = list(find_candidates(shown, findings, arrived))
        found = [ends for ends in found if ends[1] >= enrolled] or found
        for doubt in doubts if found and not live else ():
            for low, high in find_candidates(shown, [doubt], arrived):
                within = max(low, doubt.since), min(high, doubt.until)
                found += [within] if within[0] <= within[1] else []
    if not found and live:
        found = [(min(live)[0] - LIVE_DELAY_MS, min(live)[1])]
    dates = {datetime.fromtimestamp(end // 1000, zone).date() for ends in found for end in ends}
    return dates.pop() if len(dates) == 1 else None
