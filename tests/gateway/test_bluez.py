import asyncio
from contextlib import AsyncExitStack

import pytest
from bleak import BleakScanner
from bleak.exc import BleakDBusError
from structlog.testing import capture_logs

from drivers.errors import (
    BondLost,
    DeviceHeld,
    LinkError,
    LinkLost,
    LinkTimeout,
    PairingRefused,
    RadioBusy,
)
from gateway.links.ble import Central
from tests.fakes.bluez import BluezError
from tests.fakes.bluez_device import Characteristic
from tests.fakes.bluez_home import ADDRESS, FRAME, BluezHome, soon

OTHER = "F0:00:00:12:34:57"


@pytest.fixture
async def home(tmp_path, monkeypatch):
    home = BluezHome(tmp_path)
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", home.daemon.address)
    async with home:
        yield home


async def forever():
    await asyncio.Event().wait()


async def test_what_a_bonded_cuff_indicates_becomes_a_record_over_bleaks_own_backend(home):
    sessions = home.sessions()
    await home.scan(sessions)
    home.bluez.sight(home.cuff)
    assert await sessions.outcome() == "ok"
    [reading] = await home.readings()
    assert reading.raw == (("2A35", FRAME),)
    assert reading.link == 2


async def test_one_scanner_runs_while_devices_are_connected_by_what_it_has_sighted(home):
    sessions = home.sessions()
    await home.scan(sessions)
    for _ in range(3):
        home.bluez.sight(home.cuff)
        assert await sessions.outcome() == "ok"
    assert home.bluez.calls["StartDiscovery"] == 1
    assert home.bluez.calls["Connect"] == 3


async def test_a_second_scanner_of_this_process_would_be_refused(home):
    await home.scan(home.sessions())
    async with asyncio.timeout(5):
        with pytest.raises(BleakDBusError, match="InProgress"):
            await BleakScanner(**home.radio.scanner_args).start()


async def test_scanning_is_active_because_passive_scanning_is_an_experiment_of_bluez(home):
    await home.scan(home.sessions())
    assert home.bluez.calls["SetDiscoveryFilter"] == 1
    assert home.bluez.calls["RegisterMonitor"] == 0


async def test_an_indication_sent_in_answer_to_the_subscription_arrives(home):
    await home.start_radio()
    async with home.link() as link:
        assert (await anext(link.subscribe("2A35"))).data == FRAME


async def test_nothing_is_written_before_the_hub_listens_for_the_answer(home):
    home.cuff.services["1810"].append(Characteristic("2A08"))
    await home.start_radio()
    async with home.link() as link:
        link.subscribe("2A35")
        await link.write("2A08", bytes(7))
    asked = list(home.bluez.calls)
    assert asked.index("StartNotify") < asked.index("WriteValue")


async def test_a_drop_that_is_told_late_fails_what_is_asked_meanwhile_as_a_lost_link(home):
    await home.start_radio()
    async with home.link() as link:
        [path] = home.bluez.devices
        home.bluez.script("ReadValue", BluezError("Failed", "Not connected"))
        with pytest.raises(LinkLost):
            await link.read("2A19")
        home.bluez.drop(path)
        await home.settle()
        with pytest.raises(LinkLost):
            await link.read("2A19")


async def test_frames_that_came_before_the_drop_still_reach_the_driver(home):
    await home.start_radio()
    async with home.link() as link:
        frames = link.subscribe("2A35")
        await soon(home.bluez.called("StartNotify"))
        [path] = home.bluez.devices
        home.bluez.notify(path, "2A35", b"1", b"2")
        home.bluez.drop(path)
        assert [frame.data async for frame in frames] == [FRAME, b"1", b"2"]


async def test_a_device_that_takes_no_connection_is_a_timeout_and_what_hangs_is_cancelled(home):
    await home.start_radio()
    home.bluez.script("Connect", forever)
    with pytest.raises(LinkTimeout):
        await home.link(connect_s=0.1).__aenter__()
    assert home.bluez.calls["Disconnect"] == 1


async def test_a_device_that_does_not_answer_is_a_timeout_and_is_let_go(home):
    await home.start_radio()
    home.bluez.script("ReadValue", forever)
    async with home.link(operation_s=0.1) as link:
        with pytest.raises(LinkTimeout):
            await link.read("2A19")
    assert not home.bluez.is_connected(next(iter(home.bluez.devices)))


