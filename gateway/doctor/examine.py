"""Every check is made at once, each for as long as it may take; the round trip comes last."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from threading import Thread
from typing import NamedTuple

from gateway.doctor.finding import Finding, NotSeen, Term, fail, warn
from gateway.doctor.site import AS_HUB, Site
from gateway.errors import GatewayError
from uplink.errors import UplinkError

REPORT = "Report it with `vitalpost version`."


class Check(NamedTuple):
    """One question; `look` is asked in a thread of its own and may raise NotSeen."""

    name: str
    look: Callable[[Site], Finding]
    limit_s: float = 5.0


class Result(NamedTuple):
    """What came out of a check."""

    name: str
    finding: Finding


class _Looking(Thread):
    """A check under way. A daemon: what hangs in the kernel keeps nobody from going home."""

    def __init__(self, check: Check, site: Site) -> None:
        super().__init__(name=check.name, daemon=True)
        self._check = check
        self._site = site
        self._ends_at = time.monotonic() + check.limit_s
        self._finding: Finding | None = None
        self.start()

    def run(self) -> None:
        """Look; whatever happens is a finding."""
        try:
            self._finding = self._check.look(self._site)
        except NotSeen as unseen:
            self._finding = warn("not looked at: {0}", unseen.hint, Term(unseen.why))
        except (GatewayError, UplinkError) as error:
            self._finding = fail("{0}", "{1}", error, error.hint)
        except PermissionError:
            self._finding = warn("not looked at: you have no right to", AS_HUB)
        except Exception as error:  # noqa: BLE001  the edge of a check: none stops the others
            kind = Term(type(error).__name__)
            self._finding = fail("the check itself failed: {0}", REPORT, kind)

    def result(self) -> Result:
        """What came out within the limit."""
        self.join(max(0.0, self._ends_at - time.monotonic()))
        late = fail("no answer within {0:g} s", REPORT, self._check.limit_s)
        return Result(self._check.name, self._finding or late)


def examine(site: Site, checks: Sequence[Check], last: Sequence[Check] = ()) -> list[Result]:
    """What came of each, in their order; `last` are made one by one, after all others."""
    looking = [_Looking(check, site) for check in checks]
    results = [each.result() for each in looking]
    return results + [_Looking(check, site).result() for check in last]
