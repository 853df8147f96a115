"""Glucose Measurement Context (0x2A34): what was eaten, taken and done around a measurement.

Source: GATT Specification Supplement, 0x2A34; IEEE 11073-20601 for SFLOAT
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntFlag
from typing import NamedTuple

from drivers.reader import Reader

CONTEXT = "2A34"
KETONE_MEAL = 6  # reserved in the standard: i-SENS marks a ketone test by it (xDrip, ContextRx)
NOT_AVAILABLE = 15
OVERRUN = 0xFFFF
CARBOHYDRATE = {
    1: "breakfast",
    2: "lunch",
    3: "dinner",
    4: "snack",
    5: "drink",
    6: "supper",
    7: "brunch",
}
MEAL = {1: "preprandial", 2: "postprandial", 3: "fasting", 4: "casual", 5: "bedtime"}
TESTER = {1: "self", 2: "health_care_professional", 3: "lab_test"}
HEALTH = {
    1: "minor_health_issues",
    2: "major_health_issues",
    3: "during_menses",
    4: "under_stress",
    5: "no_health_issues",
}
MEDICATION = {
    1: "rapid_acting_insulin",
    2: "short_acting_insulin",
    3: "intermediate_acting_insulin",
    4: "long_acting_insulin",
    5: "premixed_insulin",
}


class Flag(IntFlag):
    """What a 0x2A34 value holds."""

    CARBOHYDRATE = 1
    MEAL = 2
    TESTER_HEALTH = 4
    EXERCISE = 8
    MEDICATION = 16
    LITRES = 32
    HBA1C = 64
    EXTENDED = 128


class Context(NamedTuple):
    """Around which record, and what; `is_ketone` says that no glucose was measured."""

    sequence: int
    is_ketone: bool
    attributes: Mapping[str, int | str]


def decode(frame: bytes) -> Context:
    """The context in one 0x2A34 notification. Raises DecodeError.

    Amounts are texts: the number exactly as sent, or its special, and the unit. A value that no
    list names is kept as a number; one that the meter calls not available is left out.
    """
    reader = Reader(frame)
    flags = reader.uint(1)
    sequence = reader.uint(2)
    extended = reader.uint(1) if flags & Flag.EXTENDED else 0
    said: dict[str, int | str] = {}
    meal = 0
    if flags & Flag.CARBOHYDRATE:
        said["carbohydrate"] = _name(CARBOHYDRATE, reader.uint(1))
        said["carbohydrate_amount"] = f"{reader.sfloat()} kg"
    if flags & Flag.MEAL:
        meal = reader.uint(1)
        said["meal"] = _name(MEAL, meal)
    if flags & Flag.TESTER_HEALTH:
        health, tester = divmod(reader.uint(1), 16)
        said |= {"tester": _name(TESTER, tester)} if tester != NOT_AVAILABLE else {}
        said |= {"health": _name(HEALTH, health)} if health != NOT_AVAILABLE else {}
    if flags & Flag.EXERCISE:
        duration_s = reader.uint(2)
        said["exercise_s"] = "overrun" if duration_s == OVERRUN else duration_s
        said["exercise_percent"] = reader.uint(1)
    if flags & Flag.MEDICATION:
        said["medication"] = _name(MEDICATION, reader.uint(1))
        said["medication_amount"] = f"{reader.sfloat()} {'L' if flags & Flag.LITRES else 'kg'}"
    if flags & Flag.HBA1C:
        said["hba1c"] = f"{reader.sfloat()} %"
    reader.end()
    if extended:
        said["unknown_context_flags"] = extended
    return Context(sequence, meal == KETONE_MEAL, said)


def _name(names: Mapping[int, str], value: int) -> int | str:
    return names.get(value, value)