async def test_a_link_counts_as_left_when_bluetoothd_has_let_it_go(home):
    await home.start_radio()
    gate = asyncio.Event()
    async with AsyncExitStack() as leaving:
        await leaving.enter_async_context(home.link())
        home.bluez.script("Disconnect", gate.wait)
        left = asyncio.create_task(leaving.pop_all().aclose())
        await soon(home.bluez.called("Disconnect"))
        await home.settle()
        assert not left.done()
        gate.set()
        await soon(left)
    assert not home.bluez.is_connected(next(iter(home.bluez.devices)))


async def test_a_sighting_while_bluetoothd_is_away_is_an_error_of_the_link(home):
    central = await home.scan()
    home.bluez.sight(home.cuff)
    await home.settle()
    [seen] = await central.sightings()
    assert seen.ties.is_bonded
    await home.radio.stop()
    with pytest.raises(LinkError):
        await central.sightings()
    with pytest.raises(LinkError):
        await central.forget(ADDRESS)


async def test_operations_go_one_at_a_time(home):
    await home.start_radio()
    going, most = 0, 0

    async def step():
        nonlocal going, most
        going += 1
        most = max(going, most)
        await asyncio.sleep(0)
        going -= 1

    home.bluez.script("ReadValue", *[step] * 4)
    async with home.link() as link:
        await asyncio.gather(*[link.read("2A19") for _ in range(4)])
    assert most == 1


async def test_a_battery_level_that_bluetoothd_has_subscribed_itself_reaches_no_driver(home):
    await home.start_radio()
    async with home.link() as link:
        frames = link.subscribe("2A35")
        [path] = home.bluez.devices
        home.bluez.notify(path, "2A19", b"\x4f")
        assert [frame.source async for frame in frames] == ["2A35"]


async def test_a_table_that_has_changed_is_read_anew_on_the_next_connection(home):
    await home.start_radio()
    async with home.link() as link:
        assert not link.offers("2A08")
    home.cuff.services["1805"] = [Characteristic("2A08")]
    async with home.link() as link:
        assert link.offers("2A08")


async def test_sessions_leave_no_connection_to_the_bus_behind(home):
    sessions = home.sessions()
    await home.scan(sessions)
    before = await home.names()
    for _ in range(5):
        home.bluez.sight(home.cuff)
        assert await sessions.outcome() == "ok"
    home.bluez.script("Connect", BluezError("Failed", "le-connection-unknown"))
    home.bluez.sight(home.cuff)
    assert await sessions.outcome() == "device-away"
    assert await home.names() == before


async def test_no_more_devices_are_connected_at_a_time_than_the_adapter_has_slots(home):
    cuffs = [home.make_cuff(f"F0:00:00:00:00:0{number}") for number in range(5)]
    sessions = [home.sessions(home.device(cuff.address)) for cuff in cuffs]
    await home.scan(*sessions)
    gate = asyncio.Event()
    home.bluez.script("Connect", *[gate.wait] * 5)
    for cuff in cuffs:
        home.bluez.sight(cuff)
    await soon(home.bluez.called("Connect", 3))
    await home.settle()
    assert home.bluez.calls["Connect"] == 3
    gate.set()
    assert [await each.outcome() for each in sessions] == ["ok"] * 5


async def test_an_adapter_that_is_switched_off_ends_the_link_and_is_said_and_comes_back(home):
    sessions = home.sessions()
    home.cuff.find("2A35").answer = ()
    await home.scan(sessions)
    with capture_logs() as lines:
        home.bluez.sight(home.cuff)
        await soon(home.bluez.called("StartNotify"))
        home.bluez.power(on=False)
        await sessions.outcome()
        await soon(home.bluez.called("StartDiscovery", 2))
        home.bluez.power(on=True)
        await soon(home.bluez.called("StartDiscovery", 3))
        await home.settle()
        home.cuff.find("2A35").answer = (FRAME,)
        sessions.hasten()
        home.bluez.sight(home.cuff)
        assert await sessions.outcome() == "ok"
    told = [line["event"] for line in lines if line["event"].startswith("radio")]
    assert told == ["radio-away", "radio-back"]


async def test_a_bluetoothd_that_is_killed_and_comes_back_is_scanned_with_again(home):
    sessions = home.sessions()
    home.cuff.find("2A35").answer = ()
    await home.scan(sessions)
    home.bluez.sight(home.cuff)
    await soon(home.bluez.called("StartNotify"))
    await home.bluez.stop()
    await sessions.outcome()
    home.cuff.find("2A35").answer = (FRAME,)
    await home.bluez.start()
    await soon(home.bluez.called("StartDiscovery", 2))
    await home.settle()
    sessions.hasten()
    home.bluez.sight(home.cuff)
    assert await sessions.outcome() == "ok"
    assert len(home.bluez.agents) == 1


