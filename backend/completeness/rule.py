"""Has everything come that a hub sealed? One pure function from facts to a judgement.

Sequences of an epoch have no holes when they are sealed, so what lacks below the highest known
sequence is named exactly. That sequence is the highest of: what is stored; what a checkpoint says;
what the next epoch's key record says of the one before. An end is vouched for by a checkpoint that
closed or recovered the epoch, or by a next epoch whose key record says the same.

| state of an epoch | everything known of is stored | its end is vouched for | |
|---|---|---|---|
| `complete` | yes | yes, and nothing is known beyond it | every chain that was given agrees |
| `running` | yes | not yet | no other epoch follows it, and none began later |
| `tail-unknown` | yes | no, and nothing will | a lost or wiped card, or not yet said |
| `tail-unknown` | yes | yes | the last before a card that began anew: more may have followed |
| `gap` | no | whether or not | each range that lacks is named, with its fate |
| `conflict` | yes | whether or not | a checkpoint's chain is another than that of the records |

| fate of a range | |
|---|---|
| `wanted` | the hub is asked for it: it may still come |
| `gone` | the hub has stated that it does not have it any more |
| `refused` | it came and is never accepted: it did not open, or the hub had retired |

A hub is the worst of its epochs: `gap`, then `conflict`, then `tail-unknown`, else `complete`. If
its newest epoch runs it is `tail-unknown` as well, which is how it should be: `running` says so.
A hub of which no epoch has come is `tail-unknown`.

An epoch that another names as the one before counts as known although nothing of it came. What lay
before such an epoch is unknown until its key record has come. Nobody can know of an epoch of which
nothing came and which nothing names: *complete* means as far as the hub has stated. But a hub that
begins anew, with no epoch before, had its card wiped or changed: the last that came of the epochs
before that need not be the last that there were.

`forks`: two epochs name the same one before. A card restored from an image does that, and so do two
machines with one identity. `overlaps`: epochs of two boots have records of the same time by
synchronised clocks: that is two machines. Kids never repeat, so neither loses anything.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import pairwise
from typing import NamedTuple

from backend.ranges import Range, intersect, subtract
from uplink.statements import Checkpoint, Ending, Previous

OVERLAP_MS = 600_000
"""Clocks that are synchronised may still differ, and a hub's may step: less is no overlap."""


class State(StrEnum):
    """Of an epoch, or of a hub."""

    COMPLETE = "complete"
    RUNNING = "running"
    TAIL_UNKNOWN = "tail-unknown"
    CONFLICT = "conflict"
    GAP = "gap"


class Fate(StrEnum):
    """What becomes of sequences that are not stored."""

    WANTED = "wanted"
    GONE = "gone"
    REFUSED = "refused"


class Gap(NamedTuple):
    """Sequences that were sealed and are not stored, both ends included."""

    kid: bytes
    first: int
    last: int
    fate: Fate


class Begun(NamedTuple):
    """An epoch whose key record came; `span` is what synchronised clocks said of its records."""

    kid: bytes
    boot: bytes
    previous: Previous | None
    span: Range | None = None


class Fork(NamedTuple):
    """These epochs all name the epoch `after` as the one before."""

    after: bytes
    kids: Sequence[bytes]


class Overlap(NamedTuple):
    """While the one epoch went on, the other did, on another boot."""

    kid: bytes
    other: bytes


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of one hub; ranges are by kid. `begun` is in the order of arrival.

    `disputed` are epochs of which a checkpoint's chain is another than that of the records;
    `is_active` is false once no new epoch is expected of the hub.
    """

    begun: Sequence[Begun] = ()
    stored: Mapping[bytes, Sequence[Range]] = field(default_factory=dict)
    checkpoints: Sequence[Checkpoint] = ()
    gone: Mapping[bytes, Sequence[Range]] = field(default_factory=dict)
    refused: Mapping[bytes, Sequence[Range]] = field(default_factory=dict)
    disputed: frozenset[bytes] = frozenset()
    is_active: bool = True


@dataclass(frozen=True, slots=True)
class EpochJudgement:
    """`last` is the highest known sequence; `ending` what vouches for the end at `ended`."""

    kid: bytes
    state: State
    last: int
    stored: int
    has_key_record: bool
    ending: Ending | None
    ended: int | None
    gaps: Sequence[Gap]

    @property
    def goes_on(self) -> bool:
        """Whether records are known beyond the end that was vouched for."""
        return self.ended is not None and self.last > self.ended


@dataclass(frozen=True, slots=True)
class Completeness:
    """How a hub's ledger stands; `epochs` are in the order in which they were heard of."""

    state: State
    epochs: Sequence[EpochJudgement]
    forks: Sequence[Fork]
    overlaps: Sequence[Overlap]

    @property
    def gaps(self) -> list[Gap]:
        """Everything that lacks."""
        return [gap for epoch in self.epochs for gap in epoch.gaps]

    @property
    def running(self) -> EpochJudgement | None:
        """The epoch that goes on, where everything that was heard of it is stored."""
        return next((epoch for epoch in self.epochs if epoch.state is State.RUNNING), None)

    @property
    def is_wanting(self) -> bool:
        """Whether something lacks, or is in doubt, that is not as it should be."""
        fine = (State.COMPLETE, State.RUNNING)
        return any(epoch.state not in fine for epoch in self.epochs)


