"""What has to be seen before the watchdog is fed: the loop turns, storage answers, the radio's too.

A hub that hangs looks well from outside: its process is there, its socket listens. So a claim is
not enough, each part has to have done something.
"""

from __future__ import annotations

import asyncio

import structlog

from gateway.links.ble import Central
from uplink.outbox import Outbox

SCANNER_S = 300.0  # its longest turn, with every timeout used up, takes under four minutes

log = structlog.get_logger()


class Liveness:
    """Proves that event loop, outbox and scanner live."""

    def __init__(self, outbox: Outbox, central: Central) -> None:
        self._outbox = outbox
        self._central = central
        self._is_told = False

    async def is_proved(self) -> bool:
        """True once the outbox's thread has answered, if the scanner's loop has turned of late.

        Where that thread hangs it never returns. Raises OutboxDamaged.
        """
        await self._outbox.answer()
        still_s = asyncio.get_running_loop().time() - self._central.turned_at
        if still_s > SCANNER_S and not self._is_told:
            log.error("scanner-hung", seconds=round(still_s), hint="systemd starts the hub anew.")
        self._is_told = still_s > SCANNER_S
        return not self._is_told