async def test_without_a_bus_the_hub_says_so_once_and_goes_on(home):
    home.daemon.kill()
    central = Central(home.station(), [])
    with capture_logs() as lines:
        task = asyncio.create_task(central.run())
        await soon(central.settled.wait())
        task.cancel()
        await asyncio.wait({task})
    assert [line["event"] for line in lines] == ["radio-away"]


async def test_what_a_killed_process_has_left_connected_or_connecting_is_let_go_at_start(home):
    meter = home.make_cuff(OTHER)
    strangers = home.make_cuff("C0:00:00:00:00:01")
    home.bluez.is_scanning = True
    linked, pending, foreign = map(home.bluez.sight, (home.cuff, meter, strangers))
    for path in (linked, foreign):
        home.bluez.change(path, Connected=True)
    home.bluez.pending.add(pending)
    home.bluez.is_scanning = False
    sessions = home.sessions(), home.sessions(home.device(OTHER))
    await home.scan(*sessions)
    assert home.bluez.calls["Disconnect"] == 2
    assert home.bluez.is_connected(foreign)
    home.bluez.sight(home.cuff)
    home.bluez.sight(meter)
    assert [await each.outcome() for each in sessions] == ["ok", "ok"]
    assert home.bluez.calls["RemoveDevice"] == 0


async def test_an_adapter_that_stays_busy_is_switched_off_and_on_and_no_bond_is_removed(home):
    sessions = home.sessions()
    await home.scan(sessions)
    scans = 1
    with capture_logs() as lines:
        for attempt in range(1, 6):
            home.bluez.script("Connect", BluezError("InProgress"))
            sessions.hasten()
            home.bluez.sight(home.cuff)
            assert await sessions.outcome() == "radio-busy"
            if attempt >= 3:  # the scan is begun anew, then links are ended, then power is cut
                scans += 1
                await soon(home.bluez.called("StartDiscovery", scans))
                await home.settle()
    assert home.bluez.calls["Set"] == 2
    assert [line["event"] for line in lines].count("radio-stuck") == 1
    sessions.hasten()
    home.bluez.sight(home.cuff)
    assert await sessions.outcome() == "ok"
    assert home.cuff.is_bonded


async def test_a_busy_adapter_is_told_from_a_device_that_is_away(home):
    await home.start_radio()
    home.bluez.script("Connect", BluezError("InProgress"))
    with pytest.raises(RadioBusy):
        await home.link().__aenter__()


async def test_a_device_is_known_by_the_address_behind_a_rotating_one(home):
    rotating = home.make_cuff("5A:11:22:33:44:55", identity=ADDRESS, is_bonded=False)
    device = home.device(rotating.address)
    sessions = home.sessions(device)
    central = await home.scan(sessions)
    home.setup.open()
    home.bluez.sight(rotating)
    assert await sessions.outcome() == "ok"
    assert (device.address, device.has_bond) == (ADDRESS, True)
    home.setup.close()
    home.bluez.sight(rotating)
    assert await sessions.outcome() == "ok"
    [seen] = await central.sightings()
    assert (seen.address, seen.ties.is_bonded) == (ADDRESS, True)
    assert {reading.link for reading in await home.readings()} == {2}


async def test_another_device_with_the_enrolled_address_gets_no_link_while_set_up_is_closed(home):
    imitation = home.make_cuff(is_bonded=False)
    sessions = home.sessions()
    await home.scan(sessions)
    home.bluez.sight(imitation)
    assert await sessions.outcome() == "pairing-refused"
    assert home.bluez.calls["Connect"] == home.bluez.calls["Pair"] == 0


async def test_a_bonded_device_is_not_listened_to_over_a_link_without_its_bond(home):
    device = home.device(is_bonded=False)
    await home.start_radio()
    link = home.link(device)
    [path] = home.bluez.devices

    async def unbond():
        home.bluez.change(path, Paired=False, Bonded=False)

    home.bluez.script("Connect", unbond)
    with pytest.raises(PairingRefused, match="not encrypted by a bond"):
        await link.__aenter__()
    assert home.bluez.calls["StartNotify"] == 0


