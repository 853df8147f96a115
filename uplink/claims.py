"""What receipts, and a person at the hub, claim of the rows on the shelf."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple

from uplink.checkpoints import Signed
from uplink.epochs import Epoch
from uplink.shelf import Shelf
from uplink.spans import Spans
from uplink.wire import MAX_SEQUENCE, Ranges


class Fate(StrEnum):
    """What has become of a record: a receipt has named it, or it waits for one, or it never can."""

    WAITING = "waiting"
    RECEIPTED = "receipted"
    REFUSED = "refused"
    UNKNOWN = "unknown"


class Released(NamedTuple):
    """How many rows a receipt released, by which of its ranges; `never_assigned` it named amiss."""

    rows: int
    ranges: Mapping[bytes, Ranges]
    never_assigned: int


class Wanted(NamedTuple):
    """What came of wanted ranges: `rows` of `kids` wait again, `gone` is not here any more."""

    rows: int
    kids: frozenset[bytes]
    gone: Mapping[bytes, Ranges]
    never_assigned: int


class Requeued(NamedTuple):
    """How many rows of the quarantine wait again, and how many are damaged and stay."""

    rows: int
    damaged: int


def release(shelf: Shelf, stored: Mapping[bytes, Ranges], utc_ms: int) -> Released:
    """Release what a receipt of that time names, and tidy up once there is a group of it."""
    rows = never_assigned = 0
    assigned: dict[bytes, list[tuple[int, int]]] = {}
    for kid, ranges in stored.items():
        epoch = shelf.epochs.by_kid.get(kid)
        for first, last in ranges:
            if not epoch or last > epoch.last_sequence:
                never_assigned += 1
                continue
            epoch.is_known = True
            assigned.setdefault(kid, []).append((first, last))
            rows += shelf.release(epoch.id_of(first), epoch.id_of(last), utc_ms)
    shelf.retention.note_time(utc_ms)
    shelf.tidy()
    return Released(rows, assigned, never_assigned)


def want(shelf: Shelf, wanted: Mapping[bytes, Ranges]) -> Wanted:
    """Let wanted rows that are here wait again; those refused before are offered once more.

    Gone are rows that are not here or damaged, and all of an epoch that is not known here. Behind
    the last row of a known epoch nothing was assigned, unless its last rows may have been lost.
    """
    rows = never_assigned = 0
    kids: set[bytes] = set()
    gone: dict[bytes, Ranges] = {}
    for kid, ranges in wanted.items():
        missing = Spans(ranges)
        if epoch := shelf.epochs.by_kid.get(kid):
            asked = missing.count
            if epoch.ending:
                missing.discard(epoch.last_sequence + 1, MAX_SEQUENCE)
            never_assigned += missing.count != asked
            again = _take_out(shelf, epoch, missing)
            if again.count:
                epoch.is_known = False
                shelf.wait_again(again)
                kids.add(kid)
                rows += again.count
        if missing.count:
            gone[kid] = tuple(missing)
    return Wanted(rows, frozenset(kids), gone, never_assigned)


def refuse(shelf: Shelf, kid: bytes, sequence: int, reason: str) -> bool:
    """Put a row into quarantine; False where none waits."""
    epoch = shelf.epochs.by_kid.get(kid)
    if not epoch or epoch.id_of(sequence) not in shelf.waiting:
        return False
    shelf.set_apart([epoch.id_of(sequence)], reason)
    return True


def requeue(shelf: Shelf, kid: bytes | None, sequence: int | None) -> Requeued:
    """Let sound rows of the quarantine wait again: all, or of one epoch, or of one sequence."""
    sound, damaged = Spans(), 0
    for row in shelf.quarantine:
        epoch = shelf.epochs.by_number.get(row >> 32)
        if kid is not None and not (epoch and epoch.kid == kid):
            continue
        if sequence is not None and row & MAX_SEQUENCE != sequence:
            continue
        if epoch and any(epoch.holds(*found) for found in shelf.select(row, row)):
            sound.add(row, row)
        else:
            damaged += 1
    shelf.wait_again(sound)
    return Requeued(sound.count, damaged)


def tell_fate(shelf: Shelf, kid: bytes, sequence: int) -> Fate:
    """What has become of a row: rows leave for no other reason than a receipt."""
    epoch = shelf.epochs.by_kid.get(kid)
    if not epoch or sequence > epoch.last_sequence:
        return Fate.UNKNOWN
    row = epoch.id_of(sequence)
    if row in shelf.waiting:
        return Fate.WAITING
    return Fate.REFUSED if row in shelf.quarantine else Fate.RECEIPTED


def forget_known(shelf: Shelf, kid: bytes) -> bytes:
    """The epoch's key record, which the backend asks for again; empty where there is none."""
    epoch = shelf.epochs.by_kid.get(kid)
    if not epoch:
        return b""
    if epoch.is_known:
        epoch.is_known = False
        shelf.save()
    return epoch.key_record


def settle(shelf: Shelf, kid: bytes, signed: Signed) -> bool:
    """The backend keeps this checkpoint; False where a newer one has taken its place."""
    epoch = shelf.epochs.by_kid.get(kid)
    return bool(epoch and shelf.checkpoints.settle(epoch, signed))


def _take_out(shelf: Shelf, epoch: Epoch, missing: Spans) -> Spans:
    """Take the rows that are here and sound out of what is missing; those that do not wait."""
    again = Spans()
    for first, last in list(missing):
        for span in shelf.waiting.within(epoch.id_of(first), epoch.id_of(last)):
            missing.discard(*(row & MAX_SEQUENCE for row in span))
    for first, last in list(missing):
        for row, crc, sealed in shelf.select(epoch.id_of(first), epoch.id_of(last)):
            if epoch.holds(row, crc, sealed):
                missing.discard(row & MAX_SEQUENCE, row & MAX_SEQUENCE)
                again.add(row, row)
    return again
