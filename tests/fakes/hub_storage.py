"""A hub's outbox, real, with the key to read it again."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import NamedTuple

from gateway.recorder import Recorder
from tests.fakes.steps import Steps
from uplink.keys import X25519, OpeningKey, Signer
from uplink.outbox import Outbox
from uplink.records import EpochStart, Record, decode
from uplink.seal import (
    Epoch,
    open_epoch,
    sign_statement,
    verify_key_record,
    verify_statement,
)
from uplink.statements import Checkpoint, Previous
from uplink.wire import Run
from uplink.witness import Witness

NOW = 1_790_000_000_000


class Kept(NamedTuple):
    kid: bytes
    sequence: int
    record: Record


class HubStorage:
    def __init__(self, outbox: Outbox, clock) -> None:
        self.outbox = outbox
        self.clock = clock
        self.steps = Steps()
        self._signer = Signer.generate()
        self._opening_key = OpeningKey.generate(X25519)
        self._key_records: dict[bytes, bytes] = {}
        sign = partial(sign_statement, signer=self._signer)
        self.witness = Witness("hub-1", sign, lambda: NOW)

    @classmethod
    async def open(cls, folder: Path, clock, quota_bytes: int = 4 << 20) -> HubStorage:
        storage = cls(await Outbox.open(folder / "outbox.db", quota_bytes=quota_bytes), clock)
        storage._folder = folder
        return storage

    async def reopen(self) -> None:
        """As a later process finds it, no recorder having closed anything."""
        await self.outbox.close()
        self.outbox = await Outbox.open(self._folder / "outbox.db", quota_bytes=4 << 20)

    def start_recorder(self, **options) -> Recorder:
        return Recorder(
            self.outbox,
            self.clock,
            self._open,
            self.witness,
            software="vitalpost 0",
            journal=self.steps.note,
            **options,
        )

    def read_checkpoints(self) -> list[Checkpoint]:
        """Those that the office is to have, oldest epoch first."""
        publics = [self._signer.public()]
        signed = [each.statement for each in self.outbox.checkpoints.values()]
        return [verify_statement(statement, publics) for statement in signed]

    async def read_sealed(self) -> list[Run]:
        """What waits, as it lies on flash."""
        return list((await self.outbox.peek(0, 1_000_000, 1 << 30)).runs)

    async def read(self) -> list[Kept]:
        batch = await self.outbox.peek(0, 1_000_000, 1 << 30)
        kept = []
        for run in batch.runs:
            key_record = verify_key_record(self._key_records[run.kid], self._signer.public())
            key = self._opening_key.open_key(key_record)
            for sequence, sealed in enumerate(run.sealed, run.first):
                record = decode(key.open(sequence, sealed), key_record.start)
                kept.append(Kept(run.kid, sequence, record))
        return kept

    async def read_records(self) -> list[Record]:
        return [kept.record for kept in await self.read()]

    def _open(self, start: EpochStart, previous: Previous | None) -> tuple[Epoch, bytes]:
        public = self._opening_key.public()
        epoch, key_record = open_epoch("hub-1", self._signer, public, start, previous)
        self._key_records[epoch.kid] = key_record
        return epoch, key_record
