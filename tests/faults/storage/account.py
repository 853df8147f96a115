"""What a hub's process said of its outbox, and whether a later process finds it so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from gateway.recorder import Recorder
from tests.fakes.hand_clock import HandClock
from tests.faults.storage.trace import Tell
from uplink.checkpoints import Signed
from uplink.claims import Released
from uplink.epochs import Reach
from uplink.errors import UplinkError
from uplink.keys import X25519, OpeningKey, Signer
from uplink.outbox import Outbox
from uplink.seal import open_epoch, sign_statement, verify_statement
from uplink.statements import CHAIN_START, Checkpoint, Ending, extend_chain
from uplink.wire import Ranges
from uplink.witness import Witness

HUB = "hub-1"
QUOTA = 4 << 20
EVERYTHING = (0, 1_000_000, 1 << 30)
NOW_MS = 1_790_000_000_000

Name = tuple[bytes, int]


class Keys:
    """The hub's and the office's, as long as a scenario goes on."""

    def __init__(self) -> None:
        self.signer = Signer.generate()
        self.opening = OpeningKey.generate(X25519)

    def recorder(self, outbox: Outbox, clock: HandClock) -> Recorder:
        """As `gateway.app` makes it."""
        return Recorder(
            outbox,
            clock,
            partial(open_epoch, HUB, self.signer, self.opening.public()),
            Witness(HUB, partial(sign_statement, signer=self.signer), lambda: NOW_MS),
            software="vitalpost",
        )

    def read(self, signed: Signed) -> Checkpoint:
        """A checkpoint, as the office reads it."""
        point = verify_statement(signed.statement, [self.signer.public()])
        assert isinstance(point, Checkpoint)
        return point


class TellingOutbox(Outbox):
    """Says what it is about to write, and what it has written once that has returned."""

    tell: Tell

    async def begin_epoch(self, kid: bytes, key_record: bytes) -> None:
        self.tell("begun", kid.hex(), key_record.hex())
        await super().begin_epoch(kid, key_record)

    async def append(
        self, kid: bytes, rows: Sequence[tuple[int, bytes]], *, reserved: bool = False
    ) -> None:
        self.tell("sealed", kid.hex(), [(number, sealed.hex()) for number, sealed in rows])
        await super().append(kid, rows, reserved=reserved)
        self.tell("kept", kid.hex(), [number for number, _ in rows])

    async def release(self, stored: Mapping[bytes, Ranges], utc_ms: int) -> Released:
        for kid, ranges in stored.items():
            self.tell("let go", kid.hex(), list(ranges))
        return await super().release(stored, utc_ms)

    async def refuse(self, kid: bytes, sequence: int, reason: str) -> bool:
        self.tell("refused", kid.hex(), sequence)
        return await super().refuse(kid, sequence, reason)


class Account:
    """What was told, by all lives so far."""

    def __init__(self, keys: Keys) -> None:
        self.sealed: dict[Name, bytes] = {}
        self.kept: set[Name] = set()
        self.let_go: set[Name] = set()
        self.key_records: dict[bytes, bytes] = {}
        self._keys = keys

    def copy(self) -> Account:
        """For a life that others do not have behind them."""
        other = Account(self._keys)
        other.sealed, other.key_records = self.sealed.copy(), self.key_records.copy()
        other.kept, other.let_go = self.kept.copy(), self.let_go.copy()
        return other

    def hear(self, did: str, *facts: Any) -> None:
        """Take one line in. A life that was not killed hears itself."""
        if did not in {"begun", "sealed", "kept", "let go", "refused"}:
            return
        kid = bytes.fromhex(facts[0])
        match did:
            case "begun":
                self.key_records[kid] = bytes.fromhex(facts[1])
            case "sealed":
                self.sealed |= {(kid, number): bytes.fromhex(data) for number, data in facts[1]}
            case "kept":
                self.kept |= {(kid, number) for number in facts[1]}
            case "let go":
                for first, last in facts[1]:
                    self.let_go |= {(kid, number) for number in range(first, last + 1)}
            case "refused":
                self.let_go.add((kid, facts[1]))

    def due(self) -> set[Name]:
        """What must be there: acknowledged, and never given up."""
        return self.kept - self.let_go

    async def check(self, outbox: Outbox, missing: int = 0) -> str | None:
        """The first thing in an open outbox that cannot be; `missing` may be of what is due."""
        batch = await outbox.peek(*EVERYTHING)
        there = {
            (run.kid, run.first + n): sealed
            for run in batch.runs
            for n, sealed in enumerate(run.sealed)
        }
        for kid, sequence in sorted(there):
            if self.sealed.get((kid, sequence)) != there[kid, sequence]:
                return f"{kid.hex()}/{sequence} was never sealed so"
        lost = self.due() - there.keys()
        if len(lost) > missing:
            kid, sequence = min(lost)
            return f"{kid.hex()}/{sequence} was acknowledged and is gone (and {len(lost) - 1} more)"
        for kid, signed in batch.key_records.items():
            if self.key_records.get(kid) != signed:
                return f"the key record of {kid.hex()} is another"
        points = [self._keys.read(signed) for signed in outbox.checkpoints.values()]
        for point in points:
            is_end = point.ending in (Ending.CLOSED, Ending.RECOVERED)
            reach = Reach(point.kid, point.last_sequence, point.chain, None)
            if fault := self._doubt(reach, is_end=is_end):
                return f"a checkpoint says {fault}"
        for reach in await outbox.unclosed():
            if fault := self._doubt(reach, is_end=True):
                return f"opening found {fault}"
        return None

    def _doubt(self, reach: Reach, *, is_end: bool) -> str | None:
        kid, last, chain, _ = reach
        kept = max((number for of, number in self.kept if of == kid), default=0)
        if is_end and last < kept:
            return f"that {kid.hex()} ends at {last}, {kept} was acknowledged"
        if any((kid, number) not in self.sealed for number in range(1, last + 1)):
            return f"that {kid.hex()} goes to {last}, not all of which was sealed"
        true = extend_chain(CHAIN_START, [self.sealed[kid, n] for n in range(1, last + 1)])
        return f"another chain of {kid.hex()}" if chain not in {None, true} else None


async def reopen(path: Path, account: Account) -> TellingOutbox:
    """What a later process opens, no call failing. Raises RuntimeError where it cannot."""
    try:
        outbox = await TellingOutbox.open(path, quota_bytes=QUOTA, keep_days=0)
    except (UplinkError, OSError) as fault:
        raise RuntimeError(f"the next start fails: {fault}") from fault
    outbox.tell = account.hear
    return outbox
