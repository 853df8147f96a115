import asyncio
import os
import termios
from contextlib import asynccontextmanager
from zoneinfo import ZoneInfo

import pytest
from serial.tools.list_ports_common import ListPortInfo
from structlog.testing import capture_logs

from drivers.contec_cms50 import LIVE, ContecCms50
from drivers.errors import LinkError
from drivers.spi import RX, DriverInfo, Frame, Line, Metric, Reading
from gateway.devices import Device, Socket
from gateway.links.serial import Ports
from gateway.links.serial_link import BURST_BYTES, Bench, PortLink
from gateway.links.serial_port import Port
from gateway.recorder import Recorder
from gateway.sessions import Sessions
from simulator.oximeter import Oximeter
from tests.fakes.hand_clock import HandClock
from tests.fakes.hub_storage import HubStorage
from uplink.records import SeriesRecord

PATIENCE_S = 20
ZONE = ZoneInfo("America/New_York")
IDENTITY = ("Contec", "CMS50D+", "1")
NO_FINGER = 2  # frames: the second shows that the first is whole


class Watched:
    """A driver that says when a session has begun."""

    info = ContecCms50.info

    def __init__(self):
        self.begun = asyncio.Semaphore(0)

    async def session(self, link):
        self.begun.release()
        async for item in ContecCms50().session(link):
            yield item


class Home:
    """An oximeter on a pty and a hub that serves it."""

    def __init__(self, storage, folder, socket=None, ports=()):
        self.storage = storage
        self.clock = storage.clock
        self.oximeter = Oximeter(folder / "ttyUSB0")
        self.driver = Watched()
        self.committed = asyncio.Semaphore(0)
        self.recorder = Recorder(
            storage.outbox,
            storage.clock,
            storage._open,
            storage.witness,
            software="vitalpost 0",
            on_commit=self.committed.release,
        )
        device = Device(
            "oximeter", "", IDENTITY, self.driver, False, socket=socket or self.socket_by_path()
        )
        self.sessions = Sessions(device, self.recorder, storage.steps.note)
        self.bench = Bench(self.clock, ZONE, 0.005, 30, lambda: ports)

    def socket_by_path(self):
        return Socket(port=str(self.oximeter.port))

    def finger_out(self):
        self.oximeter.has_finger = False
        self.oximeter.beat(NO_FINGER)
        self.oximeter.has_finger = True

    async def taken(self):
        await until(lambda: not self.oximeter.waits())

    async def series(self):
        kept = await self.storage.read_records()
        return [record for record in kept if isinstance(record, SeriesRecord)]

    @asynccontextmanager
    async def served(self):
        async with asyncio.timeout(PATIENCE_S):
            serving = asyncio.create_task(Ports(self.bench, [self.sessions]).run())
            try:
                yield
            finally:
                serving.cancel()
                await asyncio.wait([serving])


@pytest.fixture
async def storage(tmp_path):
    storage = await HubStorage.open(tmp_path, HandClock())
    yield storage
    await storage.outbox.close()


@pytest.fixture
def home(storage, tmp_path):
    home = Home(storage, tmp_path)
    home.oximeter.plug()
    yield home
    home.oximeter.unplug()


async def test_a_stretch_is_on_flash_with_all_its_frames_when_the_finger_is_taken_out(home):
    began_ms = home.clock.utc_ns() // 10**6
    async with home.served():
        await home.driver.begun.acquire()
        sent = home.oximeter.beat(300)
        home.finger_out()
        await home.committed.acquire()
        [series] = await home.series()
    assert series.raw == (RX, sent)
    assert (series.count, series.rate, series.origin, series.link) == (300, 60, 1, 0)
    assert series.stamp.utc_ms == began_ms
    spo2, pulse, pleth = series.channels
    assert (spo2.metric, spo2.unit, spo2.runs) == (Metric.MDC_PULS_OXIM_SAT_O2, "%", ((97, 300),))
    assert pulse.runs == ((72, 300),)
    values = [value for value, length in pleth.runs for _ in range(length)]
    assert values == list(sent[1::5])
    assert home.storage.steps == ["captured"]


