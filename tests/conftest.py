import pytest
from hypothesis import HealthCheck, settings

from tests.fakes.broker import MosquittoBroker
from tests.fakes.pki import Authority

# Counts are asserted and never times: a busy machine is no fault of what is tested.
settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy")


@pytest.fixture(scope="session")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("pki"))


@pytest.fixture
def broker(tmp_path, authority):
    broker = MosquittoBroker(tmp_path / "broker", authority)
    broker.start()
    yield broker
    broker.kill()
