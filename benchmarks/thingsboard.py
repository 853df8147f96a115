"""The ThingsBoard gateway (PyPI, in an environment of its own) on the same machine and broker.

It is fed by its own MQTT connector, one reading after another, and keeps them in its SQLite
storage. Its link to the server is in the clear, as it speaks no TLS 1.3: so its bytes are without.
"""

from __future__ import annotations

import asyncio
import getpass
import json
import os
import time
from collections.abc import Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, NamedTuple, Self

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from benchmarks import readings
from benchmarks.drain import cpu_seconds
from benchmarks.idle import resident_kb
from benchmarks.link import Link
from benchmarks.site import HUB
from simulator.processes import Program, written_bytes
from simulator.stage import free_port, mosquitto

ENVIRONMENT = Path(__file__).parents[1] / "build" / "thingsboard"
READINGS = 500
ALONE = 20
UP_S = 60
LOST_OF = 450
SILENT_S = 30
ARRIVE_S = 60
BROKER = """\
listener {port} 127.0.0.1
allow_anonymous true
max_queued_messages 0
user {user}
"""
ASKED, ANSWERED = (f"v1/devices/me/rpc/{which}/" for which in ("request", "response"))
NO_LIMIT = "0:0,"
LIMITS = ("rateLimits", "dpRateLimits", "messagesRateLimits", "deviceMessagesRateLimits")
MORE_LIMITS = ("deviceRateLimits", "deviceDpRateLimits")


async def measure(folder: Path) -> Mapping[str, float]:
    """Its figures by the keys of the claims."""
    if not ENVIRONMENT.exists():
        raise RuntimeError("its environment is missing: `make bench` makes it")
    async with Peer(folder) as peer:
        await peer.is_up()
        memory_kb = resident_kb(peer.pid)
        alone = await _feed(peer, range(1, ALONE + 1), every_s=1.0)
        backlog = await _feed(peer, range(1_001, 1_001 + READINGS))
        lost, twice = await _lose(peer)
    return {
        "memory": memory_kb / 1e3,
        "flash": alone.written_bytes / ALONE / 1e3,
        "flash-grouped": backlog.written_bytes / READINGS / 1e3,
        "bytes": backlog.bytes_up / READINGS,
        "drain": READINGS / backlog.elapsed_s,
        "cpu": 1e4 * backlog.cpu_s / READINGS,
        "lost": lost,
        "twice": twice,
    }


class Fed(NamedTuple):
    """What so many readings cost it."""

    elapsed_s: float
    cpu_s: float
    written_bytes: int
    bytes_up: int


async def _feed(peer: Peer, numbers: range, every_s: float = 0.0) -> Fed:
    cpu_s, written = cpu_seconds(peer.pid), written_bytes(peer.pid)
    bytes_up, began = peer.link.traffic().up, time.monotonic()
    for number in numbers:
        peer.publish(number)
        await asyncio.sleep(every_s)
    came = await peer.arrive(len(numbers), ARRIVE_S)
    if len(came) < len(numbers):
        raise RuntimeError(f"{len(came)} of {len(numbers)} readings came through it")
    return Fed(
        time.monotonic() - began,
        cpu_seconds(peer.pid) - cpu_s,
        written_bytes(peer.pid) - written,
        peer.link.traffic().up - bytes_up,
    )


async def _lose(peer: Peer) -> tuple[int, int]:
    """Lost and doubled of the readings that come while its link is silently dead."""
    peer.link.is_silent = True
    for number in range(10_001, 10_001 + LOST_OF):
        peer.publish(number)
        await asyncio.sleep(SILENT_S / LOST_OF)
    peer.link.heal()
    came = await peer.arrive(LOST_OF, ARRIVE_S)
    return LOST_OF - len(set(came)), len(came) - len(set(came))


