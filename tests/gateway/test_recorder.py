import asyncio
from contextlib import suppress

import pytest

from gateway.clock import Moment, read_moment
from gateway.drafts import DeviceFacts
from tests.fakes.hand_clock import DAY_S, HandClock
from tests.fakes.hub_storage import NOW, HubStorage
from uplink.errors import OutboxFull, SealError, WireError
from uplink.records import ClockRecord, DeviceRecord, EventRecord
from uplink.statements import CHAIN_START, Ending, extend_chain

TOLD_MS = 1_800_000_000_000
CUFF = DeviceFacts("sig-blood-pressure", "1.0", ("A&D", "UA-651BLE", "1"), "ble")


@pytest.fixture
def clock():
    return HandClock()


@pytest.fixture
async def storage(tmp_path, clock):
    storage = await HubStorage.open(tmp_path, clock)
    yield storage
    await storage.outbox.close()


@pytest.fixture
def recorder(storage):
    return storage.start_recorder()


def note(clock, **facts):
    """A record of this moment."""
    at = read_moment(clock)
    return lambda place: EventRecord(place.stamp(at), "battery", place.device or None, facts=facts)


def kinds(records):
    return [getattr(record, "cause", type(record).__name__) for record in records]


async def test_an_epoch_begins_with_an_anchor_and_names_a_device_twice(storage, recorder, clock):
    await recorder.record([note(clock)], CUFF)
    anchor, device, again, event = await storage.read_records()
    assert anchor.cause == "start"
    assert anchor.stamp.utc_ms == clock.utc_ns() // 10**6
    assert device == again
    assert device.identity == CUFF.identity
    assert event.device == device.device == 1
    assert storage.steps == ["sealed"]


async def test_a_device_is_named_again_only_when_it_has_changed(storage, recorder, clock):
    updated = CUFF._replace(firmware="2.0")
    for facts in (CUFF, CUFF, updated, CUFF):
        await recorder.record([note(clock)], facts)
    events = [r for r in await storage.read_records() if isinstance(r, EventRecord)]
    devices = [r for r in await storage.read_records() if isinstance(r, DeviceRecord)]
    assert [event.device for event in events] == [1, 1, 2, 1]
    assert [(device.device, device.firmware) for device in devices] == 2 * [(1, "")] + 2 * [
        (2, "2.0")
    ]


async def test_a_record_keeps_the_moment_it_is_of_not_that_of_its_commit(storage, recorder, clock):
    early = note(clock)
    clock.wait(30)
    await recorder.record([note(clock)], CUFF)
    await recorder.record([early], CUFF)
    *_, late, early = await storage.read_records()
    assert late.stamp.since_ms - early.stamp.since_ms == 30_000
    assert late.stamp.utc_ms - early.stamp.utc_ms == 30_000


async def test_after_a_day_a_new_epoch_begins_and_the_old_one_is_closed(storage, recorder, clock):
    await recorder.record([note(clock)])
    clock.wait(DAY_S)
    await recorder.record([note(clock)])
    first, *_, last = await storage.read()
    assert first.kid != last.kid
    assert last.sequence == 2
    assert kinds(await storage.read_records()) == ["start", "EventRecord", "daily", "EventRecord"]


async def test_a_hub_without_records_writes_no_anchor(storage, recorder, clock):
    clock.level = 0
    await recorder.anchor()
    clock.wait(DAY_S)
    clock.utc_s += 1000
    clock.level = 3
    await recorder.anchor()
    await recorder.close()
    assert storage.outbox.previous() is None


async def test_an_anchor_is_written_when_the_clock_gains_sync_or_steps(storage, recorder, clock):
    clock.level = 0
    await recorder.record([note(clock)])
    await recorder.anchor()
    clock.level = 5
    await recorder.anchor()
    clock.utc_s += 0.4
    await recorder.anchor()
    clock.utc_s += 0.4
    await recorder.anchor()
    records = await storage.read_records()
    assert kinds(records) == ["start", "EventRecord", "sync", "step"]
    assert [record.stamp.quality for record in records] == [0, 0, 5, 5]


