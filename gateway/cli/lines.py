"""The hub's status in lines for a person."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from gateway.cli.networked import describe as describe_network
from gateway.words import ago, span


def describe(status: dict[str, Any]) -> Iterator[str]:
    """The status in lines for a person."""
    uplink, outbox, setup = status["uplink"], status["outbox"], status["setup"]
    yield f"{status['hub']}    {status['software']}, running for {span(status['running_s'])}"
    reached = "connected" if uplink["connected"] else "not connected"
    answers = ", the office does not answer" if uplink["office_silent"] else ""
    yield f"uplink   {reached}{answers}; last receipt {_last_receipt(status)}"
    oldest = "" if outbox["oldest_s"] is None else f", the oldest for {span(outbox['oldest_s'])}"
    yield f"outbox   {outbox['waiting']} waiting{oldest}, {outbox['quarantined']} in quarantine"
    if storage := status.get("storage"):
        yield f"storage  {_describe_storage(storage)}"
    yield f"clock    {_describe_clock(status['clock'])}"
    window = f"open for {span(setup['left_s'])}" if setup["open"] else "closed"
    yield f"set-up   {window}"
    for device in status["devices"]:
        battery = "" if device["battery"] is None else f", battery {device['battery']} %"
        heard, reading = ago(device["heard_s"]), ago(device["reading_s"])
        yield f"device   {device['name']}: heard {heard}, last reading {reading}{battery}"
    if "network" in status:
        yield from describe_network(status["network"])
    counts = ", ".join(f"{count} {name}" for name, count in status["control"].items() if count)
    yield f"control  {counts}"


def _last_receipt(status: dict[str, Any]) -> str:
    receipt_s = status["uplink"]["last_receipt_s"]
    return "none since the start" if receipt_s is None else ago(receipt_s)


def _describe_storage(storage: dict[str, Any]) -> str:
    share = 100 * storage["used_bytes"] / storage["quota_bytes"]
    words = f"{share:.1f} % of {storage['quota_bytes'] / 1e6:.0f} MB in use"
    if not (written := storage["written"]):
        return words
    if written["day_bytes"] is None:
        so_far = f"{written['part_bytes'] / 1e6:.1f} MB in {span(written['part_s'])}"
        return f"{words}, {so_far} written to the card"
    return f"{words}, {written['day_bytes'] / 1e6:.1f} MB a day written to the card"


def _describe_clock(clock: dict[str, Any]) -> str:
    if quality := clock["quality"]:
        return f"synchronised to less than {2**quality} ms"
    if source := clock.get("source"):
        error_ms = 2 ** clock["source_quality"]
        return f"not synchronised; known to less than {error_ms} ms by the {source}"
    return "not synchronised"