async def test_a_bond_is_recorded_when_it_is_made_and_once_when_it_is_lost(home):
    home.cuff.is_bonded = False
    sessions = home.sessions()
    await home.scan(sessions)
    home.setup.open()
    home.bluez.sight(home.cuff)
    assert await sessions.outcome() == "ok"
    home.setup.close()
    [path] = home.bluez.devices
    home.cuff.is_bonded = False
    home.bluez.change(path, Paired=False, Bonded=False)
    with capture_logs() as lines:
        for _ in range(2):
            sessions.hasten()
            home.bluez.sight(home.cuff)
            assert await sessions.outcome() == "bond-lost"
    events = [each for each in await home.events() if each.name.startswith("bond")]
    assert [each.name for each in events] == ["bond-made", "bond-lost"]
    assert events[1].facts == {"reason": "the hub has no key of it any more"}
    [line] = [line for line in lines if line["log_level"] == "warning"]
    assert line["event"] == "bond-lost"
    assert "devices add" in line["hint"]


async def test_a_device_that_has_forgotten_its_bond_is_told_where_bluez_tells_it(home):
    await home.start_radio()
    home.bluez.script("Connect", BluezError("Failed", "br-connection-key-missing"))
    device = home.device()
    with pytest.raises(BondLost):
        await home.link(device).__aenter__()
    assert (device.has_bond, device.bond_lost) == (False, True)


async def test_a_device_that_wants_a_bond_where_bluez_believes_in_one_has_forgotten_it(home):
    await home.start_radio()
    device = home.device()
    async with home.link(device) as link:
        home.cuff.has_key = False
        with pytest.raises(BondLost):
            [frame async for frame in link.subscribe("2A35")]
    assert [news.event for news in device.bond_news] == ["bond-lost"]


async def test_where_bluez_tells_nothing_three_links_that_drop_at_encryption_are_a_lost_bond(home):
    home.cuff.has_key = False
    device = home.device()
    await home.start_radio()
    for kind in (LinkLost, LinkLost, BondLost, BondLost):
        with pytest.raises(kind):
            await home.link(device).__aenter__()
    assert [news.event for news in device.bond_news] == ["bond-lost"]


async def test_a_bond_that_only_seemed_lost_is_trusted_again_after_a_whole_session(home):
    home.cuff.has_key = False
    sessions = home.sessions()
    await home.scan(sessions)
    for event in ("device-away", "device-away", "bond-lost"):
        home.bluez.sight(home.cuff)
        assert await sessions.outcome() == event
        sessions.hasten()
    home.cuff.has_key = True
    home.bluez.sight(home.cuff)
    assert await sessions.outcome() == "ok"
    assert (sessions.device.has_bond, sessions.device.bond_lost) == (True, False)


async def test_no_bond_is_made_anew_with_what_has_forgotten_it_until_it_is_forgotten_here(home):
    home.cuff.has_key = False
    sessions = home.sessions()
    central = await home.scan(sessions)
    home.setup.open()
    home.bluez.sight(home.cuff)
    assert await sessions.outcome() == "device-away"
    assert home.bluez.calls["Pair"] == 0
    await central.release(ADDRESS)
    await central.forget(ADDRESS)
    again = home.sessions()
    central.adopt(again)
    home.bluez.sight(home.cuff)
    assert await again.outcome() == "ok"
    assert again.device.has_bond


@pytest.mark.parametrize("text", ["le-connection-unknown", "br-connection-page-timeout"])
async def test_a_device_that_is_seen_and_takes_no_connection_may_be_held_by_another_phone(
    home, text
):
    await home.start_radio()
    home.bluez.script("Connect", *[BluezError("Failed", text)] * 3)
    device = home.device()
    for kind in (LinkLost, LinkLost, DeviceHeld):
        with pytest.raises(kind) as failed:
            await home.link(device).__aenter__()
    assert "Another phone" in failed.value.hint


async def test_a_device_held_by_another_phone_is_said_as_such_and_connected_once_it_is_free(home):
    sessions = home.sessions()
    await home.scan(sessions, connect_s=0.1)
    home.bluez.script("Connect", forever, forever, forever)
    with capture_logs() as lines:
        for event in ("device-away", "device-away", "device-held", "ok"):
            home.bluez.sight(home.cuff)
            assert await sessions.outcome() == event
            sessions.hasten()
    told = [(each["log_level"], each["event"]) for each in lines if each["log_level"] != "debug"]
    assert told[-2:] == [("warning", "device-held"), ("info", "device-back")]
