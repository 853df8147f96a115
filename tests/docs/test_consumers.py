import ast
import importlib.util
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.dating.judge import ClockFact, Seen, judge, local_date
from tests.backend.dating.test_judge import ENROLLED, lives_of_a_device

CONSUMERS = Path(__file__).parents[2] / "docs" / "consumers"
FILES = sorted([*CONSUMERS.glob("python/*.py"), *CONSUMERS.glob("node/*.mjs")])
OURS = {"gateway", "drivers", "uplink", "backend", "simulator", "tests"}
ZONE = ZoneInfo("America/New_York")
DARK = bytes([9]) * 16  # a boot in which the hub never learnt the time


def load_measured():
    path = CONSUMERS / "python" / "measured.py"
    spec = importlib.util.spec_from_file_location("measured", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


MEASURED = load_measured()


def as_ms(time):
    return int(time.replace(tzinfo=UTC).timestamp()) * 1000


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_file_of_a_consumer_is_read_in_a_minute(path):
    assert len([line for line in path.read_text().splitlines() if line.strip()]) <= 110


def test_the_python_consumer_imports_standard_libraries_alone():
    imported = set()
    for path in CONSUMERS.glob("python/*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                imported |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0
                imported.add(node.module.split(".")[0])
    own = {path.stem for path in CONSUMERS.glob("python/*.py")}
    assert imported.isdisjoint(OURS)
    assert imported - own - sys.stdlib_module_names == {"cbor2", "cryptography", "paho"}


def test_the_lock_of_the_node_consumer_names_no_registry():
    lock = (CONSUMERS / "node" / "package-lock.json").read_text()
    assert '"resolved"' not in lock
    assert "omit-lockfile-registry-resolved=true" in (CONSUMERS / "node" / ".npmrc").read_text()


def find_lean_date(facts, reading):
    clocks = [
        (
            (("hub-1", f.boot), *f[1:4]),
            f.boottime_ms - f.asked_ms,
            as_ms(f.device_time),
            f.is_set,
        )
        for f in facts
    ]
    sighting = ((("hub-1", reading.boot), *reading[1:4]), as_ms(reading.device_time), False)
    return MEASURED.find_date([sighting], clocks, [], ZONE, ENROLLED)


@given(lives_of_a_device())
def test_the_lean_rule_holds_a_reading_or_gives_it_its_true_date(life):
    facts, readings = life
    for true_ms, seen in readings:
        found = find_lean_date(facts, seen)
        if found is not None:
            assert found == datetime.fromtimestamp(true_ms / 1000, ZONE).date()


@given(lives_of_a_device(), st.data())
def test_what_was_read_in_boots_without_time_leaves_the_lean_rule_no_other_date(life, data):
    facts, readings = life
    near = st.sampled_from([seen.device_time for _, seen in readings] or [facts[0].device_time])
    told = []
    for fact in facts:
        shown = data.draw(st.lists(st.tuples(near, st.integers(-48, 48)), max_size=2))
        told += [
            fact._replace(boot=DARK, utc_ms=0, quality=0, device_time=time + timedelta(hours=hours))
            for time, hours in shown
        ]
        told.append(fact)
    for _, seen in readings:
        if found := find_lean_date(told, seen):
            assert found == local_date(judge([seen], told, [], ENROLLED), ZONE)


def test_a_clock_that_jumped_twice_and_was_read_between_in_a_boot_without_time_is_in_doubt():
    at = datetime(2026, 3, 3, 13)  # noqa: DTZ001  what a device shows is naive
    first = ClockFact(bytes(16), 0, as_ms(at), 5, at, -100, is_set=False)
    dark = first._replace(boot=DARK, utc_ms=0, quality=0, device_time=at + timedelta(minutes=30))
    days = 3 * 86_400_000
    last = first._replace(boottime_ms=days, utc_ms=as_ms(at) + days, asked_ms=days - 100)
    reading = Seen(bytes(16), days + 100, as_ms(at) + days + 100, 5, at + timedelta(hours=1), 0)
    agreeing = last._replace(device_time=at + timedelta(days=3))
    assert find_lean_date([first, dark, last], reading) is None
    assert find_lean_date([first, dark, agreeing], reading) == at.date()
