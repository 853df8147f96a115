"""What an outbox holds and whether it is sound, as an operator asks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from uplink.epochs import key_crc
from uplink.flash import Written
from uplink.quarantine import DAMAGED
from uplink.salvage import Loss
from uplink.schema import PAGE_BYTES, is_consistent
from uplink.store import Store

SLICE_ROWS = 1000  # verified at a time: between two slices readings are committed


@dataclass(frozen=True, slots=True)
class Stats:
    """Rows by where they stand, bytes, and what is still to be said to the backend.

    `oldest_s` is how long the oldest row has waited, at least that where `oldest_is_at_least`: it
    was there when the outbox was opened. `open_epochs` have rows that wait or a checkpoint to send;
    `oldest_open` and `newest_open` are the kids of the first and the last of them, empty for none.
    """

    waiting: int
    released: int
    quarantined: Mapping[str, int]
    used_bytes: int
    quota_bytes: int
    epochs: int
    open_epochs: int
    open_checkpoints: int
    oldest_s: float
    oldest_is_at_least: bool
    losses: Sequence[Loss]
    oldest_open: bytes = b""
    newest_open: bytes = b""


class Usage(NamedTuple):
    """How much room is taken, and how much the card has; `written`: None where nobody counts.

    `has_room`: a reading would be kept now, for which released rows have made way if they must.
    """

    used_bytes: int
    quota_bytes: int
    card_bytes: int
    has_room: bool
    written: Written | None


@dataclass(frozen=True, slots=True)
class Findings:
    """What was looked at, and what of it is damaged: rows, which are set apart, by (kid, sequence).

    A kid is empty where it is not known. `lost_key_records` have no sound copy, `key_copies` one.
    `is_consistent`: SQLite's own check of the file.
    """

    rows: int
    damaged: Sequence[tuple[bytes, int]]
    key_records: int
    key_copies: int
    lost_key_records: int
    is_consistent: bool

    @property
    def is_sound(self) -> bool:
        """Whether nothing was found."""
        copies = self.key_copies or self.lost_key_records
        return self.is_consistent and not self.damaged and not copies


@dataclass(slots=True)
class Survey:
    """A verification that goes on slice by slice; `cursor` None: all rows were seen."""

    rows: int = 0
    cursor: int | None = -(1 << 63)
    damaged: list[int] = field(default_factory=list)


def count(store: Store) -> Stats:
    """The outbox in figures; its losses are those of the rows."""
    shelf = store.shelf
    age = store.age
    waiting = {first >> 32 for first, _ in shelf.waiting}
    kids = {
        shelf.epochs.by_number[number].kid for number in waiting
    } | shelf.checkpoints.open.keys()
    numbers = sorted(shelf.epochs.by_kid[kid].number for kid in kids & shelf.epochs.by_kid.keys())
    by_age = [shelf.epochs.by_number[number].kid for number in numbers]
    return Stats(
        waiting=shelf.waiting.count,
        released=shelf.retention.rows.count,
        quarantined=shelf.quarantine.count_reasons(),
        used_bytes=shelf.used_bytes(),
        quota_bytes=shelf.quota_bytes,
        epochs=len(shelf.epochs.by_kid),
        open_epochs=len(kids),
        open_checkpoints=len(shelf.checkpoints.open),
        oldest_s=age.seconds,
        oldest_is_at_least=age.is_at_least,
        losses=(),
        oldest_open=by_age[0] if by_age else b"",
        newest_open=by_age[-1] if by_age else b"",
    )


def measure(store: Store) -> Usage:
    """How much room there is."""
    shelf = store.shelf
    has_room = shelf.make_room(PAGE_BYTES)
    return Usage(
        shelf.used_bytes(), shelf.quota_bytes, shelf.card_bytes(), has_room, store.flash.look()
    )


def look_on(store: Store, survey: Survey) -> None:
    """Verify the next slice of rows, and set apart what is damaged."""
    if survey.cursor is None:
        return
    shelf = store.shelf
    found = shelf.select(survey.cursor, (1 << 63) - 1).fetchmany(SLICE_ROWS)
    damaged = []
    for row, crc, sealed in found:
        epoch = shelf.epochs.by_number.get(row >> 32)
        if not epoch or not epoch.holds(row, crc, sealed):
            damaged.append(row)
    shelf.set_apart([row for row in damaged if not shelf.quarantine.is_damaged(row)], DAMAGED)
    survey.damaged += damaged
    survey.rows += len(found)
    survey.cursor = found[-1][0] + 1 if len(found) == SLICE_ROWS else None


def conclude(store: Store, survey: Survey) -> Findings:
    """What came out once all rows were seen; now both copies of the key records are looked at."""
    sound: dict[int, int] = {}
    for table in ("key_record", "key_copy"):
        for number, kid, signed, crc in store.db.execute(f"SELECT * FROM {table}"):  # noqa: S608  our own names
            sound[number] = sound.get(number, 0) + (crc is not None and crc == key_crc(kid, signed))
    epochs = store.shelf.epochs.by_number
    return Findings(
        rows=survey.rows,
        damaged=tuple(_name(store, row) for row in survey.damaged),
        key_records=len(sound.keys() | epochs.keys()),
        key_copies=sum(sound.get(number, 0) < 2 for number in sound.keys() | epochs.keys()),  # noqa: PLR2004  two copies
        lost_key_records=sum(not copies for copies in sound.values()),
        is_consistent=is_consistent(store.db),
    )


def _name(store: Store, row: int) -> tuple[bytes, int]:
    epoch = store.shelf.epochs.by_number.get(row >> 32)
    return (epoch.kid if epoch else b""), row & 0xFFFFFFFF
