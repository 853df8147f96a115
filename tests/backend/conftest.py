import pytest

from tests.backend.office import KEY, START, Office, frame, naive, utc


@pytest.fixture
def office(tmp_path):
    office = Office(tmp_path)
    yield office
    office.ledger.close()


@pytest.fixture
def kept_office(tmp_path):
    """An office with a patient and one reading, whose ledger the commands read with its key."""
    office = Office(tmp_path)
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys" / "hpke.key").write_text(KEY.to_text())
    office.assign()
    noon = utc(2026, 3, 2, 17)
    hub = office.enroll().begin(START)
    hub.describe(noon)
    hub.measure(noon, frame(naive(noon)))
    office.take_all(hub)
    yield office
    office.ledger.close()
