"""Keeps what hubs send, sealed as it came, and says in a receipt what is on disk."""

import json
import sqlite3
import sys
import time
from base64 import b64decode
from functools import cache

import cbor2
from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from seals import load_opening_key, open_epoch, sign, unseal, verify

KEY_RECORD, CHECKPOINT, GONE = 1, 3, 4
AMISS = (InvalidSignature, InvalidTag, cbor2.CBORError, ValueError, TypeError, KeyError)
TABLES = """PRAGMA synchronous = FULL;
CREATE TABLE IF NOT EXISTS statement (data BLOB PRIMARY KEY, hub, mark, kid, last);
CREATE TABLE IF NOT EXISTS record (hub, kid, sequence, sealed, PRIMARY KEY (hub, kid, sequence));"""
FIND_KEY_RECORD = "SELECT data FROM statement WHERE hub = ? AND kid = ? AND mark = 1 ORDER BY rowid"
FIND_RECORD = "SELECT sealed FROM record WHERE hub = ? AND kid = ? AND sequence = ?"
FIND_LAST = "SELECT max(last) FROM statement WHERE hub = ? AND kid = ? AND mark = 3"


class Office:
    """Keys and a database. A request tells a hub's Ed25519 public key."""

    def __init__(self, keys, requests):
        opening_key = load_opening_key((keys / "hpke.key").read_text())
        self.receipt_key = load_pem_private_key((keys / "receipt.key").read_bytes(), None)
        self.hubs = {one["hub"]: b64decode(one["sign_key"]) for one in map(json.loads, requests)}
        self.open = cache(lambda hub, data: open_epoch(*opening_key, verify(self.hubs[hub], data)))
        self.db = sqlite3.connect(keys / "consumed.db")
        self.db.executescript(TABLES)

    def take(self, hub, payload):
        """Keep one message in one transaction; return its receipt, None where none is due."""
        said = {4: {}, 5: [], 6: [], 8: {}}  # stored, refused, unknown, checked
        try:
            with self.db:
                items = cbor2.loads(payload)
                for data in (item for item in items if isinstance(item, bytes)):
                    self.take_statement(hub, data, said)
                for run in (item for item in items if isinstance(item, list)):
                    self.take_run(hub, *run, said)
        except AMISS:
            return None  # no hub of ours, or no message of this format: rolled back
        said = {key: value for key, value in said.items() if value}
        receipt = {0: 2, 1: 1, 2: hub, 3: time.time_ns() // 1_000_000} | said
        return sign(self.receipt_key, cbor2.dumps(receipt)) if said else None

    def take_statement(self, hub, data, said):
        public = self.hubs[hub]
        try:
            says = verify(public, data)
            if (says[1], says[2]) != (1, hub) or says[0] not in (KEY_RECORD, CHECKPOINT, GONE):
                return  # of another hub, or of a later version
            if says[0] == KEY_RECORD:
                self.open(hub, data)
            kid, last = (None, None) if says[0] == GONE else (says[3], says[4])
            row = (data, hub, says[0], kid, last)
            self.db.execute("INSERT OR IGNORE INTO statement VALUES (?, ?, ?, ?, ?)", row)
        except AMISS as fault:
            print(f"{hub}: a statement is left out: {fault!r}", file=sys.stderr)
        else:
            if says[0] == CHECKPOINT:
                said[8][kid] = self.db.execute(FIND_LAST, (hub, kid)).fetchone()[0]

    def take_run(self, hub, kid, first, sealed, said):
        if len(kid) != 16 or not sealed or not 1 <= first <= 2**32 - len(sealed):
            raise ValueError("no run")
        key_record = self.db.execute(FIND_KEY_RECORD, (hub, kid)).fetchone()
        if key_record is None:
            said[6] += [kid] * (kid not in said[6])
            return
        epoch = self.open(hub, *key_record)
        for name, data in (((hub, kid, n), data) for n, data in enumerate(sealed, first)):
            known = self.db.execute(FIND_RECORD, name).fetchone()
            if known and known[0] != data:
                said[5].append([*name[1:], "conflict"])
            elif known is None and unseal(epoch, name[2], data) is None:
                said[5].append([*name[1:], "unopenable"])
            else:
                self.db.execute("INSERT OR IGNORE INTO record VALUES (?, ?, ?, ?)", (*name, data))
                said[4].setdefault(kid, []).append([name[2], name[2]])
