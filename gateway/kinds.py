"""Kinds of device, as a technician asks for them: by what is measured, not by driver."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from drivers.metrics import Metric
from drivers.plausibility import GLUCOSE, WEIGHT
from drivers.spi import Driver


class Kind(NamedTuple):
    """What it is called, how it shows that it wants to pair, and what it measures."""

    noun: str
    metrics: frozenset[int]
    sign: str = "Is it blinking?"


DOSES = frozenset(metric for metric in Metric if metric.name.startswith("MDC_AI_MED_"))
KINDS: Mapping[str, Kind] = {
    "blood-pressure": Kind(
        "blood pressure monitor",
        frozenset({Metric.MDC_PRESS_BLD_NONINV_SYS}),
        "Is P blinking?",
    ),
    "glucose": Kind("glucose meter", GLUCOSE),
    "oximeter": Kind("oximeter", frozenset({Metric.MDC_PULS_OXIM_SAT_O2})),
    "scale": Kind("scale", frozenset({WEIGHT})),
    "thermometer": Kind("thermometer", frozenset({Metric.MDC_TEMP_BODY})),
    "pill-box": Kind("pill box", DOSES),
}
ANY = Kind("device", frozenset())


def drivers_of(kind: str, drivers: Mapping[str, Driver]) -> dict[str, Driver]:
    """Those for this kind of device; all of them where none is asked for."""
    if not kind:
        return dict(drivers)
    wanted = KINDS[kind]
    return {
        id_: driver
        for id_, driver in drivers.items()
        if wanted.metrics & set(driver.info.metrics) or driver.info.any_metric
    }


def kind_of(driver: Driver) -> str:
    """The one kind that a driver is for; empty where it is for several."""
    metrics = set(driver.info.metrics)
    fitting = [name for name, kind in KINDS.items() if kind.metrics & metrics]
    return fitting[0] if len(fitting) == 1 else ""


def describe(driver: Driver, kind: str = "") -> Kind:
    """In which words a device of this driver is spoken of."""
    return KINDS.get(kind or kind_of(driver), ANY)
