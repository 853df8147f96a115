import asyncio

import pytest
from bleak import BleakClient
from bleak.exc import BleakDBusError
from bleak.uuids import normalize_uuid_str
from dbus_fast import Message, MessageType
from dbus_fast.aio import MessageBus
from structlog.testing import capture_logs

from drivers.errors import PairingRefused
from gateway.links.ble import Central
from gateway.setup import SetupWindow
from tests.fakes.bluez_home import ADDRESS, FRAME, BluezHome, end, soon

PASSKEY = 123456


@pytest.fixture
async def home(tmp_path, monkeypatch):
    home = BluezHome(tmp_path)
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", home.daemon.address)
    home.cuff.is_bonded = False
    async with home:
        yield home


async def test_without_an_agent_not_even_just_works_pairs(home):
    home.bluez.is_scanning = True
    found = home.link()._found
    with pytest.raises(BleakDBusError, match="AuthenticationFailed"):
        await BleakClient(found, pair=True, **home.radio.client_args).connect()


async def test_without_an_agent_a_guarded_characteristic_hangs(home):
    home.bluez.is_scanning = True
    found = home.link()._found
    async with BleakClient(found, **home.radio.client_args) as client:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await client.start_notify(normalize_uuid_str("2A35"), lambda *_: None)


async def test_it_is_registered_for_every_way_of_pairing_while_the_hub_runs(home):
    await home.radio.start()
    await home.radio.start()
    [(_, _, capability)] = home.bluez.agents
    assert capability == "KeyboardDisplay"
    assert home.bluez.calls["RequestDefaultAgent"] == 1
    await home.radio.stop()
    assert home.bluez.agents == []
    assert home.bluez.calls["UnregisterAgent"] == 1


async def test_it_is_registered_again_with_a_bluetoothd_that_was_restarted(home):
    await home.scan()
    await home.bluez.stop()
    await home.bluez.start()
    await soon(home.bluez.called("RequestDefaultAgent", 2))
    assert len(home.bluez.agents) == 1


async def test_it_is_unregistered_when_the_hub_stops(home):
    central = Central(home.station(), [])
    task = asyncio.create_task(central.run())
    await soon(central.settled.wait())
    assert len(home.bluez.agents) == 1
    await end(task)
    assert home.bluez.agents == []


async def test_just_works_asks_it_nothing(home):
    await home.start_radio()
    home.setup.open()
    async with home.link() as link:
        assert link.security == 2


async def test_a_characteristic_that_makes_a_device_pair_asks_it_and_the_bond_counts_at_once(home):
    await home.start_radio()
    home.setup.open()
    device = home.device(is_bonded=False, is_awaited=True)
    async with home.link(device) as link:
        assert link.security == 0
        assert (await anext(link.subscribe("2A35"))).data == FRAME
        assert link.security == 2
    assert device.has_bond
    assert [news.event for news in device.bond_news] == ["bond-made"]


async def test_a_device_that_shows_a_passkey_pairs_with_the_one_that_was_given(home):
    home.cuff.passkey = PASSKEY
    await home.start_radio()
    home.setup.open()
    async with home.link(home.device(passkey=PASSKEY)) as link:
        assert link.security == 2


async def test_digits_that_both_sides_show_are_compared_with_those_that_were_given(home):
    home.cuff.passkey, home.cuff.asks = PASSKEY, "RequestConfirmation"
    await home.start_radio()
    home.setup.open()
    with pytest.raises(PairingRefused, match="another passkey"):
        await home.link(home.device(passkey=654321)).__aenter__()
    async with home.link(home.device(passkey=PASSKEY)) as link:
        assert link.security == 2


@pytest.mark.parametrize("asks", ["RequestPasskey", "RequestConfirmation"])
async def test_a_device_whose_passkey_nobody_gave_is_refused_with_what_to_do(home, asks):
    home.cuff.passkey, home.cuff.asks = PASSKEY, asks
    await home.start_radio()
    home.setup.open()
    with pytest.raises(PairingRefused, match="none was given") as refused:
        await home.link().__aenter__()
    assert "six digits" in refused.value.hint
    assert not home.cuff.is_bonded


