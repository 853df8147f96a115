import asyncio

import pytest

from gateway.errors import RequestRefused
from gateway.round_trip import EVENT, Prober
from tests.fakes.hand_clock import HandClock
from tests.fakes.hub_storage import NOW, HubStorage
from uplink.records import EventRecord
from uplink.standing import Standing


@pytest.fixture
async def storage(tmp_path):
    storage = await HubStorage.open(tmp_path, HandClock())
    yield storage
    await storage.outbox.close()


@pytest.fixture
def standing():
    return Standing(30, lambda: None)


def prober(storage, standing, office_s=0.0):
    recorder = storage.start_recorder()
    return Prober(recorder, storage.outbox, storage.clock, standing, office_s=office_s)


async def doctors_records(storage):
    return [
        kept
        for kept in await storage.read()
        if isinstance(kept.record, EventRecord) and kept.record.name == EVENT
    ]


async def test_without_a_broker_nothing_is_written(storage, standing):
    told = await prober(storage, standing).probe()
    assert told["outcome"] == "not-connected"
    assert await storage.read() == []


async def test_who_asks_often_has_one_record_while_it_waits(storage, standing):
    standing.connected()
    asked = prober(storage, standing)
    for _ in range(3):
        assert (await asked.probe())["outcome"] == "waiting"
    assert len(await doctors_records(storage)) == 1


async def test_it_ends_with_the_offices_receipt_and_the_next_one_is_a_new_record(storage, standing):
    standing.connected()
    asked = prober(storage, standing)
    await asked.probe()
    [kept] = await doctors_records(storage)
    await storage.outbox.release({kept.kid: [(1, kept.sequence)]}, NOW)
    asked = prober(storage, standing, office_s=20)
    probing = asyncio.create_task(asked.probe())
    while not (waiting := await doctors_records(storage)):  # noqa: ASYNC110  the outbox has no event
        await asyncio.sleep(0)
    with pytest.raises(RequestRefused, match="under way already"):
        await asked.probe()
    await storage.outbox.release({waiting[0].kid: [(1, waiting[0].sequence)]}, NOW)
    assert (await probing)["outcome"] == "receipted"


async def test_a_record_that_the_office_refuses_is_said(storage, standing):
    standing.connected()
    asked = prober(storage, standing, office_s=20)
    probing = asyncio.create_task(asked.probe())
    while not (waiting := await doctors_records(storage)):  # noqa: ASYNC110  the outbox has no event
        await asyncio.sleep(0)
    await storage.outbox.refuse(waiting[0].kid, waiting[0].sequence, "conflict")
    assert (await probing)["outcome"] == "rejected"
