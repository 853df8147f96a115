"""A process that keeps readings on flash and lets them go: FILE alone | grouped | peer.

Prints how many bytes the kernel had to write for each (`/proc/self/io`).
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from benchmarks import readings
from benchmarks.json_peer import Kept
from benchmarks.site import HUB, START
from uplink.keys import X25519, OpeningKey, Signer
from uplink.outbox import Outbox
from uplink.records import encode
from uplink.seal import open_epoch

READINGS = 1_200
GROUPS = {"alone": 1, "grouped": 60}


async def keep(path: Path, group: int) -> None:
    """The life of an outbox whose receipts come at once."""
    outbox = await Outbox.open(path, quota_bytes=1 << 28)
    key = OpeningKey.generate(X25519).public()
    epoch, key_record = open_epoch(HUB, Signer.generate(), key, START)
    await outbox.begin_epoch(epoch.kid, key_record)
    for first in range(1, READINGS + 1, group):
        records = [readings.record(number, 1) for number in range(first, first + group)]
        rows = [epoch.seal(encode(record, START)) for record in records]
        await outbox.append(epoch.kid, rows)
        now_ms = START.utc_ms + 1_000 * first
        await outbox.release({epoch.kid: [(rows[0][0], rows[-1][0])]}, now_ms)
    await outbox.close()


def keep_json(path: Path) -> None:
    """The peer's: in, sent, out."""
    kept = Kept(path)
    for number in range(1, READINGS + 1):
        kept.add(number, readings.as_json(number, HUB))
        kept.remove(number)


def written_bytes() -> int:
    """Bytes that this process caused to be written."""
    return int(Path("/proc/self/io").read_text().partition("\nwrite_bytes: ")[2].split()[0])


def main(path: str, how: str) -> None:
    """Keep them."""
    before = written_bytes()
    if how in GROUPS:
        asyncio.run(keep(Path(path), GROUPS[how]))
    else:
        keep_json(Path(path))
    print(round((written_bytes() - before) / READINGS))


if __name__ == "__main__":
    main(*sys.argv[1:])
