"""What the hub states of its own outbox, and signs: how far an epoch goes, and what is gone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from uplink.checkpoints import Signed
from uplink.epochs import Reach
from uplink.statements import Checkpoint, Ending, Gone, Statement
from uplink.wire import Ranges

MOST_RANGES = 1000  # in one statement: the rest is wanted again


@dataclass(frozen=True, slots=True)
class Witness:
    """The hub by its id, what signs for it, and the time as it believes it, in ms since 1970."""

    hub: str
    sign: Callable[[Statement], bytes]
    utc_ms: Callable[[], int]

    def check(self, reach: Reach, ending: Ending) -> Signed:
        """A checkpoint of an epoch that goes so far."""
        kid, last, chain, previous = reach
        point = Checkpoint(self.hub, kid, last, ending, self.utc_ms(), chain, previous)
        return Signed(last, self.sign(point))

    def say_gone(self, ranges: Mapping[bytes, Ranges]) -> bytes:
        """The signed statement that these are not on the hub any more."""
        said: dict[bytes, Ranges] = {}
        room = MOST_RANGES
        for kid, of in ranges.items():
            if room:
                said[kid] = of[:room]
                room -= len(said[kid])
        return self.sign(Gone(self.hub, self.utc_ms(), said))