async def test_a_record_after_a_step_brings_the_anchor_with_it(storage, recorder, clock):
    await recorder.record([note(clock)])
    clock.utc_s -= 3600
    await recorder.record([note(clock)])
    assert kinds(await storage.read_records()) == ["start", "EventRecord", "step", "EventRecord"]


async def test_what_an_earlier_process_wrote_unsynchronised_gets_its_anchor(storage, clock):
    clock.level = 0
    await storage.start_recorder().record([note(clock)])
    recorder = storage.start_recorder()
    await recorder.anchor()
    clock.level = 5
    await recorder.anchor()
    assert kinds(await storage.read_records()) == ["start", "EventRecord", "start"]


async def test_an_idle_hub_closes_its_epoch_after_a_day_and_then_writes_nothing(
    storage, recorder, clock
):
    await recorder.record([note(clock)])
    for _ in range(10):
        clock.wait(DAY_S)
        await recorder.anchor()
    assert kinds(await storage.read_records()) == ["start", "EventRecord", "daily"]
    assert storage.outbox.previous().closed_cleanly


async def test_closing_writes_an_anchor_and_closes_the_epoch(storage, recorder, clock):
    await recorder.record([note(clock)])
    await recorder.close()
    assert kinds(await storage.read_records()) == ["start", "EventRecord", "stop"]
    assert storage.outbox.previous().closed_cleanly


async def test_a_full_outbox_refuses_and_leaves_no_gap_once_there_is_room(tmp_path, clock):
    storage = await HubStorage.open(tmp_path, clock, quota_bytes=64 << 10)
    recorder = storage.start_recorder()
    accepted = 0
    with suppress(OutboxFull):
        while True:
            await recorder.record([note(clock, filling="x" * 1500)], CUFF)
            accepted += 1
    assert accepted > 10
    with pytest.raises(OutboxFull):
        await recorder.record([note(clock)], CUFF)
    assert not recorder.has_failed
    kept = await storage.read()
    await storage.outbox.release({kept[0].kid: [(1, kept[-1].sequence)]}, NOW)
    await recorder.record([note(clock, filling="last")], CUFF)
    left = await storage.read()
    sequences = [k.sequence for k in (*kept, *left)]
    assert sequences == list(range(1, len(sequences) + 1))
    assert left[-1].record.facts == {"filling": "last"}
    await storage.outbox.close()


async def test_storage_that_fails_is_never_written_to_again(storage, recorder, clock):
    await recorder.record([note(clock)])
    kid, last = storage.outbox.previous()[:2]
    await storage.outbox.append(kid, [(last + 1, b"bytes of another writer")])
    with pytest.raises(SealError):
        await recorder.record([note(clock)])
    assert recorder.has_failed
    with pytest.raises(SealError):
        await recorder.record([note(clock)])
    await recorder.close()
    assert storage.outbox.previous() == (kid, last + 1, False)


async def test_a_record_the_format_cannot_hold_is_refused_alone(storage, recorder, clock):
    with pytest.raises(WireError):
        await recorder.record([note(clock, wrong=b"bytes")], CUFF)
    await recorder.record([note(clock)], CUFF)
    kept = await storage.read()
    assert [k.sequence for k in kept] == [1, 2, 3, 4]
    assert isinstance(kept[0].record, ClockRecord)
    assert not recorder.has_failed


async def test_what_is_sealed_is_committed_though_nobody_waits_for_it(storage, recorder, clock):
    waiting = asyncio.create_task(recorder.record([note(clock)]))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await recorder.close()
    assert kinds(await storage.read_records()) == ["start", "EventRecord", "stop"]


