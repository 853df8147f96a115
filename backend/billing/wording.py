"""A verdict in plain words: of every code whether and why, of every reading left out why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from backend.billing.policy import Policy
from backend.billing.reasons import WORDS
from backend.billing.verdict import Code, Flag, Verdict


def tell(verdict: Verdict) -> Iterator[str]:
    """Line by line; what another reading of an unsettled rule would give comes last."""
    if verdict.period:
        number, first, last, zone = verdict.period
        yield f"period {number}: {first} to {last}, {zone}"
    else:
        yield "no period: no reading counts"
    yield f"qualifying days: {len(verdict.days)}"
    if verdict.month:
        yield f"management in {verdict.month.first:%Y-%m}: {verdict.management_minutes} minutes"
    for code in verdict.codes:
        yield _tell_code(code)
    for reason, count in sorted(Counter(why for _, why in verdict.excluded).items()):
        yield f"{count} not counted, {reason}: {WORDS[reason]}"
    yield f"policy: {tell_policy(verdict.policy)}"
    for name, digest in sorted(verdict.rule_sets.items()):
        yield f"rule set: {name} sha256 {digest}"
    for flag in verdict.flags:
        yield _tell_flag(flag)


def tell_policy(policy: Policy) -> str:
    """The switches and their values."""
    return " ".join(f"{name}={value}" for name, value in policy.settings.items())


def _tell_code(code: Code) -> str:
    if code.reason:
        return f"{code.code}  blocked, {code.reason}: {WORDS[code.reason]} ({code.row})"
    warning = f" {code.warning}" if code.warning else ""
    units = "1 unit" if code.units == 1 else f"{code.units} units"
    return f"{code.code}  billable, {units}, date of service {code.dos} ({code.row}).{warning}"


def _tell_flag(flag: Flag) -> str:
    codes = ", ".join(f"{units} x {code}" for code, units, _ in flag.billable) or "no code"
    return (
        f"unsettled, {', '.join(flag.ambiguities)}: with {flag.switch}={flag.value} it would be "
        f"{flag.qualifying_days} qualifying days, {codes}"
    )