async def test_a_long_stream_is_cut_into_records_and_no_frame_is_lost(home):
    sent = b""
    async with home.served():
        await home.driver.begun.acquire()
        while len(sent) <= 5 * LIVE.longest:
            sent += home.oximeter.beat(200)
            await home.taken()
        await home.committed.acquire()
    first, rest = await home.series()
    assert first.count == LIVE.longest
    assert first.raw[1] + rest.raw[1] == sent


async def test_what_a_driver_has_in_hand_is_committed_when_the_hub_stops(home):
    async with home.served():
        await home.driver.begun.acquire()
        sent = home.oximeter.beat(100)
        await home.taken()
    [series] = await home.series()
    assert series.raw == (RX, sent)


async def test_unplugging_is_one_warning_and_plugging_in_again_is_one_line(home):
    with capture_logs() as lines:
        async with home.served():
            for _ in range(2):
                await home.driver.begun.acquire()
                home.oximeter.beat(100)
                await home.taken()
                home.oximeter.unplug()
                await home.committed.acquire()
                await until(lambda: lines and lines[-1]["event"] == "device-away")
                home.oximeter.plug()
            await home.driver.begun.acquire()
            home.oximeter.beat(2)
            await until(lambda: told(lines)[-1] == "device-back")
    assert told(lines) == ["device-away", "device-back", "device-away", "device-back"]
    assert all(line["hint"] for line in lines if line["log_level"] == "warning")
    assert sum(series.count for series in await home.series()) >= 200


async def test_a_port_that_is_not_there_is_told_once(home):
    home.oximeter.unplug()
    looked = 0

    def look():
        nonlocal looked
        looked += 1
        return ()

    home.bench = home.bench._replace(list_ports=look)
    home.sessions.device.socket = Socket(usb="10c4:ea60")
    with capture_logs() as lines:
        async with home.served():
            await until(lambda: looked > 20)
    assert told(lines) == ["device-away"]


async def test_frames_cut_anywhere_and_halved_are_found_again(home):
    async with home.served():
        await home.driver.begun.acquire()
        for byte in home.oximeter.frame() * 30:
            home.oximeter.write(bytes([byte]))
            await home.taken()
        home.oximeter.write(home.oximeter.frame()[:3])
        home.oximeter.beat(30)
        home.finger_out()
        await home.committed.acquire()
    [series] = await home.series()
    assert series.count == 60


async def test_noise_is_no_measurement(home):
    with capture_logs() as lines:
        async with home.served():
            await home.driver.begun.acquire()
            home.oximeter.noise(3000)
            home.finger_out()
            home.oximeter.beat(100)
            home.finger_out()
            await home.committed.acquire()
    [series] = await home.series()
    assert series.count == 100
    [ended] = [line for line in lines if line["event"] == "session-ended"]
    assert ended["empty"] > 0


async def test_a_flood_is_dropped_the_port_closed_and_opened_later_and_later(home):
    with capture_logs() as lines:
        async with home.served():
            await home.driver.begun.acquire()
            sent = 0
            while not home.sessions.failures:
                sent += home.oximeter.write(os.urandom(4096))
                await asyncio.sleep(0)
            assert not home.sessions.claim()
    assert told(lines) == ["device-floods"]
    assert sent < 4 * BURST_BYTES  # the pty holds some as well
    assert await home.series() == []


async def test_a_port_that_another_program_holds_is_told_with_what_to_do(home):
    other = Port(str(home.oximeter.port), Line(9600))
    other.open()
    with capture_logs() as lines:
        async with home.served():
            await until(lambda: home.sessions.failures)
    other.close()
    [warning] = [line for line in lines if line["log_level"] == "warning"]
    assert warning["event"] == "port-unusable"
    assert "Stop what else uses the port" in warning["hint"]


