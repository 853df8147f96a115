import pytest

from backend.evidence_package.archive import unpack
from tests.backend.evidence_package import made
from tests.backend.office import DAY, Office, failed_frame, frame, naive


@pytest.fixture
def office(tmp_path):
    office = Office(tmp_path)
    yield office
    office.ledger.close()


@pytest.fixture(scope="package")
def package(tmp_path_factory):
    """Five days and one reading of each sort that does not count, made once for all that look."""
    office = Office(tmp_path_factory.mktemp("office"))
    hub = made.fill(office, days=4)
    at_ms = made.MORNING + 4 * DAY
    told = naive(at_ms - made.MINUTE - made.NEW_YORK_AHEAD)
    made.measure_day(
        office,
        hub,
        at_ms,
        lambda hub, at: hub.measure(at, failed_frame(told)),
        lambda hub, at: hub.measure(at, frame(naive(at + 900 * DAY)), live=False),
    )
    yield made.make(office)
    office.ledger.close()


@pytest.fixture
def path(package, tmp_path):
    path = tmp_path / "package.zip"
    path.write_bytes(package.data)
    return path


@pytest.fixture
def files(path):
    return unpack(path)[0]
