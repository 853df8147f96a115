"""Two machines on one identity: a card is restored to an older image while its hub runs on."""

import shutil
from functools import partial

import pytest

from backend import tables
from tests.backend.office import RECEIPT_KEY, Office
from tests.backend.office import START as BEGAN_MS
from uplink.outbox import Outbox
from uplink.seal import sign_statement, verify_receipt
from uplink.shelf import GROUP
from uplink.statements import Ending, Previous
from uplink.wire import Run
from uplink.witness import Witness

MINUTE, DAY = 60_000, 86_400_000


class Machine:
    """A hub's outbox, and an epoch of its own that it seals into; the office is asked directly."""

    def __init__(self, office, hub, path):
        self.office = office
        self.hub = hub
        self.path = path

    async def start(self, at_ms):
        self.outbox = await Outbox.open(self.path, quota_bytes=4 << 20)
        witness = Witness(self.hub.name, partial(sign_statement, signer=self.hub.signer), int)
        for reach in await self.outbox.unclosed():
            checkpoint = witness.check(reach, Ending.RECOVERED)
            await self.outbox.end_epoch(reach.kid, checkpoint, Ending.RECOVERED)
        self.hub.begin(at_ms, self.outbox.previous())
        self.kid, self.sealed = self.hub.epoch.kid, self.hub.sealed
        self.epoch, self.start_ms = self.hub.epoch, self.hub._start_ms
        await self.outbox.begin_epoch(self.kid, self.hub.key_record)
        return self

    async def record(self, count):
        self.hub.epoch, self.hub._start_ms, self.hub.sealed = self.epoch, self.start_ms, self.sealed
        before = len(self.sealed)
        for number in range(count):
            self.hub.anchor(self.start_ms + (before + number + 1) * MINUTE)
        await self.outbox.append(self.kid, list(enumerate(self.sealed[before:], before + 1)))

    async def send(self):
        """Offer all that waits until nothing does; how many records that took."""
        sent = 0
        while (batch := await self.outbox.peek(0, 100, 5000)).runs:
            items = [*batch.key_records.values(), *batch.runs]
            sent += sum(len(run.sealed) for run in items if isinstance(run, Run))
            reply = self.office.take(self.hub, *items)
            receipt = verify_receipt(reply.signed, [RECEIPT_KEY.public()])
            assert not receipt.refused
            assert (await self.outbox.release(receipt.stored, receipt.utc_ms)).rows
        return sent


@pytest.fixture
def office(tmp_path):
    return Office(tmp_path)


def make_machine(office, hub, folder):
    folder.mkdir(exist_ok=True)
    return Machine(office, hub, folder / "outbox.db")


async def test_a_card_of_last_week_beside_the_hub_that_runs_on_loses_and_doubles_nothing(
    office, tmp_path
):
    hub = office.enroll()
    original = await make_machine(office, hub, tmp_path / "original").start(BEGAN_MS + DAY)
    await original.record(150)
    await original.send()
    await original.record(20)
    shutil.copytree(tmp_path / "original", tmp_path / "restored")

    await original.record(30)
    assert await original.send() == 50
    await original.outbox.end_epoch(original.kid)
    await original.outbox.close()
    original = await original.start(BEGAN_MS + 7 * DAY)
    await original.record(5)
    assert await original.send() == 5

    restored = await make_machine(office, hub, tmp_path / "restored").start(BEGAN_MS + 8 * DAY)
    assert restored.outbox.previous() == Previous(restored.kid, 0, closed_cleanly=False)
    await restored.record(7)
    assert 20 + 7 <= await restored.send() <= 20 + 7 + GROUP  # what was released and not noted yet
    await original.record(3)
    assert await original.send() == 3

    assert office.count(tables.record) == 200 + 5 + 7 + 3
    assert "record-conflict" not in office.incidents()
    assert len({original.kid, restored.kid}) == 2
    for machine in (original, restored):
        assert machine.outbox.depth == 0
        await machine.outbox.close()


async def test_a_restored_card_answers_for_what_it_never_had(office, tmp_path):
    hub = office.enroll()
    machine = await make_machine(office, hub, tmp_path / "original").start(BEGAN_MS + DAY)
    await machine.record(10)
    shutil.copytree(tmp_path / "original", tmp_path / "restored")
    await machine.record(10)
    await machine.outbox.close()

    restored = await make_machine(office, hub, tmp_path / "restored").start(BEGAN_MS + 2 * DAY)
    assert list(restored.outbox.checkpoints) == [machine.kid]
    wanted = await restored.outbox.want({machine.kid: [(1, 20)], b"u" * 16: [(1, 2)]})
    assert (wanted.rows, wanted.never_assigned) == (0, 1)
    assert wanted.gone == {b"u" * 16: ((1, 2),)}
    await restored.outbox.close()
