"""What of a device's memory is left out when it is met first: what was stored before it was ours.

A returned meter holds a former patient's history. A stored reading is left out where every
reckoning that there is (its date as it stands, and corrected by the device's clock as read in the
session) puts it more than a day before enrolment. What has no date, what one reckoning puts later,
and what comes while one of the clocks is not known, is recorded: the backend judges.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import NamedTuple

from gateway.clock import Moment

MARGIN = timedelta(days=1)


class Since(NamedTuple):
    """The moment of enrolment, and whether the hub has been running since that boot."""

    moment: Moment
    is_of_this_boot: bool

    def site_time(self, now: Moment, local: datetime | None) -> datetime | None:
        """Naive time of enrolment at the site, where it is `local` now; None where nobody knows."""
        then = self.moment
        if local is None:
            return None
        if self.is_of_this_boot:
            return local - timedelta(milliseconds=now.boottime_ms - then.boottime_ms)
        if then.quality and now.quality:
            return local - timedelta(milliseconds=now.utc_ms - then.utc_ms)
        return None


class ClockSeen(NamedTuple):
    """A device's clock as read, and naive time at the site then; None where one is not known."""

    device_time: datetime | None
    site_time: datetime | None


def predates(measured: datetime | None, enrolled: datetime | None, clock: ClockSeen | None) -> bool:
    """Whether a stored reading is surely older than enrolment; times are naive, at the site.

    `clock` is None where the device's clock was not read in the session.
    """
    if measured is None or enrolled is None or enrolled - measured <= MARGIN:
        return False
    if clock is None:
        return True
    if clock.device_time is None or clock.site_time is None:
        return False
    # As differences, which are defined for any two times that a device may claim.
    return (enrolled - measured) - (clock.site_time - clock.device_time) > MARGIN
