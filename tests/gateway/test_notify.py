import asyncio
import os
import socket

import pytest

from gateway.notify import Notifier


@pytest.fixture(params=["path", "abstract"])
def manager(tmp_path, request):
    given = str(tmp_path / "notify") if request.param == "path" else f"@vitalpost-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(given.replace("@", "\0", 1))
        manager.settimeout(5)
        yield given, lambda: manager.recv(100).decode()


def test_systemd_hears_of_readiness_and_of_the_end(manager):
    given, hear = manager
    notifier = Notifier({"NOTIFY_SOCKET": given})
    notifier.ready("1 device enrolled")
    assert hear() == "READY=1\nSTATUS=1 device enrolled"
    notifier.stopping()
    assert hear() == "STOPPING=1"


async def live():
    return True


async def test_the_watchdog_is_fed_while_the_hub_is_proved_to_live(manager):
    given, hear = manager
    proofs = iter([True, False, False, True, True])

    async def is_alive():
        return next(proofs, False)

    watched = {"NOTIFY_SOCKET": given, "WATCHDOG_USEC": "20000", "WATCHDOG_PID": str(os.getpid())}
    watching = asyncio.create_task(Notifier(watched).watch(is_alive))
    assert [await asyncio.to_thread(hear) for _ in range(3)] == 3 * ["WATCHDOG=1"]
    assert list(proofs) == []
    watching.cancel()


async def test_without_a_manager_or_with_one_that_is_gone_nothing_happens(tmp_path):
    Notifier({}).ready("")
    Notifier({"NOTIFY_SOCKET": str(tmp_path / "gone")}).stopping()
    await Notifier({"WATCHDOG_USEC": "20000", "WATCHDOG_PID": "1"}).watch(live)
