"""Makes docs/devices.md: `python -m tests.docs.devices`. Nothing in it is written by hand.

What drivers say of themselves, and what their golden files say of where frames are from.
"""

import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from drivers.conformance_golden import load_cases
from drivers.grades import Grade, grade_of
from drivers.spi import Driver
from gateway.registry import load_drivers

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "devices.md"
NO_DEVICE = {"synthetic", "any dispenser", "pill dispenser"}
CONFIDENCE = ("captured", "test-suite", "spec-example", "derived")
GRADES = {
    Grade.STANDARD: "frames are from the standard, the maker's document, or other projects' code "
    "and tests; no frame of a measurement was captured",
    Grade.CAPTURES: "at least one frame of a measurement was captured from a device by somebody "
    "who published it",
    Grade.ON_THE_DEVICE: "the driver has read the device; its golden file says who saw it",
    Grade.THIRTY_DAYS: "it has read the device for thirty days in a home; the file says where",
}
HEAD = """\
# Devices

What each driver is for, and how well it is founded. This page is made from the drivers and their
golden files by `python -m tests.docs.devices`, and a test compares the two: correct those, not
this. `vitalpost drivers list` says the same of what is installed on a hub, drivers of third parties
included. How to add one: [writing-a-driver.md](writing-a-driver.md).

Nobody here has held one of these devices in a hand: no driver has a grade above captures.

"""
FRAMES = """
## Where the frames are from

Each line counts golden cases of one device. "Captured" bytes came from a device, "test suite" from
the tests of another project, "example" from the document itself; "by hand" were written from the
document or from the code of other projects. The captured frame of the Omron thermometer is its
maker's name, which is no measurement.

"""
UNBUILT = """
## Known, and not built

Public frames of these stand in `drivers/golden/UNBUILT.toml` with the reason.

"""


def make() -> str:
    """The page."""
    drivers = load_drivers()
    parts = [HEAD, *_table(("grade", "what it means"), GRADES.items())]
    parts += ["\n## Drivers\n\n"]
    parts += _table(("devices", "driver", "over", "grade"), map(_row, drivers.values()))
    parts += [FRAMES]
    heads = ("device", "driver", "captured", "test suite", "example", "by hand")
    parts += _table(heads, _frames(drivers.values()))
    parts += [UNBUILT, *_unbuilt()]
    return "".join(parts)


def _row(driver: Driver) -> tuple[str, ...]:
    info = driver.info
    return "; ".join(info.devices), f"`{info.id}`", info.transport, str(grade_of(driver))


def _frames(drivers: Iterable[Driver]) -> Iterator[tuple[str, ...]]:
    """One row for a device, of several drivers where they count the same."""
    rows: dict[tuple[str, ...], list[str]] = {}
    for driver in drivers:
        counts: dict[str, Counter[str]] = {}
        for case in load_cases(driver):
            device = "no device, by the document" if case.device in NO_DEVICE else case.device
            counts.setdefault(device, Counter())[case.confidence] += 1
        for device, of in counts.items():
            row = (device, *(str(of[each] or "-") for each in CONFIDENCE))
            rows.setdefault(row, []).append(f"`{driver.info.id}`")
    for (device, *numbers), ids in rows.items():
        yield device, ", ".join(ids), *numbers


def _unbuilt() -> Iterator[str]:
    file = ROOT / "drivers" / "golden" / "UNBUILT.toml"
    frames: list[Mapping[str, str]] = tomllib.loads(file.read_text("utf-8"))["frame"]
    reasons = Counter(each["reason"] for each in frames if each["reason"].startswith("no driver: "))
    yield from _table(
        ("what", "frames"),
        ((reason.removeprefix("no driver: "), of) for reason, of in reasons.items()),
    )


def _table(head, rows) -> Iterator[str]:
    for row in (head, tuple("---" for _ in head), *rows):
        yield f"| {' | '.join(map(str, row))} |\n"


if __name__ == "__main__":
    PAGE.write_text(make(), encoding="utf-8")
