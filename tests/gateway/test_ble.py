import asyncio
from contextlib import AsyncExitStack, suppress
from datetime import datetime, timedelta
from functools import partial
from zoneinfo import ZoneInfo

import pytest
from bleak import BleakScanner
from structlog.testing import capture_logs

from drivers.blood_pressure import BloodPressure
from drivers.errors import LinkError, LinkLost, PairingRefused
from gateway.devices import Device
from gateway.links.arrivals import LONGEST_QUEUE
from gateway.links.ble import Central
from gateway.links.gatt import BleLink, Station
from gateway.sessions import Sessions
from gateway.setup import SetupWindow
from simulator.air import Air
from simulator.clock import ScriptClock
from simulator.devices.cuff import Cuff
from simulator.frames import Values
from simulator.radio import VirtualRadio
from tests.fakes.hub_storage import HubStorage
from uplink.records import DeviceRecord, EventRecord, ReadingRecord

ADDRESS = "F0:00:00:12:34:56"
VALUES = Values(systolic=125, diastolic=80, mean=102, pulse=64)
ZONE = ZoneInfo("America/New_York")
DEADLINE_S = 20
HOUR_NS = 3_600_000_000_000


class UnprotectedRadio(VirtualRadio):
    """Says of every link that it is open, as BlueZ does where pairing did not take place."""

    async def ties(self, found):
        return (False, False, True)


class NotingSessions(Sessions):
    """Says when a session has failed."""

    def __init__(self, *lent):
        super().__init__(*lent)
        self.failed = asyncio.Event()

    def _note_failure(self, error):
        super()._note_failure(error)
        self.failed.set()


class Home:
    """A cuff on the air, and a hub with real bleak, real drivers and a real outbox."""

    def __init__(self, folder):
        self.folder = folder
        self.clock = ScriptClock.create(folder / "clock")
        self.air = Air()
        self.stack = AsyncExitStack()
        self.radio_kind = VirtualRadio
        self.identity = ("A&D Medical", "UA-651BLE", "51")
        self.is_bonded = True
        self.setup = SetupWindow()
        self.setup.open()

    async def __aenter__(self):
        self.hci = await self.air.open()
        self.stack.callback(self.air.close)
        self.storage = await HubStorage.open(self.folder, self.clock)
        self.stack.push_async_callback(self.storage.outbox.close)
        self.cuff = Cuff(
            self.air, self.clock, lambda *_, **__: None, address=ADDRESS, serial="51", ppm=0
        )
        self.start(self.cuff.run())
        return self

    async def __aexit__(self, *_):
        await self.stack.aclose()

    def start(self, work):
        task = asyncio.create_task(work)
        self.stack.push_async_callback(end, task)
        return task

    def device(self):
        return Device("cuff", ADDRESS, self.identity, BloodPressure(), self.is_bonded)

    def station(self, quiet_s=5.0):
        radio = self.radio_kind(self.hci, str(self.folder / "bonds.json"))
        return Station(radio, self.clock, ZONE, quiet_s, self.setup)

    def sessions(self, kind=Sessions):
        recorder = self.storage.start_recorder()
        return kind(self.device(), recorder, self.storage.steps.note)

    def start_hub(self):
        central = Central(self.station(), [self.sessions()])
        self.start(central.run())
        return central

    async def find(self, **options):
        """A link to the cuff, not yet connected, and no central."""
        station = self.station(**options)
        await station.radio.start()
        self.stack.push_async_callback(station.radio.stop)
        found = asyncio.get_running_loop().create_future()

        def on_sight(device, _):
            if not found.done():
                found.set_result(device)

        self.cuff.switch_on()
        async with BleakScanner(on_sight, backend=station.radio.scanner_backend):
            return BleLink(station, self.device(), await soon(found), "A&D")

    async def connect(self, **options):
        return await self.stack.enter_async_context(await self.find(**options))

    async def records(self, *kinds):
        kept = await self.storage.read_records()
        return [record for record in kept if isinstance(record, kinds)]


