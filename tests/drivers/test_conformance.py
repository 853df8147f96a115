"""The rules that the kit holds every installed driver to, and that it finds who breaks one."""

import json
import os
import shutil
import subprocess
import sys
import zipfile
from importlib import import_module
from pathlib import Path

import pytest

from drivers.conformance import RULES, check, count_cases
from drivers.conformance_golden import load_cases
from gateway.registry import load_drivers

DRIVERS = load_drivers()
DRIVERS_FOLDER = Path(__file__).parents[2] / "drivers"
EXAMPLE = Path(__file__).parents[2] / "docs" / "example-driver"
PACKAGE = "acme_thermometer"


@pytest.mark.parametrize("id_", DRIVERS)
def test_an_installed_driver_keeps_to_every_rule(id_):
    assert check(DRIVERS[id_]) == []
    assert count_cases(DRIVERS[id_]) >= 10


def test_every_public_vector_of_a_cms50_is_among_the_golden_frames():
    ids = {case.id for case in load_cases(DRIVERS["contec-cms50"])}
    assert {f"cms50-live-{name}" for name in ("beep", "pleth", "bar", "pr255", "pr127")} <= ids


def run(folder, *words):
    return subprocess.run(
        [sys.executable, "-m", "gateway", "drivers", *words],
        env={**os.environ, "PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The example, built as a wheel and unpacked as pip does it."""
    folder = tmp_path_factory.mktemp("site")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder / "dist"]
    subprocess.run(build, cwd=EXAMPLE, check=True, capture_output=True)
    [wheel] = (folder / "dist").glob("*.whl")
    with zipfile.ZipFile(wheel) as packed:
        packed.extractall(folder)
    return folder


def test_an_installed_driver_of_a_third_party_is_checked_like_ours(installed):
    done = run(installed, "check", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    said = json.loads(done.stdout)
    assert said["findings"] == []
    assert said["checked"].keys() == {"acme-thermometer", *DRIVERS}
    assert said["checked"]["acme-thermometer"] == 3


def test_the_check_of_one_driver_is_a_line(installed):
    done = run(installed, "check", "acme-thermometer")
    assert done.stdout == "acme-thermometer 1.0  3 cases  keeps to every rule\n"


def test_a_driver_that_is_not_installed_is_a_usage_error(installed):
    done = run(installed, "check", "acme-scale")
    assert (done.returncode, done.stdout) == (2, "")
    assert "acme-thermometer" in done.stderr


def test_a_finding_names_the_rule_and_the_next_step_and_exits_1(installed):
    golden = installed / PACKAGE / "golden" / "acme-thermometer.toml"
    sound = golden.read_text()
    golden.write_text(sound.replace("36.8 Cel", "36.9 Cel"))
    done = run(installed, "check")
    golden.write_text(sound)
    assert done.returncode == 1
    assert "acme-thermometer 1.0  3 cases  1 findings" in done.stdout
    what, hint = done.stderr.splitlines()
    assert what.startswith("acme-thermometer: said: two-lines-and-noise: ")
    assert hint == RULES["said"]


BROKEN = {
    "info": [
        ('id="acme-thermometer"', 'id="Acme Thermometer"'),
        ("line=Line(9600)", 'line=Line(9600, parity="X")'),
        ('transport="serial"', 'transport="carrier pigeon"'),
        ("line=Line(9600)", 'line=Line(9600), commands=(b"",)'),
    ],
    "imports": [
        ("from decimal import Decimal", "import time\nfrom decimal import Decimal"),
        ("from decimal import Decimal", "import msgspec\nfrom decimal import Decimal"),
        (
            "from decimal import Decimal",
            "from drivers.reader import Reader\nfrom decimal import Decimal",
        ),
        ("body, sum_ =", "from datetime import datetime\n    datetime.now()\n    body, sum_ ="),
    ],
    "golden": [("# What lines", "broken"), ('source = "invented', 'origin = "invented')],
    "said": [("scaleb(-1)", "scaleb(-2)"), ("seen = ", "seen = 1 / 0\n    seen = ")],
    "raw": [("(Frame(RX, frame),), origin", '(Frame(RX, frame + b"!"),), origin')],
    "cut": [
        ('raise DecodeError("the sum is wrong", frame, len(body))', "raise ValueError"),
        ('raise DecodeError("the sum is wrong", frame, len(body))', "return Reading((), ())"),
    ],
    "bytes": [("(self._held + data)", "data")],
    "metrics": [
        ("metrics=(Metric.MDC_TEMP_BODY,)", "metrics=(Metric.MDC_PULS_OXIM_PLETH,)"),
        ("Metric.MDC_TEMP_BODY, tenths", "Metric.MDC_TEMP_BODY, float(tenths)"),
    ],
    "writes": [("framer = Framer()", 'framer = Framer()\n        await link.write(b"\\xf5")')],
    "repr": [
        ('"the sum is wrong"', 'f"wrong sum: {frame.hex()}"'),
        ("return Reading(", "return Loud("),
    ],
}
LOUD = """

class Loud(Reading):
    def __repr__(self):
        return str(self.observations[0].value)
"""


@pytest.mark.parametrize(
    ("rule", "edit"), [(rule, edit) for rule, edits in BROKEN.items() for edit in edits]
)
def test_the_kit_finds_who_breaks_a_rule(rule, edit, tmp_path, monkeypatch):
    sound, broken = edit
    name = f"acme_{tmp_path.name}"  # a module is imported once
    source = (EXAMPLE / PACKAGE / "__init__.py").read_text()
    golden = (EXAMPLE / PACKAGE / "golden" / "acme-thermometer.toml").read_text()
    assert (sound in source) != (sound in golden)
    (tmp_path / name / "golden").mkdir(parents=True)
    (tmp_path / name / "__init__.py").write_text(source.replace(sound, broken) + LOUD)
    (tmp_path / name / "golden" / "acme-thermometer.toml").write_text(golden.replace(sound, broken))
    monkeypatch.syspath_prepend(tmp_path)
    findings = check(import_module(name).AcmeThermometer())
    assert rule in {finding.rule for finding in findings}
    assert {finding.hint for finding in findings if finding.rule == rule} == {RULES[rule]}


@pytest.mark.parametrize(
    ("rule", "sound", "broken"),
    [
        ("cut", "yield Undecodable(error, (frame,))", "continue"),
        (
            "writes",
            "frames = link.sub",
            'await link.write("2A52", b"1")\n        frames = link.sub',
        ),
        ("info", "writes=device_clock.CHARACTERISTICS", 'writes=("2A52",)'),
        ("info", 'match=("1810",)', "match=()"),
    ],
)
def test_the_kit_finds_what_is_amiss_over_bluetooth(rule, sound, broken, tmp_path, monkeypatch):
    name = f"cuff_{tmp_path.name}"
    source = (DRIVERS_FOLDER / "blood_pressure.py").read_text()
    assert sound in source
    shutil.copytree(DRIVERS_FOLDER / "golden", tmp_path / name / "golden")
    (tmp_path / name / "__init__.py").write_text(source.replace(sound, broken))
    monkeypatch.syspath_prepend(tmp_path)
    findings = check(import_module(name).BloodPressure())
    assert rule in {finding.rule for finding in findings}


@pytest.mark.parametrize(
    ("rule", "sound", "broken"),
    [
        ("said", 'raise UnexpectedReply("record access", error.frame) from error', "return"),
        ("said", "raise UnexpectedReply(", "raise ValueError("),
        ("cut", "yield Undecodable(error", "yield Reading((), ()); Undecodable(error"),
        (
            "raw",
            "yield item\n    for item in records.release",
            "pass\n    for item in records.release",
        ),
    ],
)
def test_the_kit_finds_what_is_amiss_with_a_memory(rule, sound, broken, tmp_path, monkeypatch):
    name = f"meter_{tmp_path.name}"
    source = (DRIVERS_FOLDER / "glucose.py").read_text()
    assert sound in source
    shutil.copytree(DRIVERS_FOLDER / "golden", tmp_path / name / "golden")
    text = source.replace(sound, broken).replace("import ClockRead", "import Reading, ClockRead")
    (tmp_path / name / "__init__.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    assert rule in {finding.rule for finding in check(import_module(name).Glucose())}


def test_every_rule_has_a_driver_that_breaks_it():
    assert BROKEN.keys() == RULES.keys()
