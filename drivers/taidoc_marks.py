"""How far the memory of a TaiDoc meter has been fetched, user by user.

The newest record has index 0, so indices move, and a full memory keeps its count. What was fetched
last is known again by the two newest records: 16 bits of digest each, which tell nothing of them.
A memory of one record is fetched again: it is counted once all the same.
"""

from __future__ import annotations

from binascii import crc_hqx
from collections.abc import Sequence

PAIR = 2


def digest(record: bytes) -> int:
    """16 bits of a record."""
    return crc_hqx(record, 0xFFFF)


class Marks:
    """Reads and writes the bookmark: `1:3f02:99a1 2:…`."""

    def __init__(self, bookmark: str) -> None:
        self._before = bookmark
        self._marks: dict[int, tuple[int, int]] = {}
        for word in bookmark.split():
            user, newest, next_ = word.split(":")
            self._marks[int(user)] = (int(newest, 16), int(next_, 16))

    def end_at(self, user: int, digests: Sequence[int]) -> bool:
        """Whether the last two records read are those that were the newest ones before."""
        return len(digests) >= PAIR and self._marks.get(user) == tuple(digests[-PAIR:])

    def note(self, user: int, digests: Sequence[int]) -> None:
        """Remember what is newest now, from the digests of a user's records as they were read."""
        self._marks.pop(user, None)
        if len(digests) >= PAIR:
            self._marks[user] = (digests[0], digests[1])

    def changed(self) -> str:
        """The bookmark, if it has become another one."""
        words = (f"{user}:{pair[0]:04x}:{pair[1]:04x}" for user, pair in self._marks.items())
        after = " ".join(sorted(words))
        return "" if after == self._before else after
