import pytest
from hypothesis import HealthCheck, settings

from tests.fakes.broker import MosquittoBroker
from tests.fakes.pki import Authority

# What `make test` has time for; `pytest --hypothesis-profile=default` looks further, and slower.
# Counts are asserted and never times: a busy machine is no fault of what is tested.
settings.register_profile(
    "short", max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("short")


@pytest.fixture(scope="session")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("pki"))


@pytest.fixture
def broker(tmp_path, authority):
    broker = MosquittoBroker(tmp_path / "broker", authority)
    broker.start()
    yield broker
    broker.kill()
