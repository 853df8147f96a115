"""10 MB/s of noise on one line, while a device on another measures."""

import asyncio
import subprocess
import sys
import tracemalloc
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from gateway.links.serial import Ports
from gateway.links.serial_link import BURST_BYTES
from gateway.sessions import Sessions
from tests.fakes.hand_clock import HandClock
from tests.fakes.hub_storage import HubStorage
from tests.gateway.test_serial import PATIENCE_S, Home, told

NOISE = 600_000_000  # for a minute: no test takes as long
FLOODS = 5
STRETCHES = 3
FRAMES = 100


class Watching(Sessions):
    """Says when a session has failed, and is ready for the next one at once."""

    def __init__(self, *lent):
        super().__init__(*lent)
        self.failed = asyncio.Semaphore(0)

    def _note_failure(self, error):
        super()._note_failure(error)
        if self.failures < FLOODS:
            self.hasten()
        self.failed.release()


class Room:
    """A hub with two lines: one has noise on it."""

    def __init__(self, storage, folder):
        for name in ("quiet", "noisy"):
            (folder / name).mkdir()
        self.quiet = Home(storage, folder / "quiet")
        self.noisy = Home(storage, folder / "noisy")
        self.noisy.sessions = Watching(
            self.noisy.sessions.device, self.quiet.recorder, storage.steps.note
        )

    @asynccontextmanager
    async def served(self):
        async with asyncio.timeout(3 * PATIENCE_S):
            sessions = [self.noisy.sessions, self.quiet.sessions]
            serving = asyncio.create_task(Ports(self.quiet.bench, sessions).run())
            try:
                yield serving
            finally:
                serving.cancel()
                await asyncio.wait([serving])

    @contextmanager
    def noise(self):
        line = self.noisy.oximeter._ends[1]
        source = subprocess.Popen(
            [sys.executable, "-m", "tests.fakes.noise_source", str(line), str(NOISE)],
            pass_fds=[line],
            cwd=Path(__file__).parents[2],
        )
        try:
            yield source
        finally:
            source.kill()
            source.wait()

    async def measure(self):
        """A stretch of beats from the device that is in order, until it is on flash."""
        sent = b""
        for _ in range(FRAMES):
            sent += self.quiet.oximeter.beat()
            await self.quiet.taken()
        self.quiet.finger_out()
        await self.quiet.committed.acquire()
        return sent


@pytest.fixture
async def room(tmp_path):
    storage = await HubStorage.open(tmp_path, HandClock())
    room = Room(storage, tmp_path)
    for home in (room.quiet, room.noisy):
        home.oximeter.plug()
    yield room
    for home in (room.quiet, room.noisy):
        home.oximeter.unplug()
    await storage.outbox.close()


async def test_noise_costs_a_bounded_amount_of_memory_and_no_other_device_a_reading(room):
    with capture_logs() as lines:
        async with room.served() as serving:
            await room.quiet.driver.begun.acquire()
            await room.noisy.driver.begun.acquire()
            tracemalloc.start()
            with room.noise() as source:
                sent = [await room.measure() for _ in range(STRETCHES)]
                for _ in range(FLOODS):
                    await room.noisy.sessions.failed.acquire()
                assert source.poll() is None
            _, most = tracemalloc.get_traced_memory()
            tracemalloc.stop()
            assert not serving.done()
    kept = await room.quiet.series()
    assert [series.raw[1] for series in kept if series.count == FRAMES] == sent
    assert room.quiet.sessions.failures == 0
    assert told(lines).count("device-floods") == 1
    assert most < 16 * BURST_BYTES
