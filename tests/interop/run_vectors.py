"""Runs the Python consumer over docs/vectors; prints what it made of them. Knows nothing of ours.

`python run_vectors.py CONSUMER VECTORS FOLDER`
"""

import json
import sys
from base64 import b64encode
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

consumer, vectors, folder = map(Path, sys.argv[1:])
sys.path.insert(0, str(consumer))

from cryptography.exceptions import InvalidTag  # noqa: E402
from cryptography.hazmat.primitives.serialization import load_pem_private_key  # noqa: E402
from keep import Office  # noqa: E402  the path comes first
from measured import find_date  # noqa: E402
from seals import load_opening_key, open_epoch, sign, unseal, verify  # noqa: E402


def load(name):
    return json.loads((vectors / f"{name}.json").read_text())


def as_shown(time):
    if time is None:
        return None
    return int(datetime.fromisoformat(time).replace(tzinfo=UTC).timestamp()) * 1000


def stamp_of(told):
    return (("hub-1", told["boot"]), *(told[name] for name in STAMP))


def judge(case):
    sightings = [
        (stamp_of(s), as_shown(s["device_time"]), s["origin"] == 1) for s in case["sightings"]
    ]
    clocks = [
        (
            stamp_of(c),
            None if c["asked_ms"] is None else c["boottime_ms"] - c["asked_ms"],
            as_shown(c["device_time"]),
            c["is_set"],
        )
        for c in case["clock_facts"]
    ]
    anchors = [stamp_of(a) for a in case["anchors"]]
    found = find_date(sightings, clocks, anchors, ZoneInfo(case["zone"]), case["enrolled_ms"])
    return found and found.isoformat()


STAMP = ("boottime_ms", "utc_ms", "quality")
keys = load("keys")
files = {one["suite"]: one["file"] for one in keys["backend"]}
publics = {one["hub"]: bytes.fromhex(one["public"]) for one in keys["hubs"]}
receipt_key = load_pem_private_key(keys["receipt"]["file"].encode(), None)
requests = [
    json.dumps({"hub": name, "sign_key": b64encode(public).decode()})
    for name, public in publics.items()
    if name != "stranger"
]

exchanges = {}
for name, exchange in load("exchanges").items():
    place = folder / f"{len(exchanges)}"
    place.mkdir(parents=True)
    (place / "hpke.key").write_text(files[exchange["suite"]])
    (place / "receipt.key").write_text(keys["receipt"]["file"])
    exchanges[name] = []
    for step in exchange["steps"]:
        # Opened anew for each message: what the receipt says must be on disk.
        office = Office(place, requests)
        receipt = office.take(step["topic"].split("/")[2], bytes.fromhex(step["payload"]))
        office.db.close()
        exchanges[name].append(receipt and receipt.hex())

opened, epochs = {}, {}
for one in load("key-records"):
    suite = f"{one['says']['suite']:#06x}"
    says = verify(publics[one["says"]["hub"]], bytes.fromhex(one["bytes"]))
    try:
        epochs[one["name"]] = open_epoch(*load_opening_key(files[suite]), says)
    except InvalidTag:
        opened[one["name"]] = False
    else:
        opened[one["name"]] = True

print(
    json.dumps(
        {
            "exchanges": exchanges,
            "times": {case["name"]: judge(case) for case in load("times")},
            "key_records": opened,
            "records": {
                one["name"]: unseal(
                    epochs[one["epoch"]], one["sequence"], bytes.fromhex(one["sealed"])
                ).hex()
                for one in load("records")
            },
            "receipts": {
                one["name"]: sign(receipt_key, bytes.fromhex(one["payload"])).hex()
                for one in load("receipts")
            },
        }
    )
)
