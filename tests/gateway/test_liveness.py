import asyncio
import signal
from types import SimpleNamespace

import pytest

from gateway.liveness import SCANNER_S, Liveness
from tests.fakes.hub_folder import HubFolder
from tests.fakes.service_manager import ServiceManager
from uplink.errors import OutboxDamaged
from uplink.outbox import Outbox


@pytest.fixture
def manage(tmp_path):
    managers = []

    def manage(*words):
        managers.append(ServiceManager(tmp_path, words))
        return managers[-1]

    yield manage
    for manager in managers:
        manager.close()


def test_a_hub_that_lives_is_left_alone(tmp_path, manage):
    manager = manage("gateway", "run", "--settings", HubFolder(tmp_path).settings)
    manager.start()
    assert manager.watch(feedings=5)
    assert manager.stop() == 0
    assert manager.history == ["start", "ready", "ended 0"]


def test_a_hub_that_stands_still_is_started_anew(tmp_path, manage):
    manager = manage("gateway", "run", "--settings", HubFolder(tmp_path).settings)
    manager.start()
    assert manager.watch(feedings=1)
    manager.signal(signal.SIGSTOP)
    while manager.watch(feedings=1):
        pass  # what was said before
    assert manager.history == ["start", "ready", "hung", "ended -9", "start", "ready"]
    assert manager.watch(feedings=2)


@pytest.mark.parametrize("where", ["loop", "outbox"])
def test_a_hub_of_which_a_part_hangs_is_started_anew_and_says_where(tmp_path, manage, where):
    hub = HubFolder(tmp_path)
    hub.outbox.parent.mkdir()
    hub.outbox.write_bytes(b"no outbox at all")
    manager = manage("tests.fakes.hung_hub", hub.settings, where)
    manager.start()
    while manager.watch(feedings=1):
        pass
    assert manager.history == ["start", "ready", "hung", "ended -6", "start", "ready"]
    assert "in hang" in manager.log()
    assert manager.watch(feedings=2)
    assert manager.stop() == 0


async def test_a_scanner_whose_loop_stands_still_is_no_sign_of_life(tmp_path):
    outbox = await Outbox.open(tmp_path / "outbox.db", quota_bytes=1 << 20)
    now = asyncio.get_running_loop().time
    central = SimpleNamespace(turned_at=now())
    liveness = Liveness(outbox, central)
    assert await liveness.is_proved()
    central.turned_at = now() - SCANNER_S - 1
    assert not await liveness.is_proved()
    central.turned_at = now()
    assert await liveness.is_proved()
    await outbox.close()


async def test_an_outbox_that_has_failed_is_no_sign_of_life(tmp_path):
    outbox = await Outbox.open(tmp_path / "outbox.db", quota_bytes=1 << 20)
    outbox._fault = OSError(5, "Input/output error")
    with pytest.raises(OutboxDamaged):
        await Liveness(outbox, SimpleNamespace(turned_at=0.0)).is_proved()
    await outbox.close()
