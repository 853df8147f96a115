import pytest

from drivers.conformance import check
from drivers.conformance_golden import GoldenError
from drivers.grades import grade_of
from drivers.spi import DriverInfo, Line, Metric

CASE = """
[[case]]
id = "one"
source = "{source}"
confidence = "{confidence}"
frames = ["01"]
[[case.expected]]
{expected}
"""
MEASURED = 'observations = { MDC_TEMP_BODY = "37 Cel" }'


class Thermometer:
    info = DriverInfo("thermometer", "1", "serial", (), (Metric.MDC_TEMP_BODY,), line=Line(9600))

    async def session(self, link):
        async for _ in link.receive():
            yield


@pytest.fixture
def golden(tmp_path, monkeypatch):
    folder = tmp_path / f"maker_{tmp_path.name}"
    (folder / "golden").mkdir(parents=True)
    (folder / "__init__.py").write_text(
        "from tests.drivers.test_grades import Thermometer as Sound\n"
        "class Thermometer(Sound): ...\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    driver = __import__(folder.name).Thermometer()

    def write(confidence="derived", expected=MEASURED, head=""):
        case = CASE.format(source="a document", confidence=confidence, expected=expected)
        (folder / "golden" / "thermometer.toml").write_text(head + case)
        return driver

    return write


@pytest.mark.parametrize(
    ("confidence", "expected", "grade"),
    [
        ("derived", MEASURED, "standard"),
        ("test-suite", MEASURED, "standard"),
        ("spec-example", MEASURED, "standard"),
        ("captured", MEASURED, "captures"),
        ("captured", "battery = 50", "standard"),
        ("captured", "error_at = 0", "standard"),
    ],
)
def test_one_captured_measurement_makes_the_grade(golden, confidence, expected, grade):
    assert str(grade_of(golden(confidence, expected))) == grade


@pytest.mark.parametrize("name", ["on the device", "thirty days"])
def test_what_was_seen_on_a_device_is_said_with_its_source(golden, name):
    head = f'grade = {{ name = "{name}", source = "who saw it, and when" }}'
    assert str(grade_of(golden(head=head))) == name


@pytest.mark.parametrize(
    "head",
    [
        'grade = { name = "thirty days", source = "" }',
        'grade = { name = "thirty days" }',
        'grade = { name = "captures", source = "me" }',
        'grade = { name = "excellent", source = "me" }',
        'grade = "thirty days"',
    ],
)
def test_a_grade_without_a_source_or_that_is_counted_is_a_fault(golden, head):
    driver = golden(head=head)
    with pytest.raises(GoldenError):
        grade_of(driver)
    assert "golden" in {finding.rule for finding in check(driver)}
