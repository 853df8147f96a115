"""Which reading of each unsettled rule is in force.

The table names a practice's switches; a verdict names the values it was judged under. The other
ambiguities (AMB-…) have no switch, for nobody may bill by the laxer reading: they are judged only
to say what it would change.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Literal, NamedTuple, get_args, get_type_hints

import msgspec

from backend.errors import PolicyRefused


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """One value for every switch; the first of each is the default."""

    # What `--policy` sets.
    day: Literal["home", "utc", "event_offset"] = "home"
    anchor: Literal["first_reading", "setup"] = "first_reading"
    count_by: Literal["measured", "received"] = "measured"
    setup_min_2026: Literal["by_programme", "2", "16"] = "by_programme"
    span: Literal["hold", "dos"] = "hold"
    # What is only judged to say what it would change.
    billed_when: Literal["closed", "reached"] = "closed"
    before_consent: Literal["excluded", "counted"] = "excluded"
    management_by: Literal["one", "several"] = "one"
    beside_99091: Literal["none", "99457"] = "none"
    adherence: Literal["no_supply_code", "resp", "msk", "cbt"] = "no_supply_code"
    staff_time: Literal["clock", "sum"] = "clock"
    live_contact: Literal["voice", "any"] = "voice"
    alert_days: Literal["excluded", "counted"] = "excluded"
    hospital_days: Literal["excluded", "counted"] = "excluded"
    overlap: Literal["elected", "separate"] = "elected"
    self_report: Literal["software", "sensor"] = "software"
    payer: Literal["hold", "bill"] = "hold"
    no_data: Literal["hold", "bill"] = "hold"
    month_zone: Literal["practice", "patient"] = "practice"
    device: Literal["defined", "cleared"] = "defined"
    missed_doses: Literal["excluded", "counted"] = "excluded"

    @property
    def settings(self) -> dict[str, str]:
        """The value of each switch that can be set."""
        return {name: getattr(self, name) for name in SETTABLE}


AMBIGUITIES: dict[str, tuple[str, ...]] = {
    "day": ("AMB-1",),
    "anchor": ("AMB-2",),
    "count_by": ("AMB-3",),
    "setup_min_2026": ("AMB-4", "AMB-22"),
    "span": ("AMB-5",),
    "billed_when": ("AMB-6",),
    "before_consent": ("AMB-7",),
    "management_by": ("AMB-8",),
    "beside_99091": ("AMB-9",),
    "adherence": ("AMB-10",),
    "staff_time": ("AMB-11",),
    "live_contact": ("AMB-12",),
    "alert_days": ("AMB-13",),
    "hospital_days": ("AMB-14",),
    "overlap": ("AMB-15",),
    "self_report": ("AMB-16",),
    "payer": ("AMB-17",),
    "no_data": ("AMB-18",),
    "month_zone": ("AMB-19",),
    "device": ("AMB-20",),
    "missed_doses": ("AMB-21",),
}
SETTABLE = ("day", "anchor", "count_by", "setup_min_2026", "span")
CHOICES: dict[str, tuple[str, ...]] = {
    name: get_args(kind) for name, kind in get_type_hints(Policy).items()
}
DEFAULT = Policy()


class Alternative(NamedTuple):
    """The same policy but for one switch."""

    name: str
    value: str
    policy: Policy


def parse_policy(words: Iterable[str]) -> Policy:
    """The policy that `NAME=VALUE` words set. Raises PolicyRefused, which lists what can be set."""
    chosen: dict[str, str] = {}
    for word in words:
        name, _, value = word.partition("=")
        if name not in SETTABLE:
            raise PolicyRefused(f"no switch {name!r}", choices())
        if value not in CHOICES[name]:
            raise PolicyRefused(f"{name} has no value {value!r}", choices())
        if chosen.setdefault(name, value) != value:
            raise PolicyRefused(f"{name} is set to {chosen[name]} and to {value}", choices())
    return msgspec.convert(chosen, Policy)


def choices() -> str:
    """Every switch that can be set, with its values, the default first."""
    return "; ".join(f"{name}={'|'.join(CHOICES[name])}" for name in SETTABLE)


def alternatives(policy: Policy) -> Iterator[Alternative]:
    """Every policy that differs in one switch."""
    for name, values in CHOICES.items():
        for value in values:
            if value != getattr(policy, name):
                yield Alternative(name, value, msgspec.structs.replace(policy, **{name: value}))