class Peer:
    """Broker, gateway, and what arrives at the server's topics."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.link = Link(self.port)
        self.arrived: SimpleQueue[int] = SimpleQueue()
        self.broker = Program("broker", [mosquitto(), "-c", f"{folder}/broker.conf"], folder)
        # It writes logs where it stands.
        gateway = ["env", "-C", str(folder), str(ENVIRONMENT / "bin" / "thingsboard-gateway")]
        self.gateway = Program("gateway", gateway, folder)
        self.client = Client(CallbackAPIVersion.VERSION2)
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        self.folder.mkdir()
        await self._stack.enter_async_context(self.link)
        for part in (self.broker, self.gateway):
            self._stack.push_async_callback(part.stop)
        user = getpass.getuser()
        (self.folder / "broker.conf").write_text(BROKER.format(port=self.port, user=user))
        self._write_settings()
        await self.broker.start()
        await asyncio.sleep(1)
        self.client.on_message = self._on_message
        self.client.connect("127.0.0.1", self.port)
        self.client.subscribe([("v1/gateway/telemetry", 1), (f"{ASKED}+", 1)])
        self.client.loop_start()
        os.environ["TB_GW_CONFIG_DIR"] = str(self.folder / "config")
        await self.gateway.start()
        return self

    async def __aexit__(self, *exc: object) -> None:
        self.client.disconnect()
        self.client.loop_stop()
        await self._stack.aclose()

    @property
    def pid(self) -> int:
        """Of the gateway."""
        assert self.gateway.process is not None
        return self.gateway.process.pid

    async def is_up(self) -> None:
        """Wait until something comes through it. Raises RuntimeError."""
        for _ in range(UP_S):
            self.publish(0)
            if await self.arrive(1, 1.0):
                await self.arrive(UP_S, 3.0)
                return
        raise RuntimeError(f"it did not come up:\n{self.gateway.log.read_text()[-500:]}")

    def publish(self, number: int) -> None:
        """A reading for its connector."""
        message = json.loads(readings.as_json(number, HUB))
        facts = {name: value for name, value, _ in message["observations"]}
        # A time of its own: what comes in one millisecond is one entry to this gateway.
        facts |= {"sequence": number, "ts": readings.FIRST_MS + number}
        self.client.publish("home/cuff", json.dumps(facts), 1)

    async def arrive(self, count: int, within_s: float) -> list[int]:
        """The readings that came, once there are so many or the time is over."""
        came: list[int] = []
        deadline = time.monotonic() + within_s
        while len(set(came)) < count and time.monotonic() < deadline:
            try:
                came.append(self.arrived.get_nowait())
            except Empty:
                await asyncio.sleep(0.01)
        return came

    def _on_message(self, client: Client, _data: Any, message: Any) -> None:
        if message.topic.startswith(ASKED):
            # What a ThingsBoard server answers that sets no limit; without it nothing is sent.
            answer = {"maxInflightMessages": 100, "rateLimits": {}, "gatewayRateLimits": {}}
            client.publish(ANSWERED + message.topic.removeprefix(ASKED), json.dumps(answer), 1)
            return
        for entries in json.loads(message.payload).values():
            for entry in entries:
                values = entry.get("values", entry)
                if "sequence" in values:
                    self.arrived.put(int(values["sequence"]))

    def _write_settings(self) -> None:
        config = self.folder / "config"
        config.mkdir()
        (self.folder / "logs").mkdir()
        server = {
            "host": "127.0.0.1",
            "port": self.link.port,
            "remoteConfiguration": False,
            "statistics": {"enable": False},
            "security": {"accessToken": "peer"},
            "qos": 1,
            "maxPayloadSizeBytes": 8196,  # as shipped, from here
            "minPackSendDelayMS": 50,
            "minPackSizeToSend": 500,
            "reportStrategy": {"type": "ON_RECEIVED"},
            **dict.fromkeys((*LIMITS, *MORE_LIMITS), NO_LIMIT),
        }
        storage = {
            "type": "sqlite",
            "data_file_path": f"{self.folder}/",
            "read_records_count": 100,
            "max_read_records_count": 100,
            "max_records_per_file": 10_000,
            "max_records_count": 100_000,
        }
        connector = {"name": "home", "type": "mqtt", "configuration": "mqtt.json"}
        names = ("sequence", *(name for _, name, _ in readings.METRICS))
        converter = {
            "type": "json",
            "deviceInfo": {
                "deviceNameExpressionSource": "constant",
                "deviceNameExpression": "cuff",
                "deviceProfileExpressionSource": "constant",
                "deviceProfileExpression": "default",
            },
            "timeout": 60_000,
            "attributes": [],
            "timeseries": [
                {"type": "integer", "key": n, "value": f"${{{n}}}", "tsField": "ts"} for n in names
            ],
        }
        source = {
            "broker": {
                "host": "127.0.0.1",
                "port": self.port,
                "clientId": "home",
                "version": 5,
                "security": {"type": "anonymous"},
            },
            "mapping": [{"topicFilter": "home/cuff", "subscriptionQos": 1, "converter": converter}],
        }
        files = {
            "tb_gateway.json": {
                "thingsboard": server,
                "storage": storage,
                "connectors": [connector],
            },
            "mqtt.json": source,
            "logs.json": {
                "version": 1,
                "handlers": {"console": {"class": "logging.StreamHandler"}},
                "root": {"level": "DEBUG", "handlers": ["console"]},
            },
        }
        for name, text in files.items():
            (config / name).write_text(json.dumps(text))
