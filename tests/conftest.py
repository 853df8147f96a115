import pytest

from tests.fakes.broker import MosquittoBroker
from tests.fakes.pki import Authority


@pytest.fixture(scope="session")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("pki"))


@pytest.fixture
def broker(tmp_path, authority):
    broker = MosquittoBroker(tmp_path / "broker", authority)
    broker.start()
    yield broker
    broker.kill()