def judge_hub(facts: Facts) -> Completeness:
    """How complete the ledger is of one hub."""
    words = _Words(facts)
    epochs = [words.judge(kid) for kid in words.kids]
    return Completeness(
        _worst(epochs),
        epochs,
        [Fork(after, kids) for after, kids in words.followers.items() if len(kids) > 1],
        list(find_overlaps(facts.begun)),
    )


def find_overlaps(begun: Iterable[Begun]) -> Iterator[Overlap]:
    """Pairs of epochs of two boots whose spans overlap by more than clocks may differ."""
    known = [(one.span, one) for one in begun if one.span]
    for (span, one), (after, other) in pairwise(sorted(known, key=lambda of: of[0])):
        if one.boot != other.boot and overlaps(span, after):
            yield Overlap(one.kid, other.kid)


def overlaps(span: Range, other: Range) -> bool:
    """Whether the spans have more in common than clocks may differ."""
    return min(span[1], other[1]) - max(span[0], other[0]) > OVERLAP_MS


class _Words:
    """The facts by epoch: who follows whom, how far each goes, and who vouches for its end."""

    def __init__(self, facts: Facts) -> None:
        self._facts = facts
        self.followers: dict[bytes, list[bytes]] = defaultdict(list)
        self._lasts: dict[bytes, list[int]] = defaultdict(list)
        self._ends: dict[bytes, list[tuple[int, Ending]]] = defaultdict(list)
        self._begun = {one.kid for one in facts.begun}
        named: dict[bytes, None] = {}
        for one in facts.begun:
            if one.previous:
                kid, last, is_clean = one.previous
                named[kid] = None
                self.followers[kid].append(one.kid)
                self._lasts[kid].append(last)
                if is_clean:
                    self._ends[kid].append((last, Ending.CLOSED))
            named[one.kid] = None
        for checkpoint in facts.checkpoints:
            kid, last = checkpoint.kid, checkpoint.last_sequence
            if checkpoint.previous_kid:
                named[checkpoint.previous_kid] = None
            named[kid] = None
            self._lasts[kid].append(last)
            if checkpoint.ending is not Ending.OPEN:
                self._ends[kid].append((last, checkpoint.ending))
        self.kids = [*named, *(kid for kid in facts.stored if kid not in named)]
        leaves = self._find_leaves()
        self._running = leaves[-1] if leaves and facts.is_active else None
        self._cut_off = self._find_cut_off(leaves)

    def judge(self, kid: bytes) -> EpochJudgement:
        stored = self._facts.stored.get(kid, ())
        last = max([0, *self._lasts[kid], *(end for _, end in stored)])
        ended, ending = max(self._ends[kid], default=(None, None))
        gaps = self._name(kid, subtract([(1, last)] if last else [], stored))
        if gaps:
            state = State.GAP
        elif kid in self._facts.disputed:
            state = State.CONFLICT
        elif ended == last and kid not in self._cut_off:
            state = State.COMPLETE
        else:
            state = State.RUNNING if kid == self._running else State.TAIL_UNKNOWN
        count = sum(until - first + 1 for first, until in stored)
        return EpochJudgement(kid, state, last, count, kid in self._begun, ending, ended, gaps)

    def _find_leaves(self) -> list[bytes]:
        """The epochs that no other follows, as they arrived."""
        named = {c.previous_kid for c in self._facts.checkpoints} | self.followers.keys()
        return [one.kid for one in self._facts.begun if one.kid not in named]

    def _find_cut_off(self, leaves: Sequence[bytes]) -> set[bytes]:
        """Leaves that do not come from the newest epoch with none before it."""
        roots = [one.kid for one in self._facts.begun if one.previous is None]
        since, queue = set(roots[-1:]), roots[-1:]
        while queue:
            followers = [kid for kid in self.followers.get(queue.pop(), ()) if kid not in since]
            since.update(followers)
            queue += followers
        return {kid for kid in leaves if kid not in since} if len(roots) > 1 else set()

    def _name(self, kid: bytes, missing: Sequence[Range]) -> list[Gap]:
        gone = intersect(missing, self._facts.gone.get(kid, ()))
        refused = intersect(subtract(missing, gone), self._facts.refused.get(kid, ()))
        wanted = subtract(subtract(missing, gone), refused)
        fates = ((Fate.GONE, gone), (Fate.REFUSED, refused), (Fate.WANTED, wanted))
        return sorted(Gap(kid, *each, fate) for fate, ranges in fates for each in ranges)


def _worst(epochs: Sequence[EpochJudgement]) -> State:
    states = {epoch.state for epoch in epochs}
    for state in (State.GAP, State.CONFLICT):
        if state in states:
            return state
    return State.COMPLETE if states == {State.COMPLETE} else State.TAIL_UNKNOWN
