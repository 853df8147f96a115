"""The time as the mobile network tells it, for a hub that has no other.

Source: ModemManager 1.20, Modem.Time.GetNetworkTime: ISO 8601 with the offset from UTC where it is
known; 3GPP TS 22.042: its accuracy is of the order of minutes
"""

from __future__ import annotations

from datetime import UTC, datetime

from gateway.clock import Clock
from gateway.network.bus import SystemBus
from gateway.network.modem import TIME, Modem
from gateway.network.remedies import MODEMS
from gateway.timekeeping.sources import MODEM, Believe

ERROR_MS = 120_000


async def tell(bus: SystemBus, modem: Modem, clock: Clock, believe: Believe) -> bool:
    """Ask the modem and call `believe(utc_ms, boottime_ms, error_ms, source)`; what that answers.

    False where the modem does not know. Raises NotAnswered.
    """
    asked_ms = clock.boottime_ns() // 1_000_000
    [told] = await bus.ask(MODEMS, modem.path, TIME, "GetNetworkTime", answer="s")
    answered_ms = clock.boottime_ns() // 1_000_000
    utc_ms = parse(told)
    error_ms = ERROR_MS + answered_ms - asked_ms
    return utc_ms is not None and believe(utc_ms, answered_ms, error_ms, MODEM)


def parse(told: str) -> int | None:
    """Milliseconds since 1970; None where no time is told, or local time without its offset."""
    try:
        local = datetime.fromisoformat(told)
        return None if local.tzinfo is None else round(local.astimezone(UTC).timestamp() * 1000)
    except (ValueError, OverflowError):
        return None
