"""The peer in every row: one JSON message per reading, QoS 1, over the same TLS, with paho-mqtt.

    python -m benchmarks.json_peer PORT CREDENTIALS COUNT WINDOW STORE

It publishes as the hub's own certificate. WINDOW messages wait for their PUBACK at a time. STORE
"sqlite" keeps each reading in a file, flushed, before it is sent and deletes it behind its PUBACK,
as a gateway must that is to survive a power cut; "none" keeps nothing. Prints one JSON object with
its CPU seconds and the bytes that it had written.
"""

from __future__ import annotations

import json
import sqlite3
import ssl
import sys
import time
from pathlib import Path
from queue import SimpleQueue

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from benchmarks import readings
from benchmarks.site import HUB

TOPIC = f"vitalpost/v1/{HUB}/records"


class Kept:
    """A queue in SQLite, as it is when nothing is set: a rollback journal, flushed each time."""

    def __init__(self, path: Path) -> None:
        self._db = sqlite3.connect(path, isolation_level=None)
        self._db.execute("CREATE TABLE queue (id INTEGER PRIMARY KEY, message BLOB)")

    def add(self, number: int, message: bytes) -> None:
        """Keep it, flushed."""
        self._db.execute("INSERT INTO queue VALUES (?, ?)", (number, message))

    def remove(self, number: int) -> None:
        """Let go of it."""
        self._db.execute("DELETE FROM queue WHERE id = ?", (number,))


def connect(port: int, credentials: Path, window: int = 20) -> tuple[Client, SimpleQueue[int]]:
    """A client that is connected, and the message ids that the broker acknowledges."""
    acknowledged: SimpleQueue[int] = SimpleQueue()
    connected: SimpleQueue[bool] = SimpleQueue()
    client = Client(CallbackAPIVersion.VERSION2, HUB, protocol=MQTTProtocolVersion.MQTTv5)
    context = ssl.create_default_context(cafile=credentials / "broker.ca.crt")
    context.load_cert_chain(credentials / "hub.tls.crt", credentials / "hub.tls.key")
    client.tls_set_context(context)
    client.max_inflight_messages_set(window)
    client.on_connect = lambda *_: connected.put(True)
    client.on_publish = lambda _c, _u, mid, _r, _p: acknowledged.put(mid)
    client.connect("127.0.0.1", port)
    client.loop_start()
    connected.get(timeout=30)
    return client, acknowledged


def main(port: str, credentials: str, count: str, window: str, store: str) -> None:
    """Publish and say what it took."""
    client, acknowledged = connect(int(port), Path(credentials), int(window))
    kept = Kept(Path(credentials) / "peer.db") if store == "sqlite" else None
    began, cpu = time.monotonic(), time.process_time()
    under_way: dict[int, int] = {}

    def settle() -> None:
        number = under_way.pop(acknowledged.get(timeout=120))
        if kept:
            kept.remove(number)

    for number in range(1, int(count) + 1):
        message = readings.as_json(number, HUB)
        if kept:
            kept.add(number, message)
        if len(under_way) == int(window):
            settle()
        under_way[client.publish(TOPIC, message, 1).mid] = number
    while under_way:
        settle()
    took = {"elapsed_s": time.monotonic() - began, "cpu_s": time.process_time() - cpu}
    client.disconnect()
    client.loop_stop()
    written = Path("/proc/self/io").read_text().partition("write_bytes: ")[2].split()[0]
    print(json.dumps({**took, "written_bytes": int(written)}))


if __name__ == "__main__":
    main(*sys.argv[1:])
