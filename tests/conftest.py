import pytest
from hypothesis import settings

from tests.fakes.broker import MosquittoBroker
from tests.fakes.pki import Authority

# What `make test` has time for; `pytest --hypothesis-profile=default` looks further, and slower.
settings.register_profile("short", max_examples=40)
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
