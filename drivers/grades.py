"""How well a driver is founded: what its golden file says of where its frames are from."""

from __future__ import annotations

from enum import StrEnum

from drivers.conformance_golden import Case, GoldenError, load_cases, load_table
from drivers.spi import Driver


class Grade(StrEnum):
    """The last two only where the golden file says so, with the source of the claim."""

    STANDARD = "standard"
    CAPTURES = "captures"
    ON_THE_DEVICE = "on the device"
    THIRTY_DAYS = "thirty days"


def grade_of(driver: Driver) -> Grade:
    """The driver's grade. Raises GoldenError.

    A single captured frame of a measurement is enough for "captures"; one in which a device says
    its name is not.
    """
    said = load_table(driver).get("grade")
    if said is not None:
        try:
            grade = Grade(said["name"])
            source = said["source"]
        except (LookupError, TypeError, ValueError) as error:
            raise GoldenError(f"{driver.info.id}: grade wants a name and a source") from error
        if source and grade in {Grade.ON_THE_DEVICE, Grade.THIRTY_DAYS}:
            return grade
        raise GoldenError(f"{driver.info.id}: {grade} is counted, or has no source")
    is_captured = any(_is_captured(case) for case in load_cases(driver))
    return Grade.CAPTURES if is_captured else Grade.STANDARD


def _is_captured(case: Case) -> bool:
    measures = any(each.keys() & {"observations", "channels"} for each in case.expected)
    return measures and case.confidence == "captured"
