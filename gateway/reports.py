"""What a part of the hub can say of itself: facts for whoever looks, problems for whoever helps."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple, Protocol

Facts = Mapping[str, Any]


class Problem(NamedTuple):
    """What is amiss in a sentence, and what to do; `needs_help`: the hub cannot heal it itself."""

    what: str
    hint: str
    needs_help: bool = False


class Reporter(Protocol):
    """A part that has a place of its own in the status."""

    @property
    def name(self) -> str:
        """Its key there, such as "radio"."""

    def facts(self) -> Facts:
        """How it stands: no values, serials, addresses."""

    def problems(self) -> Iterable[Problem]:
        """What is amiss at this moment."""