async def test_a_line_is_set_as_the_driver_says_and_damaged_bytes_are_dropped(home):
    port = Port(str(home.oximeter.port), ContecCms50.info.line)
    port.open()
    iflag, _, _, _, ispeed, ospeed, _ = termios.tcgetattr(home.oximeter._ends[0])
    assert (ispeed, ospeed) == (termios.B19200, termios.B19200)
    assert iflag & (termios.IGNPAR | termios.INPCK) == termios.IGNPAR | termios.INPCK
    assert port._serial.parity == "O"  # a pty knows no parity
    port.close()
    port.close()


def cable(path, serial=None, usb=(0x10C4, 0xEA60)):
    info = ListPortInfo(str(path))
    info.vid, info.pid = usb
    info.serial_number = serial
    return info


async def test_a_cable_is_found_by_its_usb_id_and_serial(storage, tmp_path):
    home = Home(storage, tmp_path, Socket(usb="10c4:ea60", usb_serial="0002"))
    home.oximeter.plug()
    right, wrong = home.oximeter.port, tmp_path / "nowhere"
    found = [cable(wrong, "0001"), cable(right, "0002"), cable(wrong, "0002", (1, 2))]
    home.bench = home.bench._replace(list_ports=lambda: found)
    async with home.served():
        await home.driver.begun.acquire()
    home.oximeter.unplug()


async def test_of_two_cables_that_are_alike_none_is_taken(storage, tmp_path):
    alike = [cable(tmp_path / "a"), cable(tmp_path / "b")]
    home = Home(storage, tmp_path, Socket(usb="10c4:ea60"), ports=alike)
    with capture_logs() as lines:
        async with home.served():
            await until(lambda: home.sessions.failures)
    assert told(lines) == ["port-unusable"]
    assert "usb_serial" in lines[0]["hint"]


class Asking:
    """A driver that writes what it may, and then what it may not."""

    info = DriverInfo("asking", "1", "serial", (), (), line=Line(9600), commands=(b"\xf5",))

    def __init__(self):
        self.refused = asyncio.Event()

    async def session(self, link):
        await link.write(b"\xf5\xf5")
        with pytest.raises(LinkError, match="may not write"):
            await link.write(b"\xf6")
        self.refused.set()
        yield Reading((), (Frame(RX, b"\x01"),))
        async for _ in link.receive():
            pass


async def test_a_driver_writes_only_what_it_declared(home):
    home.sessions.device.driver = driver = Asking()
    async with home.served():
        await driver.refused.wait()
        assert home.oximeter.heard() == b"\xf5\xf5"
        await home.committed.acquire()


async def test_silence_is_an_empty_chunk_and_said_once(home):
    bench = home.bench._replace(silence_s=0.01)
    async with PortLink(bench, home.sessions.device, str(home.oximeter.port)) as link:
        chunks = link.receive()
        home.oximeter.write(b"ab")
        assert (await anext(chunks)).data == b"ab"
        assert (await anext(chunks)).data == b""
        home.oximeter.write(b"c")
        assert (await anext(chunks)).data == b"c"
        assert home.bench.clock.quality() == 3
        assert link.local_time().hour == 8


async def test_what_is_asked_of_a_silent_line_has_a_silence_of_its_own(home):
    bench = home.bench._replace(silence_s=0.01)
    home.driver.info = Asking.info
    async with PortLink(bench, home.sessions.device, str(home.oximeter.port)) as link:
        chunks = link.receive()
        for _ in range(3):
            assert (await anext(chunks)).data == b""
            await link.write(b"\xf5")


async def until(holds):
    while not holds():  # noqa: ASYNC110  a pty and a log have no event
        await asyncio.sleep(0)


def told(lines):
    return [line["event"] for line in lines if line["log_level"] != "debug"]
