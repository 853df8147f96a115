"""The store against a model of sets: whatever comes, in any order, and whenever it is killed."""

import shutil
import tempfile
from hashlib import shake_128
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
)

from uplink import claims
from uplink.checkpoints import Signed
from uplink.errors import OutboxFull
from uplink.statements import CHAIN_START, Ending, extend_chain
from uplink.store import Store
from uplink.wire import MAX_SEQUENCE

HOUR_MS = 3_600_000
KEEP_DAYS = 14
ROOMY, TIGHT = 4 << 20, 48 << 10
WAITING, RELEASED, REFUSED = "waiting", "released", "refused"


def sealed(kid, sequence):
    return shake_128(kid + b"%d" % sequence).digest(90)


class StoreMachine(RuleBasedStateMachine):
    @initialize(quota=st.sampled_from([ROOMY, TIGHT]))
    def open(self, quota):
        self.folder = Path(tempfile.mkdtemp())
        self.quota = quota
        self.hour = 500_000
        self.ran_s = 0
        self.kids = []
        self.begun = 0
        self.last = {}
        self.rows = {}
        self.released_at = {}
        self.released_ran = {}
        self.ended = {}
        self.copies = 0
        self.path = self.folder / "outbox.db"
        self.store = self.make()
        self.begin()

    def make(self):
        return Store(self.path, self.quota, keep_days=KEEP_DAYS, now=lambda: self.ran_s)

    def teardown(self):
        if hasattr(self, "store"):
            self.store.close(is_sound=False)
            shutil.rmtree(self.folder)

    def begin(self):
        self.begun += 1
        kid = bytes([self.begun]) * 16
        self.store.begin_epoch(kid, b"key record of " + kid)
        self.kids.append(kid)
        self.last[kid] = 0

    @property
    def shelf(self):
        return self.store.shelf

    def peek(self):
        batches, cursor = [], 0
        while (batch := self.store.peek(cursor, 1000, 1 << 20)).runs:
            cursor = batch.cursor
            batches += [
                (run.kid, run.first + at, data)
                for run in batch.runs
                for at, data in enumerate(run.sealed)
            ]
        return batches

    @rule(count=st.integers(1, 60))
    def append(self, count):
        kid = self.kids[-1]
        if kid in self.ended:
            return
        first = self.last[kid] + 1
        rows = [(sequence, sealed(kid, sequence)) for sequence in range(first, first + count)]
        try:
            self.store.append(kid, rows, reserved=False)
        except OutboxFull:
            assert self.quota == TIGHT
            assert not self.shelf.retention.rows.count
            return
        self.last[kid] += count
        self.rows |= {(kid, sequence): WAITING for sequence, _ in rows}

    @rule()
    def next_epoch(self):
        kid = self.kids[-1]
        if kid not in self.ended:
            self.end(kid, Ending.CLOSED)
        self.begin()

    def end(self, kid, ending):
        reach = self.store.reach(kid)
        assert reach.last_sequence == self.last[kid]
        assert reach.chain == self.chain(kid)
        self.store.end_epoch(kid, ending, Signed(reach.last_sequence, b"checkpoint of " + kid))
        self.ended[kid] = ending

    def chain(self, kid):
        return extend_chain(CHAIN_START, (sealed(kid, n + 1) for n in range(self.last[kid])))

    def draw_range(self, data):
        kid = data.draw(st.sampled_from(self.kids))
        if not self.last[kid]:
            return kid, (1, 1)
        one, other = (data.draw(st.integers(1, self.last[kid])) for _ in range(2))
        return kid, (min(one, other), max(one, other))

    @rule(hours=st.sampled_from([1, 30, 336, 400]))
    def go_on(self, hours):
        self.ran_s += hours * 3600

    @rule(data=st.data(), hours=st.sampled_from([-5, 0, 1, 30, 336, 400, 80_000]))
    def take_a_receipt(self, data, hours):
        self.hour += max(hours, 0)
        hour = self.hour + min(hours, 0)
        kid, (first, last) = self.draw_range(data)
        claims.release(self.shelf, {kid: [(first, last)]}, hour * HOUR_MS)
        for sequence in range(first, last + 1):
            if self.rows.get((kid, sequence), RELEASED) != RELEASED:
                self.rows[kid, sequence] = RELEASED
                self.released_at[kid, sequence] = hour
                self.released_ran[kid, sequence] = self.ran_s

    @rule(data=st.data())
    def want(self, data):
        kid, (first, last) = self.draw_range(data)
        gone = claims.want(self.shelf, {kid: [(first, last)]}).gone.get(kid, ())
        gone = {sequence for first, last in gone for sequence in range(first, last + 1)}
        for sequence in range(first, last + 1):
            name = kid, sequence
            if sequence in gone:
                assert self.rows.get(name, RELEASED) == RELEASED
                if name in self.rows and self.quota == ROOMY:
                    assert self.hour - self.released_at[name] > KEEP_DAYS * 24
                    assert self.ran_s - self.released_ran[name] > KEEP_DAYS * 86_400
            elif name in self.rows:
                self.rows[name] = WAITING

    @rule(data=st.data())
    def refuse(self, data):
        kid, (sequence, _) = self.draw_range(data)
        is_waiting = self.rows.get((kid, sequence)) == WAITING
        assert claims.refuse(self.shelf, kid, sequence, "conflict") == is_waiting
        if is_waiting:
            self.rows[kid, sequence] = REFUSED

    @rule()
    def requeue(self):
        refused = [name for name, state in self.rows.items() if state == REFUSED]
        assert claims.requeue(self.shelf, None, None) == (len(refused), 0)
        self.rows |= dict.fromkeys(refused, WAITING)

    @rule()
    def reopen(self):
        self.store.close(is_sound=True)
        self.store = self.make()
        assert {(kid, sequence) for kid, sequence, _ in self.peek()} == self.waiting()
        self.restart()

    @rule()
    def kill(self):
        self.copies += 1
        files = self.folder / str(self.copies)
        files.mkdir()
        for each in self.path.parent.glob("outbox.db*"):
            shutil.copy(each, files)
        self.store.close(is_sound=False)
        self.path = files / "outbox.db"
        self.store = self.make()
        found = {(kid, sequence) for kid, sequence, _ in self.peek()}
        assert found >= self.waiting()
        assert all(self.rows[name] == RELEASED for name in found - self.waiting())
        self.rows |= dict.fromkeys(found, WAITING)
        # A receipt that named what was refused is lost with the rest: it is refused once more.
        numbers = self.shelf.epochs.by_number
        refused = {(numbers[n >> 32].kid, n & MAX_SEQUENCE) for n in self.shelf.quarantine}
        assert all(self.rows[name] in {REFUSED, RELEASED} for name in refused)
        self.rows |= dict.fromkeys(refused, REFUSED)
        self.restart()

    def restart(self):
        """A later process: it states the ends that are missing, and begins an epoch of its own."""
        assert self.shelf.losses == []
        unclosed = {reach.kid for reach in self.store.unclosed()}
        assert unclosed == {k for k in self.kids if self.last[k]} - self.ended.keys()
        for kid in unclosed:
            self.end(kid, Ending.RECOVERED)
        self.kids = [kid for kid in self.kids if kid in self.ended]  # others were never used
        self.begin()

    def waiting(self):
        return {name for name, state in self.rows.items() if state == WAITING}

    @invariant()
    def what_waits_is_peeked_and_nothing_else(self):
        peeked = self.peek()
        names = [(self.kids.index(kid), sequence) for kid, sequence, _ in peeked]
        assert names == sorted(names)
        assert {(kid, sequence) for kid, sequence, _ in peeked} == self.waiting()
        assert all(data == sealed(kid, sequence) for kid, sequence, data in peeked)
        assert self.shelf.waiting.count == len(peeked)

    @invariant()
    def every_chain_is_that_of_what_was_appended(self):
        for kid, epoch in self.shelf.epochs.by_kid.items():
            assert (epoch.last_sequence, epoch.chain) == (self.last[kid], self.chain(kid))
            assert epoch.ending == self.ended.get(kid, Ending.OPEN)

    @invariant()
    def the_end_of_each_epoch_is_to_be_sent(self):
        checkpoints = self.shelf.checkpoints.open
        assert all(checkpoints[kid].last_sequence == self.last[kid] for kid in self.ended)

    @invariant()
    def the_epoch_before_is_known(self):
        before = self.kids[-2] if len(self.kids) > 1 else None
        assert self.store.reach(self.kids[-1]).previous_kid == before


TestStore = StoreMachine.TestCase
TestStore.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