async def test_a_wrong_passkey_is_refused_by_the_device(home):
    home.cuff.passkey = PASSKEY
    await home.start_radio()
    home.setup.open()
    with pytest.raises(PairingRefused):
        await home.link(home.device(passkey=PASSKEY + 1)).__aenter__()
    assert not home.cuff.is_bonded


async def test_while_set_up_is_closed_nothing_pairs_whoever_begins(home):
    await home.start_radio()
    device = home.device(is_bonded=False, is_awaited=True)
    with capture_logs() as lines:
        async with home.link(device) as link:
            with pytest.raises(PairingRefused):
                [frame async for frame in link.subscribe("2A35")]
    assert not home.cuff.is_bonded
    [line] = [line for line in lines if line["event"] == "pairing-rejected"]
    assert line["reason"] == "set-up is closed"


async def test_a_window_that_closes_while_a_device_pairs_closes_for_it_too(home):
    now = [0.0]
    home.radio._agent._setup = home.setup = SetupWindow(lambda: now[0])
    await home.start_radio()
    home.setup.open()
    async with home.link(home.device(is_bonded=False, is_awaited=True)) as link:
        now[0] += 16 * 60
        with pytest.raises(PairingRefused, match="set-up is closed"):
            [frame async for frame in link.subscribe("2A35")]


async def test_a_device_that_nobody_is_adding_is_rejected_while_set_up_is_open(home):
    await home.start_radio()
    home.setup.open()
    stranger = home.make_cuff("C0:00:00:00:00:01", is_bonded=False)
    stranger.find("2A35").is_guarded = True
    device = home.device(stranger.address, is_bonded=False)
    async with home.link(device, stranger) as link:
        with pytest.raises(PairingRefused):
            [frame async for frame in link.subscribe("2A35")]
    assert not stranger.is_bonded


@pytest.mark.parametrize(
    ("member", "signature", "extra"),
    [
        ("RequestPinCode", "o", []),
        ("DisplayPinCode", "os", ["0000"]),
        ("DisplayPasskey", "ouq", [PASSKEY, 0]),
        ("AuthorizeService", "os", ["1124"]),
    ],
)
async def test_ways_to_pair_that_need_a_screen_are_rejected(home, member, signature, extra):
    await home.start_radio()
    home.setup.open()
    path = home.bluez.sight(home.cuff)
    await home.settle()
    with home.radio.expect(ADDRESS, PASSKEY) as refusals:
        reply = await ask(home, home.bluez._bus, member, signature, [path, *extra])
    assert reply.error_name == "org.bluez.Error.Rejected"
    assert len(refusals) == 1


async def test_cancel_and_release_are_taken_note_of(home):
    await home.start_radio()
    for member in ("Cancel", "Release"):
        reply = await ask(home, home.bluez._bus, member)
        assert reply.message_type is MessageType.METHOD_RETURN


async def test_nobody_but_bluetoothd_is_told_a_passkey(home):
    await home.start_radio()
    home.setup.open()
    path = home.bluez.sight(home.cuff)
    await home.settle()
    thief = await MessageBus(home.daemon.address).connect()
    with home.radio.expect(ADDRESS, PASSKEY):
        told = await ask(home, home.bluez._bus, "RequestPasskey", "o", [path])
        reply = await ask(home, thief, "RequestPasskey", "o", [path])
    thief.disconnect()
    assert told.body == [PASSKEY]
    assert reply.message_type is MessageType.ERROR


async def test_what_a_path_of_no_device_asks_is_rejected(home):
    await home.start_radio()
    home.setup.open()
    reply = await ask(home, home.bluez._bus, "RequestPasskey", "o", ["/org/bluez/hci0/dev_0"])
    assert reply.error_name == "org.bluez.Error.Rejected"


async def ask(home, bus, member, signature="", body=()):
    owner, path, _ = home.bluez.agents[-1]
    call = Message(owner, path, "org.bluez.Agent1", member, signature=signature, body=list(body))
    return await bus.call(call)
