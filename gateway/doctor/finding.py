"""What a check has found: a mark, a sentence and what to do.

Sentences are constants with gaps. What comes from outside stands in the gaps only: so a support
bundle can tell the sentence and hash the rest.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import NamedTuple


class Mark(StrEnum):
    """How it stands."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


class Term(str):
    """A word of ours or of a standard: it may be shown to support as it is."""

    __slots__ = ()


class Finding(NamedTuple):
    """`what` was found and the `hint`, with gaps for `words`."""

    mark: Mark
    what: str
    hint: str
    words: tuple[object, ...]

    def tell(self, show: Callable[[str], str] = str) -> tuple[str, str]:
        """Sentence and hint; `show` makes of each word from outside what may be shown of it."""
        words = [word if _is_open(word) else show(str(word)) for word in self.words]
        return self.what.format(*words), self.hint.format(*words)


class NotSeen(Exception):
    """A check could not look, for this reason; the check is a warning."""

    def __init__(self, why: str, hint: str) -> None:
        super().__init__(why)
        self.why = why
        self.hint = hint


def ok(what: str, *words: object) -> Finding:
    """All is well."""
    return Finding(Mark.OK, what, "", words)


def warn(what: str, hint: str, *words: object) -> Finding:
    """The hub works, and somebody should look at it."""
    return Finding(Mark.WARN, what, hint, words)


def fail(what: str, hint: str, *words: object) -> Finding:
    """The hub does not do its work, or soon will not."""
    return Finding(Mark.FAIL, what, hint, words)


def _is_open(word: object) -> bool:
    return isinstance(word, Term | int | float)