async def soon(coming):
    async with asyncio.timeout(DEADLINE_S):
        return await coming


async def end(task):
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


@pytest.fixture
async def home(tmp_path):
    async with Home(tmp_path) as home:
        yield home


async def test_what_a_cuff_measures_becomes_records(home):
    home.start_hub()
    frames = [home.cuff.build(VALUES), home.cuff.build(VALUES._replace(systolic=130))]
    for frame in frames:
        home.cuff.keep(frame)
    await soon(home.cuff.idle.wait())
    readings = await home.records(ReadingRecord)
    assert [record.raw for record in readings] == [(("2A35", frame),) for frame in frames]
    assert {record.link for record in readings} == {2}
    events = await home.records(EventRecord)
    assert [event.name for event in events] == ["bond-made", "clock-read", "clock-set", "battery"]
    assert events[1].asked_ms <= events[1].stamp.since_ms
    assert (await home.records(DeviceRecord))[-1].serial == "51"


async def test_the_clock_of_a_device_is_set_to_the_time_of_the_site(home):
    link = await home.connect()
    now = datetime.fromtimestamp(home.clock.utc_ns() / 1e9, ZONE).replace(tzinfo=None)
    assert abs(link.local_time() - now) < timedelta(minutes=1)
    home.clock.set_quality(0)
    assert link.local_time() is None


async def test_nothing_is_accepted_from_a_device_before_its_link_is_encrypted(home):
    home.radio_kind = UnprotectedRadio
    link = await home.find()
    with pytest.raises(PairingRefused):
        await link.__aenter__()
    with pytest.raises(LinkLost):
        await link.read("2A19")


async def test_while_set_up_is_closed_a_device_without_a_bond_is_not_even_connected(home):
    home.setup.close()
    link = await home.find()
    with pytest.raises(PairingRefused, match="set-up is closed") as refused:
        await link.__aenter__()
    assert "vitalpost setup open" in refused.value.hint
    assert not home.cuff.visited.is_set()
    assert not (home.folder / "bonds.json").exists()
    assert link._device.has_bond is False


async def test_a_bond_made_while_set_up_was_open_holds_when_it_is_closed(home):
    async with await home.find() as link:
        assert (link.security, link._device.has_bond) == (2, True)
    home.setup.close()
    async with await home.find() as link:
        assert (link.security, link._device.has_bond) == (2, True)


async def test_what_imitates_a_bonded_device_gets_no_new_bond_even_while_set_up_is_open(home):
    async with await home.find():
        pass
    bonds = (home.folder / "bonds.json").read_text()
    await home.cuff._device.keystore.delete_all()
    with pytest.raises(LinkError):
        await (await home.find()).__aenter__()
    assert (home.folder / "bonds.json").read_text() == bonds


async def test_a_device_that_waited_for_set_up_is_paired_and_heard_once_it_opens(home):
    home.setup.close()
    sessions = home.sessions(NotingSessions)
    home.start(Central(home.station(), [sessions]).run())
    home.cuff.keep(home.cuff.build(VALUES))
    await soon(sessions.failed.wait())
    assert sessions.last.event == "pairing-refused"
    assert await home.records(ReadingRecord) == []
    home.setup.open()
    sessions.hasten()
    await soon(home.cuff.idle.wait())
    assert sessions.device.has_bond
    assert sessions.device.reading_at
    assert sessions.device.heard_at


async def test_no_reading_is_fetched_from_a_device_that_was_swapped(home):
    home.identity = ("A&D Medical", "UA-651BLE", "52")
    home.cuff.keep(home.cuff.build(VALUES))
    with capture_logs() as lines:
        await soon(home.sessions().hold(await home.find()))
    assert [line["event"] for line in lines] == ["device-mismatch"]
    assert await home.records(ReadingRecord) == []
    assert len(home.cuff.memory) == 1


async def test_a_device_that_does_not_let_us_in_has_refused_pairing(home):
    home.is_bonded = False
    link = await home.connect()
    with pytest.raises(PairingRefused):
        await link.read("2A08")


