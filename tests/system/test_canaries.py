"""A hundred secrets, planted in a hub that runs and dies in every way: found nowhere."""

import asyncio
import json
import signal
import sqlite3
import sys
from base64 import b64decode
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from random import Random

import pytest

from backend.keys.keygen import make_recipient
from gateway.control.client import ask
from gateway.errors import GatewayError
from gateway.settings import ControlSettings
from simulator import script
from simulator.oximeter import Oximeter
from simulator.stage import Stage
from tests.fakes import canary_driver
from tests.fakes.canaries import Canaries
from uplink.keys import OpeningKey, Signer
from uplink.seal import verify_statement

SPOILT_HUB = Path(__file__).parent.parent / "fakes" / "spoilt_hub.py"
PATIENCE_S = 30
LOOK_S = 0.05
DEATHS = (signal.SIGABRT, signal.SIGSEGV, signal.SIGQUIT, signal.SIGKILL, signal.SIGTERM)
# The settings name a serial device by what is printed on it; what a person typed there stays there.
DEVICE = """
[[devices]]
name = "meter"
driver = "canary"
port = "{port}"
maker = "Canary"
model = "C-1"
serial = "{serial}"
"""
# With a limit of its own a process that dies leaves its core where it stands.
WITH_CORE = 'ulimit -c unlimited; cd "$1"; shift; exec "$@"'


class Home:
    """A stage with one more device, which says what it is told to say."""

    def __init__(self, stage, folder):
        self.stage = stage
        self.random = Random(20261122)
        self.canaries = Canaries()
        self.meter = Oximeter(folder / "ttyUSB0")
        self.cores = folder / "cores"
        self.control = ControlSettings(str(stage.folder / "control.sock"))
        self.settings = ("--settings", str(stage.folder / "gateway.toml"))
        self.said = {}
        self.expected = set()

    def new(self, kind):
        """A canary of this kind, sought from now on."""
        name, random = f"{kind}-{len(self.canaries)}", self.random
        match kind:
            case "value":
                what = Decimal(f"{random.randrange(1000, 9999)}.{random.randrange(10**7, 10**8)}")
                if str(what).endswith("0"):
                    what += Decimal("0.00000001")
            case "frame" | "key":
                what = random.randbytes(20)
            case "passkey":
                return random.randrange(100_000, 1_000_000)
            case _:
                what = f"{kind[:3].upper()}{random.randbytes(6).hex()}"
        self.canaries.plant(name, what)
        return name, what

    def line(self, kind):
        """A line of the device, all of it canaries, and their names."""
        (v, value), (w, word), (f, frame) = map(self.new, ("value", "word", "frame"))
        return {v, w, f}, f"{kind} {value} {word} {frame.hex()}\n".encode()

    async def start(self, *command):
        hub = self.stage.hub
        run = command or (sys.executable, "-m", "gateway", "run", *self.settings)
        hub.command = ["sh", "-c", WITH_CORE, "sh", str(self.cores), *map(str, run)]
        process = await hub.start()
        await self.until(lambda: self.kept() >= 0)
        return process

    def ask(self, do, **facts):
        """The hub's answer, kept; None where none runs."""
        try:
            answer = ask(self.control, do, **facts)
        except GatewayError as error:
            answer = {"error": str(error), "hint": error.hint}
        self.said[f"answer {len(self.said)} {do}"] = json.dumps(answer).encode()
        return answer

    async def until(self, is_done, line=b""):
        """Ask until it is so; a line is said again and again, as a port that opens drops it."""
        async with asyncio.timeout(PATIENCE_S):
            while not is_done():
                if line:
                    self.meter.write(line)
                await asyncio.sleep(LOOK_S)

    def kept(self):
        stats = self.ask("outbox-stats")
        return stats.get("waiting", 0) + stats.get("released", 0) if "error" not in stats else -1

    async def say(self, kind, count=1):
        """The device says so; it is on flash, or the session has ended by it."""
        for _ in range(count):
            names, line = self.line(kind)
            before = self.kept()
            if kind in {"crash", "garbled"}:
                failed = self._failures()
                await self.until(lambda f=failed: self._failures() > f, line)
            else:
                await self.until(lambda b=before: -1 < b < self.kept(), line)
                self.expected |= {n for n in names if kind == "reading" or "frame" in n}

    async def command(self, *words, name=None):
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "gateway", *words, *self.settings),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        said, _ = await process.communicate()
        self.said[name or " ".join(words)] = said

    def _failures(self):
        devices = self.ask("devices").get("devices", [])
        return next((d["failures"] for d in devices if d["name"] == "meter"), -1)


@pytest.fixture
async def home(tmp_path, monkeypatch):
    signal.signal(signal.SIGQUIT, signal.SIG_DFL)  # a shell's background job has it ignored
    canary_driver.install(tmp_path / "site")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "site"))
    (tmp_path / "stage").mkdir(0o700)
    (tmp_path / "cores").mkdir()
    async with Stage(script.load(script.CUFF), tmp_path / "stage") as stage:
        home = Home(stage, tmp_path)
        await stage.install()
        await stage.hub.stop()
        home.meter.plug()
        _, serial = home.new("serial")
        text = DEVICE.format(port=home.meter.port, serial=serial)
        path = stage.folder / "gateway.toml"
        path.write_text(path.read_text() + text)
        yield home
        home.meter.unplug()


