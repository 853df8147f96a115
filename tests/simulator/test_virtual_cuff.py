import asyncio
from datetime import datetime, timedelta

import pytest
from bleak.exc import BleakGATTProtocolError

from simulator.devices.cuff import ClocklessCuff
from simulator.forgetting import MEMORY_SIZE
from simulator.frames import FAILED, Values, build_timed, device_time
from simulator.peripheral import DEFAULT_DATE
from tests.simulator.stand import DEADLINE_S

NOON = datetime.fromisoformat("2026-03-08T12:00")
# HEADS-project/ThingML-BLE, Documentation/AND_Medical_UA651BLE.md: captured from a UA-651BLE
CAPTURED = bytes.fromhex("167d0050006600e10701100c273640000000")
CAPTURED_AT = datetime.fromisoformat("2017-01-16T12:39:54")
CAPTURED_FAILED_AT = datetime.fromisoformat("2017-01-16T00:57:28")
CAPTURED_FAILED = bytes.fromhex("16ff07ff07ff07e107011000391cff070000")


def test_frames_are_built_as_real_cuffs_build_them(values):
    assert build_timed(values, CAPTURED_AT) == CAPTURED
    assert build_timed(FAILED, CAPTURED_FAILED_AT) == CAPTURED_FAILED


async def test_records_come_oldest_first_and_leave_the_memory_when_confirmed(stand):
    cuff, hub = stand.cuff(), await stand.hub()
    made = [cuff.build(Values(120 + n, 80, 93, 60)) for n in range(3)]
    for frame in made:
        cuff.keep(frame)
    assert await hub.visit(NOON) == made
    assert not cuff.memory
    assert stand.logged("confirmed", "frame") == stand.logged("measured", "frame")
    assert cuff.idle.is_set()


async def test_a_hub_that_sets_the_clock_too_late_is_sent_nothing(stand, values):
    cuff, hub = stand.cuff(), await stand.hub()
    cuff.keep(frame := cuff.build(values))
    client = await hub.connect()
    stand.pass_seconds(6)
    await hub.set_clock(client, NOON)
    await hub.subscribe(client)
    stand.pass_seconds(60)
    await hub.left()
    assert hub.frames.empty()

    cuff.switch_on()
    assert await hub.visit(NOON) == [frame]


async def test_delivered_records_are_sent_again_when_asked_for(stand):
    cuff, hub = stand.cuff(), await stand.hub()
    made = [cuff.build(Values(120 + n, 80, 93, 60)) for n in range(3)]
    for frame in made:
        cuff.keep(frame)
    await hub.visit(NOON)
    assert cuff.resend(2) == 2
    assert await hub.visit(NOON) == made[1:]
    assert cuff.resend(99) == 3


async def test_a_link_that_breaks_leaves_the_records_for_the_next(stand, values):
    cuff, hub = stand.cuff(), await stand.hub()
    cuff.keep(frame := cuff.build(values))
    client = await hub.connect()
    await hub.set_clock(client, NOON)
    stand.air.carry_away(away=True)
    await hub.left()
    stand.air.carry_away(away=False)
    assert await hub.visit(NOON) == [frame]


async def test_the_clock_is_read_and_set_by_the_hub_and_lost_with_the_battery(stand, values):
    cuff, hub = stand.cuff(ppm=1_000_000), await stand.hub()
    cuff.set_clock(NOON, by="home")
    stand.pass_seconds(3600)
    cuff.keep(cuff.build(values))
    assert (device_time(cuff.memory[0].frame) - NOON) // timedelta(hours=1) == 2
    await hub.visit(NOON)
    assert cuff.clock.now() - NOON < timedelta(minutes=1)
    cuff.reset_clock()
    assert cuff.clock.now() == DEFAULT_DATE
    assert [name for name, _ in stand.log] == [
        "clock-set",
        "measured",
        "clock-set",
        "confirmed",
        "reset",
    ]
    assert stand.logged("clock-set", "by") == ["home", "hub"]


async def test_bytes_that_are_no_date_do_not_set_the_clock(stand):
    cuff, hub = stand.cuff(), await stand.hub()
    cuff.switch_on()
    client = await hub.connect()
    for junk in (b"", bytes(7), bytes.fromhex("ea0702300c0000"), bytes(20)):
        with pytest.raises(BleakGATTProtocolError):
            await client.write_gatt_char("2A08", junk, response=True)
    assert stand.logged("clock-set", "by") == []
    await client.disconnect()


async def test_a_given_frame_is_kept_where_the_clock_makes_it_possible(stand):
    cuff = stand.cuff()
    for impossible in (CAPTURED, CAPTURED[:9], b"", b"\x04" + CAPTURED[1:]):
        with pytest.raises(ValueError, match="frame"):
            cuff.keep(impossible)
    cuff.set_clock(CAPTURED_AT, by="home")
    cuff.keep(CAPTURED)
    assert stand.logged("measured", "frame") == [CAPTURED.hex()]
    assert stand.logged("measured", "device_time") == [CAPTURED_AT.isoformat()]


async def test_a_full_memory_loses_its_oldest_record_and_says_so(stand, values):
    cuff = stand.cuff()
    made = [cuff.build(values) for _ in range(MEMORY_SIZE + 1)]
    for frame in made:
        cuff.keep(frame)
    assert len(cuff.memory) == MEMORY_SIZE
    assert stand.logged("dropped", "frame") == [made[0].hex()]


async def test_a_clockless_cuff_sends_the_same_bytes_on_every_day(stand, values):
    cuff, hub = stand.cuff(ClocklessCuff), await stand.hub()
    sent = []
    for _ in range(2):
        cuff.keep(cuff.build(values))
        client = await hub.connect()
        assert client.services.get_characteristic("2A08") is None
        await hub.subscribe(client)
        await hub.left()
        sent.append(hub.frames.get_nowait())
        stand.pass_seconds(86_400)
    assert sent[0] == sent[1] == bytes.fromhex("047d00500066004000")
    assert cuff.resend(2) == 0


async def test_what_a_clockless_cuff_does_not_deliver_within_a_minute_is_lost(stand, values):
    cuff = stand.cuff(ClocklessCuff)
    cuff.keep(frame := cuff.build(values))
    stand.pass_seconds(61)
    async with asyncio.timeout(DEADLINE_S):
        await cuff.idle.wait()
    assert stand.logged("dropped", "frame") == [frame.hex()]