async def test_a_driver_writes_only_what_it_has_declared(home):
    link = await home.connect()
    with pytest.raises(LinkError, match="2A19"):
        await link.write("2A19", b"\x64")


async def test_a_silent_device_is_let_go(home):
    link = await home.connect(quiet_s=0.01)
    assert [frame async for frame in link.subscribe("2A35")] == []


async def test_a_driver_is_told_when_a_frame_came_and_not_when_it_took_it(home):
    link = await home.connect()
    frames = link.subscribe("2A35")
    link._on_frame("2A35", None, bytearray(1))
    await anext(frames)  # from here on the cuff may leave: its own clock jumps as well
    for hours in (0, 10):
        home.clock.set_offset(hours * HOUR_NS)
        link._on_frame("2A35", None, bytearray(1))
    home.clock.set_offset(100 * HOUR_NS)
    heard = []
    for _ in range(2):
        await anext(frames)
        heard.append(link.heard_ms("2A35") * 1_000_000)
    assert round((heard[1] - heard[0]) / HOUR_NS) == 10


async def test_a_device_that_floods_the_hub_is_disconnected(home):
    link = await home.connect()
    frames = link.subscribe("2A35")
    link._on_frame("2A35", None, bytearray(b"0"))
    assert (await anext(frames)).data == b"0"
    for _ in range(LONGEST_QUEUE + 1):
        link._on_frame("2A35", None, bytearray(b"1"))
    taken = [await anext(frames) for _ in range(LONGEST_QUEUE)]
    assert {frame.data for frame in taken} == {b"1"}
    with pytest.raises(LinkError, match="10000 frames"):
        await anext(frames)


async def test_frames_end_when_the_device_leaves_and_operations_fail_after_it(home):
    link = await home.connect()
    assert link.offers("2A35")
    assert not link.offers("2A18")
    home.air.carry_away(away=True)
    with pytest.raises(LinkLost):
        await link.read("2A19")
    with pytest.raises(LinkLost):
        [frame async for frame in link.subscribe("2A35")]


async def test_a_radio_that_is_missing_is_said_once_and_does_not_stop_the_hub(home):
    home.air.close()
    with capture_logs() as lines:
        await soon(home.start_hub().settled.wait())
    assert [line["event"] for line in lines] == ["radio-away"]


async def test_a_device_enrolled_while_the_hub_runs_is_heard_without_a_restart(home):
    central = Central(home.station(), [])
    home.start(central.run())
    await soon(central.settled.wait())
    central.adopt(home.sessions())
    home.cuff.keep(home.cuff.build(VALUES))
    await soon(home.cuff.idle.wait())
    assert len(await home.records(ReadingRecord)) == 1
    [seen] = await central.sightings()
    assert (seen.address, seen.name[:3], seen.ties.is_bonded) == (ADDRESS, "A&D", True)


async def test_a_device_that_is_sighted_in_the_moment_its_session_ends_can_still_be_taken_out(home):
    class EagerCentral(Central):
        def _on_sight(self, found, advertised):
            self.sight_again = partial(super()._on_sight, found, advertised)
            self.sight_again()

    class EagerSessions(Sessions):
        async def hold(self, connection):
            await super().hold(connection)
            if not ended.is_set():
                ended.set()
                central.sight_again()

    wrong, ended = [], asyncio.Event()
    asyncio.get_running_loop().set_exception_handler(lambda _, context: wrong.append(context))
    sessions = home.sessions(EagerSessions)
    central = EagerCentral(home.station(), [sessions])
    home.start(central.run())
    home.cuff.keep(home.cuff.build(VALUES))
    await soon(ended.wait())
    await soon(central.release(ADDRESS))
    assert wrong == []


async def test_a_device_that_is_taken_out_while_it_talks_is_let_go(home):
    sessions = home.sessions()
    central = Central(home.station(quiet_s=600), [sessions])
    home.start(central.run())
    home.cuff.switch_on()
    await soon(home.cuff.visited.wait())
    await soon(central.release(ADDRESS))
    assert sessions.claim()
    assert not central._sessions
