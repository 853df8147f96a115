"""Facts of the running hub in words, for a person."""

from __future__ import annotations

STRENGTHS = ((-60, "strong"), (-75, "good"), (-85, "weak"))


def ago(seconds: int | None) -> str:
    """How long ago something was: "never", "5 s ago", "3 min ago"."""
    return "never" if seconds is None else f"{span(seconds)} ago"


def span(seconds: int) -> str:
    """A time in its largest fitting unit, rounded down: "5 s", "3 min", "26 h", "12 days"."""
    for unit, length_s, most in (("s", 1, 120), ("min", 60, 120), ("h", 3600, 48)):
        if seconds < most * length_s:
            return f"{seconds // length_s} {unit}"
    return f"{seconds // 86400} days"


def yes_no(*, is_so: bool | None) -> str:
    """What is so, as far as it is known."""
    return {True: "yes", False: "no", None: "not known yet"}[is_so]


def strength(rssi: int) -> str:
    """How strong a signal of so many dBm is."""
    return next((word for least, word in STRENGTHS if rssi >= least), "very weak")
