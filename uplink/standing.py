"""How the hub stands with broker and office. Each change is logged once."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Mapping
from functools import partial

import structlog

from uplink.errors import BrokerRefused, BrokerUnreachable
from uplink.mqtt import REFUSED
from uplink.wire import Ranges

NO_SUBSCRIBER = 0x10  # MQTT 5.0, 3.4.2.1: taken, and nobody there to have it

GONE_HINT = "The office is told; was this hub's card replaced or restored from an image?"
REFUSED_HINT = "The record is kept on the hub; report the reason to whoever runs the backend."

log = structlog.get_logger()


class Standing:
    """What the daemon and the status message say of the uplink.

    `counts` has published, publish-refused, no-subscriber, receipts, released, refused, wanted
    (records that wait again) and gone; and by name what came in as a receipt and was ignored:
    malformed, forged, retained, foreign, never-assigned, and wanted-before where that receipt is
    not the newest.
    """

    def __init__(self, silence_s: float, on_change: Callable[[], None]) -> None:
        self.counts: Counter[str] = Counter()
        self.is_connected = False
        self.is_office_silent = False
        self.refusal: BrokerRefused | None = None
        self.trouble: BrokerUnreachable | BrokerRefused | None = None
        self.last_receipt_ms: int | None = None
        self._receipt_at: float | None = None
        self._silence_s = silence_s
        self._silence: asyncio.TimerHandle | None = None
        self._on_change = on_change
        self._trouble_code: int | None = None
        self._answer_code = 0

    def connected(self) -> None:
        """The broker has taken this hub."""
        self.is_connected = True
        self.trouble = self._trouble_code = None
        log.info("broker-reached")

    def disconnected(self, trouble: BrokerUnreachable | BrokerRefused) -> None:
        """The connection ended, or none came about."""
        self.is_connected = False
        self.trouble = trouble
        code = trouble.reason_code if isinstance(trouble, BrokerRefused) else 0
        if code != self._trouble_code:
            self._trouble_code = code
            log.warning("broker-not-reached", fault=str(trouble), hint=trouble.hint)

    def published(self, acknowledged: asyncio.Future[int]) -> None:
        """The broker has answered a publish, or the connection ended before."""
        if acknowledged.cancelled():
            return
        code = acknowledged.result()
        refusal = BrokerRefused(code, "publish") if code >= REFUSED else None
        self.counts["publish-refused"] += bool(refusal)
        self.counts["no-subscriber"] += code == NO_SUBSCRIBER
        if code == self._answer_code:
            return
        self._answer_code = code
        self.refusal = refusal
        if refusal:
            log.error("publish-refused", reason_code=code, hint=refusal.hint)
        elif code == NO_SUBSCRIBER:
            log.warning("no-subscriber", hint="Start the backend, or look at its access rules.")
        else:
            log.info("publish-accepted")
        self._on_change()

    def receipted(self, utc_ms: int) -> None:
        """The office has sent a valid receipt."""
        self.counts["receipts"] += 1
        self.last_receipt_ms = utc_ms
        self._receipt_at = time.monotonic()
        self._note_office(is_silent=False)

    @property
    def last_receipt_s(self) -> int | None:
        """How long ago it came: its own time is the office's, and the hub's may be anything."""
        return None if self._receipt_at is None else round(time.monotonic() - self._receipt_at)

    def ignored(self, what: str, count: int = 1) -> None:
        """Something came in as a receipt and is none."""
        if not self.counts[what]:
            log.warning("receipt-ignored", what=what)
        self.counts[what] += count

    def refused(self, kid: bytes, sequence: int, reason: str) -> None:
        """The office never accepts a record; it is in quarantine."""
        self.counts["refused"] += 1
        log.error(
            "record-refused", kid=kid.hex(), sequence=sequence, reason=reason, hint=REFUSED_HINT
        )

    def gone(self, ranges: Mapping[bytes, Ranges]) -> None:
        """The office wants what this hub does not have any more."""
        rows = sum(last - first + 1 for of in ranges.values() for first, last in of)
        if not self.counts["gone"]:
            log.error("records-gone", epochs=len(ranges), records=rows, hint=GONE_HINT)
        self.counts["gone"] += rows

    def await_receipt(self, *, is_owed: bool) -> None:
        """Count from now how long the office stays silent, if it owes a receipt."""
        if self._silence:
            self._silence.cancel()
        silent = partial(self._note_office, is_silent=True)
        loop = asyncio.get_running_loop()
        self._silence = loop.call_later(self._silence_s, silent) if is_owed else None

    @property
    def is_awaiting(self) -> bool:
        """Whether a silence is counted, or has been said."""
        return self._silence is not None

    def _note_office(self, *, is_silent: bool) -> None:
        if is_silent == self.is_office_silent:
            return
        self.is_office_silent = is_silent
        if is_silent:
            log.warning("office-not-reached", hint="Readings are kept; nothing to do in the home.")
        else:
            log.info("office-reached")
        self._on_change()
