"""How the hub stands with its networks, in lines for a person."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

MB = 1_000_000
BARS = 5


def describe(network: Mapping[str, Any]) -> Iterator[str]:
    """From the facts of the reporter "network": modem and way out, then the month's data."""
    way = network["route"] or "not known"
    yield f"network  {_describe_modem(network)}; the way out is {way}"
    if told := ", ".join(_describe_data(network)):
        yield f"data     {network['month'] or 'since the start'}: {told}"


def _describe_modem(network: Mapping[str, Any]) -> str:
    modem = network["modem"]
    if modem is None:
        names = {"modemmanager": "ModemManager", "networkmanager": "NetworkManager"}
        lacking = [name for key, name in names.items() if not network[key]]
        return "no modem" + (f" (no {', no '.join(lacking)})" if lacking else "")
    parts = [f"modem {modem['state']}, SIM {modem['sim']}"]
    if network["bars"] is not None:
        drawn = "#" * network["bars"] + "." * (BARS - network["bars"])
        parts.append(f"mobile signal {network['signal']} {drawn}")
    parts += [part for part in (modem["operator"], modem["technology"]) if part]
    if modem["registration"] == "roaming":
        parts.append("roaming")
    if rung := network["recovery"]["rung"]:
        parts.append(f"mending it: {rung}")
    return ", ".join(parts)


def _describe_data(network: Mapping[str, Any]) -> Iterator[str]:
    budget = network["budget_mb"]
    for name, each in sorted(network["carried"].items()):
        yield f"{name} {(each['received'] + each['sent']) / MB:.1f} MB"
    if budget:
        yield f"mobile {network['mobile_mb']} of {budget} MB"