def plant_keys(home):
    """The hub's own private keys; those of its epochs are found out at the end."""
    credentials = home.stage.folder / "hub" / "credentials"
    for name in ("hub.sign.key", "hub.tls.key"):
        body = (credentials / name).read_text().split("-----")[2]
        secret = b64decode(body)
        home.canaries.plant(name, secret[-32:] if "sign" in name else secret[36:68])


def plant_data_keys(home):
    """The data key of every epoch, which only the office can tell."""
    folder = home.stage.folder
    opening = OpeningKey.from_text((folder / "keys" / "hpke.key").read_text())
    keys = {}
    with closing(sqlite3.connect(folder / "hub" / "outbox.db")) as outbox:
        signer = _sign_key(folder)
        for number, signed in outbox.execute("SELECT number, signed FROM key_record"):
            record = verify_statement(signed, [signer])
            home.canaries.plant(f"data key {number}", opening.reveal(record))
            keys[number] = opening.open_key(record)
        rows = outbox.execute("SELECT id, sealed FROM record").fetchall()
    return [keys[row >> 32].open(row & 0xFFFFFFFF, sealed) for row, sealed in rows]


def _sign_key(folder):
    return Signer.from_text((folder / "hub/credentials/hub.sign.key").read_text()).public()


async def ask_everything(home):
    """All that can be asked of the hub, and requests that hold what a technician types."""
    for _ in range(4):
        (_, visit), (_, serial), (_, why) = map(home.new, ("visit", "serial", "reason"))
        home.ask("device-add", consent="spoken", visit=visit, serial=serial, name="x", ends="99")
        home.ask("device-remove", name="nobody", why=why)
        home.ask("device-test", name="nobody", visit=visit)
    _, secret = home.new("key")
    home.ask("device-add", passkey=secret.hex())
    home.ask("outbox-requeue", kid=secret.hex())
    for do in ("hello", "status", "devices", "setup-status", "outbox-verify", "log-lines"):
        home.ask(do)
    await home.command("doctor", name="doctor")
    await home.command("status", name="status")


@pytest.mark.long
async def test_what_is_planted_in_a_hub_that_runs_and_dies_lies_nowhere(home, tmp_path):
    folder, canaries = home.stage.folder, home.canaries
    plant_keys(home)
    await home.start()
    await home.say("reading", 14)
    for kind in ("event", "undecodable", "unsealable"):
        await home.say(kind, 2)
    for kind in ("garbled", "crash"):
        await home.say(kind)
    home.ask("setup-open")
    await ask_everything(home)
    make_recipient(tmp_path / "support")
    out = tmp_path / "bundle"
    to = ("--out", str(out), "--to", str(tmp_path / "support" / "recipient.pub"), "--yes")
    await home.command("support-bundle", *to, name="bundle")
    assert out.exists(), home.said["bundle"]

    for death in DEATHS:
        home.stage.hub.process.send_signal(death)
        code = await home.stage.hub.process.wait()
        assert code == (0 if death is signal.SIGTERM else -death)
        await home.start()
        await home.say("reading")
    home.stage.hub.process.kill()
    await home.stage.hub.process.wait()
    spoilt = await home.start(sys.executable, SPOILT_HUB, home.settings[1], "committed")
    async with asyncio.timeout(PATIENCE_S):
        while spoilt.returncode is None:
            home.meter.write(home.line("reading")[1])
            await asyncio.sleep(LOOK_S)
    assert spoilt.returncode == 1
    assert b"Input/output error" in (folder / "hub.log").read_bytes()

    opened = plant_data_keys(home)
    assert len(canaries) >= 100
    state = [path for path in (folder / "hub").rglob("*") if path.is_file()]
    credentials = folder / "hub" / "credentials"
    outside = {credentials, folder / "keys"}
    files = {
        str(path.relative_to(folder)): path.read_bytes()
        for path in [*state, folder / "hub.log", folder / "journal.jsonl", *home.cores.iterdir()]
        if path.parent not in outside
    }
    assert {"hub/outbox.db", "hub.log", "journal.jsonl"} <= files.keys()
    assert list(home.cores.iterdir()) == []
    assert canaries.found(files) == {}
    assert canaries.found({**home.said, "sealed": out.read_bytes()}) == {}

    # Where they are, they are found: in what the office opens, and each in any form.
    assert home.expected
    assert canaries.found_in(b"\n".join(opened)) >= home.expected
    for name in ("hub.sign.key", "hub.tls.key"):
        secret = (credentials / name).read_bytes()
        assert canaries.found_in(secret.replace(b"\n", b"")) == {name}
    assert "serial-0" in canaries.found_in((folder / "gateway.toml").read_bytes())
