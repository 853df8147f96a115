import asyncio
from datetime import datetime

import pytest
from bleak import BleakScanner
from bleak.exc import (
    BleakBluetoothNotAvailableError,
    BleakDBusError,
    BleakDeviceNotFoundError,
    BleakError,
    BleakGATTProtocolError,
    BleakGATTProtocolErrorCode,
)
from bumble.pairing import PairingConfig, PairingDelegate

from simulator.radio import VirtualRadio
from tests.simulator.stand import DEADLINE_S

NOON = datetime.fromisoformat("2026-03-08T12:00")


async def test_a_cuff_that_has_measured_is_seen_with_its_name_and_service(stand, values):
    cuff, hub = stand.cuff(), await stand.hub()
    cuff.keep(cuff.build(values))
    device, advertisement = await hub.find()
    assert device.name == advertisement.local_name == "A&D_UA-651BLE_123456"
    assert device.address == "F0:00:00:12:34:56"
    assert advertisement.service_uuids == ["00001810-0000-1000-8000-00805f9b34fb"]


async def test_a_second_scanner_is_refused_until_the_first_has_stopped(stand):
    radio = (await stand.hub()).radio
    first, second = (BleakScanner(backend=radio.scanner_backend) for _ in range(2))
    async with first:
        with pytest.raises(BleakDBusError) as refused:
            await second.start()
        assert refused.value.dbus_error == "org.bluez.Error.InProgress"
    async with second:
        pass


async def test_a_device_tells_who_it_is_to_anyone(stand):
    stand.cuff().switch_on()
    hub = await stand.hub()
    async with hub.client((await hub.find())[0], pair=False) as client:
        texts = [(await client.read_gatt_char(u)).decode() for u in ("2A29", "2A24", "2A25")]
        assert texts == ["A&D Medical", "UA-651BLE", "51"]
        assert await hub.radio.ties(client) == (False, False, True)
        assert client.name == "A&D_UA-651BLE_123456"
        assert client.services.get_characteristic("2A35").properties == ["indicate"]
        assert client.services.get_service("1800") is None


async def test_what_needs_a_bond_is_refused_before_pairing_and_sent_once_after_it(stand, values):
    cuff, hub = stand.cuff(), await stand.hub()
    cuff.keep(frame := cuff.build(values))
    client = await hub.connect(pair=False)
    for refused in (hub.subscribe(client), hub.set_clock(client, NOON)):
        with pytest.raises(BleakGATTProtocolError) as error:
            await refused
        assert error.value.code is BleakGATTProtocolErrorCode.INSUFFICIENT_AUTHENTICATION
    await client.pair()
    assert await hub.radio.ties(client) == (True, True, True)
    await hub.set_clock(client, NOON)
    await hub.subscribe(client)
    await hub.left()
    assert hub.frames.get_nowait() == frame
    assert hub.frames.empty()


async def test_a_bond_outlives_the_host_until_it_is_forgotten(stand):
    cuff, hub = stand.cuff(), await stand.hub()
    cuff.switch_on()
    async with hub.client((await hub.find())[0]):
        pass
    await hub.radio.stop()
    await hub.radio.start()
    client = await hub.connect(pair=False)
    assert await hub.radio.ties(client) == (True, True, True)
    await hub.radio.stop()
    assert not client.is_connected

    hub = await stand.hub()
    client = await hub.connect(pair=False)
    assert await hub.radio.ties(client) == (True, True, True)
    await client.unpair()
    assert not client.is_connected
    with pytest.raises(BleakDeviceNotFoundError):
        await client.unpair()

    client = await hub.connect(pair=False)
    assert await hub.radio.ties(client) == (False, False, True)
    await client.disconnect()


async def test_pairing_that_the_device_refuses_fails_as_it_does_with_bluez(stand):
    class Refusal(PairingDelegate):
        async def accept(self):
            return False

    cuff, hub = stand.cuff(), await stand.hub()
    cuff._device.pairing_config_factory = lambda _: PairingConfig(delegate=Refusal())
    cuff.switch_on()
    with pytest.raises(BleakDBusError) as refused:
        await hub.connect()
    assert refused.value.dbus_error == "org.bluez.Error.AuthenticationFailed"
    assert hub.gone.is_set()


async def test_a_bond_that_the_device_does_not_know_is_refused(stand):
    stand.cuff().switch_on()
    hub = await stand.hub()
    device, _ = await hub.find()
    (stand.folder / "bonds.json").write_text(
        '{"hub": {"F0:00:00:12:34:56": {"ltk": {"value": "00112233445566778899aabbccddeeff"}}}}'
    )
    with pytest.raises(BleakError):
        await hub.client(device).connect()


async def test_an_operation_that_is_pending_when_the_link_breaks_fails(stand):
    stand.cuff().switch_on()
    hub = await stand.hub()
    client = await hub.connect()
    reading = asyncio.create_task(client.read_gatt_char("2A19"))
    await asyncio.sleep(0)
    stand.air.carry_away(away=True)
    with pytest.raises(BleakError, match="disconnected"):
        await reading
    assert hub.gone.is_set()
    assert not client.is_connected
    assert await hub.radio.ties(client) == (True, True, False)
    with pytest.raises(BleakError, match="Service Discovery"):
        client.services  # noqa: B018  bleak raises in the property
    with pytest.raises(BleakError, match="Not connected"):
        await client.pair()


async def test_a_silent_device_times_out_and_is_reached_when_it_is_back(stand):
    stand.cuff().switch_on()
    hub = await stand.hub()
    device, _ = await hub.find()
    stand.air.carry_away(away=True)
    with pytest.raises(TimeoutError):
        await hub.client(device, timeout=0.01).connect()
    given_up = asyncio.create_task(hub.client(device).connect())
    await asyncio.sleep(0)
    given_up.cancel()
    with pytest.raises(asyncio.CancelledError):
        await given_up
    stand.air.carry_away(away=False)
    async with hub.client(device) as client:
        assert client.is_connected
        with pytest.raises(BleakError, match="already connected"):
            await client.connect()


async def test_a_hub_that_dies_while_it_connects_leaves_no_link_behind(stand, values):
    cuff, dying = stand.cuff(), await stand.hub()
    cuff.keep(frame := cuff.build(values))
    device, _ = await dying.find()
    stand.air.carry_away(away=True)
    connecting = asyncio.create_task(dying.client(device).connect())
    chips = {chip.name: chip for chip in stand.air.controllers}
    async with asyncio.timeout(DEADLINE_S):
        while not chips["hub"].pending_le_connection:  # noqa: ASYNC110  it has no event for that
            await asyncio.sleep(0)
    stand.air.carry_away(away=False)
    chips["hub"].host.transport.abort()
    chips[cuff.name].advertising_sets[0].send_extended_advertising_data()
    with pytest.raises(BleakError):
        await connecting
    with pytest.raises(BleakBluetoothNotAvailableError):
        await dying.find()
    assert await (await stand.hub()).visit(NOON) == [frame]


async def test_an_address_that_no_scan_has_seen_is_not_found(stand):
    hub = await stand.hub()
    with pytest.raises(BleakDeviceNotFoundError):
        await hub.client("F0:00:00:00:00:99").connect()


async def test_without_a_home_there_is_no_radio(stand, tmp_path):
    radio = VirtualRadio("tcp-client:127.0.0.1:1", str(tmp_path / "bonds.json"))
    with pytest.raises(BleakBluetoothNotAvailableError):
        await radio.start()
    with pytest.raises(BleakBluetoothNotAvailableError):
        await BleakScanner(backend=radio.scanner_backend).start()
    await radio.stop()
