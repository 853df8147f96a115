"""The last lines of the log, in memory: with the facts that may be shown to support and no other.

A fact that stands in no list here is not kept. Texts that come from outside, as what the broker
or the office gave as a reason, stand in none.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping, MutableMapping
from typing import Any, NamedTuple

LINES = 200
LONGEST_FACT = 80

OF_A_DEVICE = ("device", "error", "at")
NAME_ALONE = (
    *("broker-not-reached", "broker-reached", "data-count-lost", "hub-stopping", "light-back"),
    *("modem-well", "no-subscriber", "office-answer-ignored", "office-answer-not-kept"),
    *("office-answer-refused", "office-answer-taken", "office-answer-unusable"),
    *("office-not-reached", "office-reached", "publish-accepted", "radio-link-stale"),
    *("radio-silent", "radio-stuck", "settings-refused", "storage-has-room"),
)
FACTS: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(NAME_ALONE, ()),
    "bond-lost": OF_A_DEVICE,
    "clock-source": ("source", "quality"),
    "clock-word-refused": ("source",),
    "data-budget": ("used", "budget_mb"),
    "data-count-not-kept": ("error",),
    "device-add-asked": ("uid",),
    "device-away": OF_A_DEVICE,
    "device-back": ("device",),
    "device-floods": OF_A_DEVICE,
    "device-held": OF_A_DEVICE,
    "device-job-ended": ("event_of_error",),
    "device-mismatch": OF_A_DEVICE,
    "device-refuses": OF_A_DEVICE,
    "device-removed": ("device", "uid"),
    "error-left-over": ("what", "at"),
    "hub-ready": ("devices", "waiting"),
    "job-crashed": ("error",),
    "light-away": ("error",),
    "memory-lost": ("error",),
    "modem-recovery": ("rung", "trouble"),
    "modem-recovery-failed": ("rung", "error"),
    "modem-trouble": ("what",),
    "network-order-refused": ("error",),
    "network-time-unknown": ("error",),
    "outbox-full": (*OF_A_DEVICE, "room"),
    "outbox-upgraded": ("found", "version"),
    "pairing-refused": OF_A_DEVICE,
    "pairing-rejected": ("asked",),
    "port-unusable": OF_A_DEVICE,
    "publish-refused": ("reason_code",),
    "quarantine-requeued": ("uid", "rows"),
    "radio-away": ("error",),
    "radio-back": ("after", "rung"),
    "radio-busy": OF_A_DEVICE,
    "radio-mending": ("symptom", "rung"),
    "radio-needs-help": ("symptom",),
    "radio-rung-failed": ("rung", "error"),
    "receipt-ignored": ("what",),
    "record-refused": ("sequence",),
    "records-gone": ("epochs", "records"),
    "request-crashed": ("error",),
    "scanner-hung": ("seconds",),
    "session-crashed": OF_A_DEVICE,
    "session-ended": ("device", "readings", "empty"),
    "settings-changed": ("devices_before", "devices"),
    "settings-not-kept": ("error",),
    "setup-closed": ("uid",),
    "setup-opened": ("uid",),
    "storage-loss": ("what", "amount"),
    "storage-nearly-full": ("room",),
    "time-floor-lost": ("error",),
    "time-floor-not-kept": ("error",),
}
"""Of each event of the log what is kept of it beside its name. `device` is a name that people
gave: it is hashed before it leaves the hub."""


class Line(NamedTuple):
    """One line, and when it was said, by the clock of the ring."""

    at_s: float
    level: str
    event: str
    facts: Mapping[str, object]


class LogRing:
    """Keeps the newest lines; a processor of structlog that changes nothing."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._lines: deque[Line] = deque(maxlen=LINES)

    def __call__(
        self, _logger: object, level: str, told: MutableMapping[str, Any]
    ) -> MutableMapping[str, Any]:
        """Keep what may be kept of a line."""
        event = str(told.get("event"))
        facts = {name: told[name] for name in FACTS.get(event, ()) if _may_stay(told.get(name))}
        self._lines.append(Line(self._now(), level, event[:LONGEST_FACT], facts))
        return told

    def tell(self) -> list[dict[str, object]]:
        """The lines, oldest first, each with how many seconds ago it was said."""
        now = self._now()
        return [
            {"ago_s": round(now - at_s), "level": level, "event": event, **facts}
            for at_s, level, event, facts in self._lines
        ]


def _may_stay(fact: object) -> bool:
    return isinstance(fact, int | float) or (isinstance(fact, str) and len(fact) <= LONGEST_FACT)


RECENT = LogRing()
"""Of this process, as structlog's own set-up is."""
