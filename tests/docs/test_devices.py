from drivers.conformance_golden import load_cases
from drivers.grades import grade_of
from gateway.registry import load_drivers
from tests.docs.devices import CONFIDENCE, PAGE, make

DRIVERS = load_drivers()


def test_the_page_of_devices_is_what_drivers_and_golden_files_say():
    assert PAGE.read_text("utf-8") == make(), "python -m tests.docs.devices"


def test_every_driver_says_its_devices_and_every_case_where_it_is_from():
    for driver in DRIVERS.values():
        assert driver.info.devices
        assert all(case.device and case.confidence in CONFIDENCE for case in load_cases(driver))


def test_no_driver_claims_more_than_captures():
    grades = {str(grade_of(driver)) for driver in DRIVERS.values()}
    assert grades == {"standard", "captures"}
