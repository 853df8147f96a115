import ast
import importlib.util
import sys
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given

from tests.backend.dating.test_judge import ENROLLED, lives_of_a_device

CONSUMERS = Path(__file__).parents[2] / "docs" / "consumers"
FILES = sorted([*CONSUMERS.glob("python/*.py"), *CONSUMERS.glob("node/*.mjs")])
OURS = {"gateway", "drivers", "uplink", "backend", "simulator", "tests"}
ZONE = ZoneInfo("America/New_York")


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


@given(lives_of_a_device())
def test_the_lean_rule_holds_a_reading_or_gives_it_its_true_date(life):
    facts, readings = life
    clocks = [
        (tuple(f[:4]), f.boottime_ms - f.asked_ms, as_ms(f.device_time), f.is_set) for f in facts
    ]
    for true_ms, seen in readings:
        sighting = (tuple(seen[:4]), as_ms(seen.device_time), False)
        found = MEASURED.find_date([sighting], clocks, [], ZONE, ENROLLED)
        if found is not None:
            assert found == datetime.fromtimestamp(true_ms / 1000, ZONE).date()
