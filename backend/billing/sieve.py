"""Whether a single reading counts: the reasons of 1g in their order, each with its test.

It is dated where the patient lived (R-DAY-2). Whether the device was the patient's, and the patient
at home, is asked of the date of measuring, also where the date of receipt is what counts (AMB-3).
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import NamedTuple

from backend.billing.facts import Device, Facts, Reading
from backend.billing.policy import Policy
from backend.billing.reasons import Exclusion

FUTURE = timedelta(seconds=300)
_NO_DEVICE = Device(is_defined=False)

# The date of an instant; none in the seam between two periods.
DateOf = Callable[[datetime], date | None]


class Sieve(NamedTuple):
    """What a reading is held against; `is_late` is whether its claim was locked before it came."""

    facts: Facts
    policy: Policy
    kinds: frozenset[str]
    start: date | None
    as_of: datetime
    date_of: DateOf
    is_late: Callable[[Reading], bool] = lambda _: False

    def judge(self, reading: Reading) -> date | Exclusion:
        """The date that it counts on, or the first reason why it does not."""
        for reason, applies in _BEFORE_DATING:
            if applies(self, reading):
                return reason
        measured = _measured(reading)
        days = {self.date_of(end) for end in set(measured)}
        if len(days) > 1:
            return Exclusion.STRADDLES_MIDNIGHT
        day = days.pop()
        for reason, forbids in _ON_ITS_DATE:
            if day is not None and forbids(self, reading, day):
                return reason
        if self.policy.count_by == "received" and reading.received and day is not None:
            day = self.date_of(reading.received)
        return Exclusion.BETWEEN_PERIODS if day is None else day

    def device(self, reading: Reading) -> Device:
        """The reading's device; one that does not qualify where none is on file."""
        return self.facts.devices.get(reading.device, _NO_DEVICE)


def _is_no_measurement(sieve: Sieve, reading: Reading) -> bool:
    says, policy = reading.says, sieve.policy
    return not (
        says == "measurement"
        or (says == "alert" and policy.alert_days == "counted")
        or (says == "adherence" and policy.missed_doses == "counted")
    )


def _is_not_captured(sieve: Sieve, reading: Reading) -> bool:
    is_typed = reading.is_manual and sieve.facts.program == "RTM"
    needs_sensor = sieve.policy.self_report == "sensor"
    return not sieve.device(reading).is_device_captured or (is_typed and needs_sensor)


def _is_not_qualified(sieve: Sieve, reading: Reading) -> bool:
    device = sieve.device(reading)
    is_not_cleared = sieve.policy.device == "cleared" and device.is_cleared is False
    return not device.is_defined or is_not_cleared


def _is_not_here(sieve: Sieve, reading: Reading) -> bool:
    return reading.received is None or reading.received > sieve.as_of


def _has_no_time(_: Sieve, reading: Reading) -> bool:
    is_known = reading.clock == "known" and reading.measured is not None
    return not is_known and not reading.is_live


def _measured(reading: Reading) -> tuple[datetime, datetime]:
    """When it was measured; a live reading of a faulty clock when it was received."""
    assert reading.received is not None
    if reading.clock == "known" and reading.measured:
        return reading.measured
    return reading.received, reading.received


def belonging(reading: Reading, policy: Policy) -> datetime | None:
    """The instant that says of which claim it is: a faulty clock's own time, unless live."""
    is_timed = reading.clock == "known" and reading.measured is not None
    if policy.count_by == "received" or (reading.is_live and not is_timed):
        return reading.received
    return reading.measured[0] if reading.measured else None


def _is_future(_: Sieve, reading: Reading) -> bool:
    assert reading.received is not None
    return _measured(reading)[0] - reading.received > FUTURE


def _is_before_start(sieve: Sieve, _: Reading, day: date) -> bool:
    return sieve.start is not None and day < sieve.start


def _is_not_assigned(sieve: Sieve, reading: Reading, day: date) -> bool:
    return not any(span.has(day) for span in sieve.device(reading).assigned)


def _is_after_revocation(sieve: Sieve, _: Reading, day: date) -> bool:
    consent = sieve.facts.consent
    return consent is not None and consent.revoked is not None and day >= consent.revoked


def _is_in_hospital(sieve: Sieve, _: Reading, day: date) -> bool:
    return sieve.policy.hospital_days == "excluded" and any(
        (stay.first is None or stay.first < day) and (stay.last is None or day < stay.last)
        for stay in sieve.facts.stays
    )


_BEFORE_DATING: tuple[tuple[Exclusion, Callable[[Sieve, Reading], bool]], ...] = (
    (Exclusion.NOT_A_MEASUREMENT, _is_no_measurement),  # R-DAY-6
    (Exclusion.INVALID_READING, lambda _, reading: not reading.is_valid),
    (Exclusion.NOT_DEVICE_CAPTURED, _is_not_captured),  # R-DAY-5
    (Exclusion.DEVICE_NOT_QUALIFIED, _is_not_qualified),  # R-DEV-FDA
    (Exclusion.UNATTRIBUTED, lambda _, reading: not reading.is_attributed),
    (
        Exclusion.MANUAL_ENTRY_RPM,  # R-DAY-4
        lambda sieve, reading: reading.is_manual and sieve.facts.program == "RPM",
    ),
    (Exclusion.DATA_TYPE_MISMATCH, lambda sieve, reading: reading.kind not in sieve.kinds),  # 1d
    (Exclusion.NO_OFFSET, lambda _, reading: reading.clock == "no-zone"),
    (Exclusion.NOT_RECEIVED_YET, _is_not_here),  # R-DAY-3
    (Exclusion.LATE_AFTER_LOCK, lambda sieve, reading: sieve.is_late(reading)),  # R-DAY-3
    (Exclusion.CLOCK_FAULT, _has_no_time),
    (Exclusion.FUTURE_TIMESTAMP, _is_future),
)
_ON_ITS_DATE: tuple[tuple[Exclusion, Callable[[Sieve, Reading, date], bool]], ...] = (
    (Exclusion.NOT_ASSIGNED, _is_not_assigned),
    (Exclusion.BEFORE_START, _is_before_start),  # R-PER-1
    (Exclusion.AFTER_REVOCATION, _is_after_revocation),  # R-CONS
    (Exclusion.INPATIENT, _is_in_hospital),  # R-INP
)