async def test_a_session_that_is_cancelled_while_it_looks_for_room_breaks_nothing(
    storage, recorder, clock
):
    looking = asyncio.create_task(recorder.check_room())
    await asyncio.sleep(0)
    looking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await looking
    assert not recorder.has_failed


async def test_records_of_several_sessions_at_once_get_a_sequence_each(storage, recorder, clock):
    await asyncio.gather(*(recorder.record([note(clock, n=n)], CUFF) for n in range(20)))
    kept = await storage.read()
    assert [k.sequence for k in kept] == list(range(1, 24))
    assert len({k.kid for k in kept}) == 1


async def test_an_epoch_that_is_closed_is_checked_to_its_last_record(storage, recorder, clock):
    await recorder.record([note(clock)])
    await recorder.close()
    kept = await storage.read_sealed()
    [checkpoint] = storage.read_checkpoints()
    assert (checkpoint.kid, checkpoint.ending) == (kept[0].kid, Ending.CLOSED)
    assert (checkpoint.hub, checkpoint.utc_ms, checkpoint.previous_kid) == ("hub-1", NOW, None)
    assert checkpoint.last_sequence == len(kept[0].sealed) == 3
    assert checkpoint.chain == extend_chain(CHAIN_START, kept[0].sealed)


async def test_hourly_while_records_come_an_open_epoch_is_checked(storage, recorder, clock):
    await recorder.record([note(clock)])
    sequences = []
    for half_hour in range(8):
        clock.wait(DAY_S / 48)
        if half_hour == 3:
            await recorder.record([note(clock)])
        await recorder.anchor()
        sequences.append([c.last_sequence for c in storage.read_checkpoints()])
    assert sequences == [[], [2], [2], [3], [3], [3], [3], [3]]
    [checkpoint] = storage.read_checkpoints()
    assert checkpoint.ending is Ending.OPEN


async def test_an_epoch_that_a_crash_left_open_is_checked_by_the_next_start(storage, clock):
    await storage.start_recorder().record([note(clock)])
    [kid] = {kept.kid for kept in await storage.read()}
    await storage.reopen()
    recorder = storage.start_recorder()
    await recorder.anchor()
    [checkpoint] = storage.read_checkpoints()
    assert (checkpoint.kid, checkpoint.last_sequence) == (kid, 2)
    assert checkpoint.ending is Ending.RECOVERED
    assert storage.outbox.previous().closed_cleanly

    await recorder.record([note(clock)])
    await recorder.close()
    recovered, closed = storage.read_checkpoints()
    assert (recovered, closed.ending, closed.previous_kid) == (checkpoint, Ending.CLOSED, kid)


async def test_a_record_before_the_first_anchor_recovers_what_came_before(storage, clock):
    await storage.start_recorder().record([note(clock)])
    await storage.reopen()
    await storage.start_recorder().record([note(clock)])
    assert [c.ending for c in storage.read_checkpoints()] == [Ending.RECOVERED]


async def test_what_others_say_of_the_time_goes_into_anchors_and_into_no_stamp(storage, clock):
    said = []

    def best(now):
        return said[-1](now) if said and not now.quality else now

    recorder = storage.start_recorder(best=best)
    clock.level, clock.utc_s = 0, 1_000.0
    await recorder.record([note(clock)])
    said.append(lambda now: Moment(now.boottime_ms, TOLD_MS, 18))
    await recorder.anchor()
    await recorder.anchor()
    await recorder.record([note(clock)])
    said.append(lambda now: Moment(now.boottime_ms, TOLD_MS, 13))
    await recorder.anchor()
    clock.level, clock.utc_s = 5, TOLD_MS / 1000
    await recorder.anchor()
    records = await storage.read_records()
    assert kinds(records) == ["start", "EventRecord", "told", "EventRecord", "told", "sync"]
    assert [record.stamp.quality for record in records] == [0, 0, 18, 0, 13, 5]
    assert {r.stamp.utc_ms for r in records if r.stamp.quality} == {TOLD_MS}
