import pytest

from tests.backend.office import Office


@pytest.fixture
def office(tmp_path):
    office = Office(tmp_path)
    yield office
    office.ledger.close()
