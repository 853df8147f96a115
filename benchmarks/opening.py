"""How fast the office opens records, on one core and before its database."""

from __future__ import annotations

import json
import time
from pathlib import Path

from benchmarks import readings
from benchmarks.claim import Claim
from benchmarks.site import HUB, START
from uplink.keys import OpeningKey, Signer
from uplink.records import decode, encode
from uplink.seal import open_epoch, verify_key_record

READINGS = 20_000


async def measure(_folder: Path) -> list[Claim]:
    """Verify the key record, open and decode; against parsing JSON that nobody sealed."""
    signer, opening_key = Signer.generate(), OpeningKey.generate()
    epoch, key_record = open_epoch(HUB, signer, opening_key.public(), START)
    sealed = [
        epoch.seal(encode(readings.record(number, 1), START)) for number in range(1, READINGS + 1)
    ]
    plain = [readings.as_json(number, HUB) for number in range(1, READINGS + 1)]
    began = time.process_time()
    key = opening_key.open_key(verify_key_record(key_record, signer.public()))
    for sequence, each in sealed:
        decode(key.open(sequence, each), START)
    ours_s = time.process_time() - began
    began = time.process_time()
    for each in plain:
        json.loads(each)
    peer_s = time.process_time() - began
    what = "office, opening records, per core before the database; JSON in the clear"
    rates = READINGS / ours_s, 25_000, False, READINGS / peer_s
    return [Claim("opening", what, "readings/s", *rates)]
