"""How fast drivers read their golden frames, and what bluetooth-sig makes of the same bytes.

The peer (PyPI, in an environment of its own) reads the SIG's characteristics; it has no sessions,
no devices with quirks and no serial lines. What is right stands in the golden files, each value
with its source: IEEE 11073-20601 for SFLOAT and FLOAT.
"""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.claim import as_table, plain
from drivers.conformance_golden import Case, load_cases
from drivers.errors import DriverError
from drivers.replay import replay
from drivers.spi import Driver
from gateway.registry import load_drivers

PEER = Path(__file__).parents[1] / "build" / "bluetooth-sig" / "bin" / "python"
READER = Path(__file__).with_name("sig_peer.py")
ROUND_S = 0.3
ROUNDS = 3
NEAR = Decimal("1e-6")  # of a value: the peer has floats
FIELDS = {  # what the peer calls the metric, by characteristic
    "2A35": {
        "MDC_PRESS_BLD_NONINV_SYS": "systolic",
        "MDC_PRESS_BLD_NONINV_DIA": "diastolic",
        "MDC_PRESS_BLD_NONINV_MEAN": "mean_arterial_pressure",
        "MDC_PULS_RATE_NON_INV": "optional_fields.pulse_rate",
    },
    "2A18": {"MDC_CONC_GLU": "glucose_concentration"},
    "2A1C": {"MDC_TEMP_BODY": "temperature"},
    "2A5E": {
        "MDC_PULS_OXIM_SAT_O2": "spo2",
        "MDC_PULS_OXIM_PULS_RATE": "pulse_rate",
        "MDC_PULS_OXIM_PERF_REL": "pulse_amplitude_index",
    },
    "2A9D": {
        "MDC_MASS_BODY_ACTUAL": "weight",
        "MDC_RATIO_MASS_BODY_LEN_SQ": "bmi",
        "MDC_LEN_BODY_ACTUAL": "height",
    },
    "2A9C": {
        "MDC_BODY_FAT": "body_fat_percentage",
        "MDC_BODY_ELECTRICAL_IMPEDANCE": "impedance",
        "MDC_MASS_BODY_ACTUAL": "weight",
        "MDC_LEN_BODY_ACTUAL": "height",
    },
}
FIELDS["2A5F"] = FIELDS["2A5E"]
CONVERTED = {"kg/L": 100_000, "mol/L": 1000}  # the peer has mg/dL and mmol/L

RATES = ("driver", "frames/s", "bluetooth-sig, frames/s", "ours / peer")
VALUES = ("field", "values", "right", "wrong", "refused", "frame", "is", "bluetooth-sig says")


class Value(NamedTuple):
    """One value of a golden frame, and what the peer says in its place; None: it refused."""

    characteristic: str
    field: str
    frame: bytes
    right: Decimal
    said: float | None

    @property
    def is_right(self) -> bool:
        """Whether the two are one number."""
        if self.said is None:
            return False
        said = Decimal(self.said)
        return said.is_finite() and abs(said - self.right) <= NEAR * abs(self.right)


async def measure(_folder: Path) -> str:
    """The two tables. Raises RuntimeError where the peer cannot be asked."""
    if not PEER.exists():
        raise RuntimeError("the peer's environment is missing: `make bench` makes it")
    drivers = load_drivers()
    cases = {id_: load_cases(driver) for id_, driver in drivers.items()}
    rates = [_rate(driver, cases[id_]) for id_, driver in drivers.items()]
    values = list(_compare([case for of in cases.values() for case in of]))
    return f"{as_table(RATES, rates)}\n\n{as_table(VALUES, _judge(values))}"


def _rate(driver: Driver, cases: Sequence[Case]) -> tuple[str, ...]:
    """Whole sessions over all frames, and the peer over those that it knows."""
    cases = [case for case in cases if not case.is_stream]
    count = sum(len(case.frames) for case in cases)
    known = [(f.source, f.data) for case in cases for f in case.frames if f.source in FIELDS]
    ours = count / min(_play(driver, cases) for _ in range(ROUNDS))
    if not known:
        return driver.info.id, plain(ours), "-", "-"
    peer: float = _ask(known)["rate"]
    return driver.info.id, plain(ours), plain(peer), plain(ours / peer)


def _play(driver: Driver, cases: Sequence[Case]) -> float:
    """Seconds for all cases once."""
    rounds, began = 0, time.perf_counter()
    while (spent_s := time.perf_counter() - began) < ROUND_S:
        rounds += 1
        for case in cases:
            with suppress(DriverError):
                for _ in replay(driver, case.name, case.frames):
                    pass
    return spent_s / rounds


def _compare(cases: Iterable[Case]) -> Iterator[Value]:
    wanted = [(case, right) for case in cases for right in _right(case) if right]
    asked = [(case.frames[0].source, case.frames[0].data) for case, _ in wanted]
    answers = _ask(asked)["said"]
    for (case, right), fields in zip(wanted, answers, strict=True):
        of, frame = case.frames[0]
        for name, number in right.items():
            yield Value(of, name, frame, number, fields.get(name))


def _right(case: Case) -> Iterator[Mapping[str, Decimal]]:
    """What the golden file says of a single frame, in the peer's words and units."""
    if len(case.frames) != 1 or len(case.expected) != 1 or case.name:
        return
    fields = FIELDS.get(case.frames[0].source, {})
    told = case.expected[0]
    numbers: Mapping[str, str] = told.get("observations") or told.get("channels") or {}
    right = {}
    for metric, text in numbers.items():
        value, _, unit = text.partition(" ")
        name = next((fields[of] for of in fields if metric.startswith(of)), None)
        if name and value != "none":
            right[name] = Decimal(value) * CONVERTED.get(unit, 1)
    yield right


def _judge(values: Sequence[Value]) -> Iterator[tuple[str, ...]]:
    """A row for each field, with the first value that is not right."""
    for of, field in dict.fromkeys((value.characteristic, value.field) for value in values):
        mine = [value for value in values if (value.characteristic, value.field) == (of, field)]
        refused = [value for value in mine if value.said is None]
        wrong = [value for value in mine if value.said is not None and not value.is_right]
        counts = (len(mine), len(mine) - len(wrong) - len(refused), len(wrong), len(refused))
        cells = ("-", "-", "-")
        for first in [*wrong, *refused][:1]:
            said = "nothing" if first.said is None else f"{first.said:g}"
            cells = (f"`{first.frame.hex()}`", f"{first.right.normalize():f}", said)
        yield f"{of} {field.rpartition('.')[2]}", *map(str, counts), *cells


def _ask(frames: Sequence[tuple[str, bytes]]) -> dict[str, Any]:
    """What the peer says of each frame, and how many it reads in a second."""
    done = subprocess.run(
        [PEER, READER],
        input=json.dumps([(of, data.hex()) for of, data in frames]),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"the peer says {done.stderr[-500:]}")
    found: dict[str, Any] = json.loads(done.stdout)
    return found
