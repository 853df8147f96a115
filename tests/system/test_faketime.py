"""The daemon itself under libfaketime: only what its clock shows is wrong, all else is real."""

import asyncio
import os
import sys
import time
from contextlib import suppress
from datetime import date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec
import pytest

from backend import tables
from backend.enrolment.enroll import Monitoring, answer, enter_hub, enter_monitoring, read
from backend.enrolment.renewal import Renewal
from backend.intake.messages import Intake
from backend.keys.folder import load_authority, load_opening_keys
from backend.keys.keygen import make_keys
from backend.ledger import Ledger
from backend.patients.days import load_calendar
from backend.proving.verify import Verifier
from backend.reading_names import ReadingNames
from drivers.contec_cms50 import ContecCms50
from gateway.control.client import ask
from gateway.identity.provision import install_answer, make_request
from gateway.settings import ControlSettings
from gateway.timekeeping.floor import Floor
from simulator.oximeter import Oximeter
from tests.fakes.broker import MosquittoBroker
from uplink.mqtt import Broker, Connection
from uplink.tls import tls_context

FAKETIME = next(iter(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1")), None)
DATED_HUB = Path(__file__).parents[1] / "fakes" / "dated_hub.py"
PATIENCE_S = 120
YEAR_S = 365.25 * 86_400
ZONE = ZoneInfo("America/New_York")
IDENTITY = ("Contec", "CMS50D+", "1")
SETTINGS = """
[hub]
id = "hub-1"
site_zone = "America/New_York"
state = "{folder}/state"
credentials = "{folder}/credentials"
[broker]
host = "127.0.0.1"
port = {port}
[control]
socket = "{folder}/control.sock"
[[devices]]
name = "oximeter"
driver = "contec-cms50"
port = "{oximeter}"
maker = "Contec"
model = "CMS50D+"
serial = "1"
"""


def now_ms():
    return time.time_ns() // 1_000_000


class Home:
    """An office in true time, a broker, and a hub whose clock shows what the test writes."""

    def __init__(self, folder):
        assert FAKETIME, "these tests need libfaketime: apt-get install faketime"
        self.folder = folder
        self.keys = folder / "keys"
        make_keys(self.keys, "127.0.0.1")
        self.certificate, self.revoked = self.keys / "ca.crt", self.keys / "ca.crl"
        self.broker = MosquittoBroker(folder / "broker", self)
        self.ledger = Ledger(folder / "ledger.db", ReadingNames.of(self.keys), create=True)
        self.oximeter = Oximeter(folder / "ttyUSB0")
        self.shows = folder / "shows"
        self.kernel = folder / "kernel"
        self.stretches = 0
        self._enroll()
        text = SETTINGS.format(folder=folder, port=self.broker.port, oximeter=self.oximeter.port)
        (folder / "gateway.toml").write_text(text)

    def issue(self, name):
        return self.keys / f"{name}.crt", self.keys / f"{name}.key"

    def show(self, offset_s, quality=0):
        """Step the hub's clock so far from what is true; the kernel calls it that good."""
        # Whole files, for the hub reads them at any moment.
        for file, text in ((self.shows, f"{offset_s:+.0f}"), (self.kernel, str(quality))):
            new = file.with_suffix(".new")
            new.write_text(text)
            new.rename(file)

    async def start(self):
        environment = {
            **os.environ,
            "LD_PRELOAD": str(FAKETIME),
            "FAKETIME_TIMESTAMP_FILE": str(self.shows),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "NO_FAKE_STAT": "1",  # or every process would find all that is compiled out of date
            "DBUS_SYSTEM_BUS_ADDRESS": f"unix:path={self.folder}/no-bus",
        }
        with (self.folder / "log").open("a") as said:
            self.hub = await asyncio.create_subprocess_exec(
                *(sys.executable, DATED_HUB, self.folder / "gateway.toml", self.kernel),
                env=environment,
                stdout=said,
                stderr=said,
            )

    async def open_office(self):
        intake = Intake(
            self.ledger,
            load_opening_keys(self.keys),
            None,
            "vitalpost",
            now_ms,
            renewal=Renewal(self.keys),
        )

        def hear(message):
            reply = intake.take(message.topic, message.payload)
            for said in filter(None, (reply.signed, reply.answer)):
                link.publish("vitalpost/v1/hub-1/receipts", said)

        tls = tls_context(self.certificate, *self.issue("backend"))
        link = await Connection.open(Broker("127.0.0.1", self.broker.port, "backend", tls), hear)
        await link.subscribe("vitalpost/v1/+/records")
        return link

    async def measure(self):
        """A finger in the oximeter, until the office has what came of it."""
        self.stretches += 1
        while self.count_readings() < self.stretches:
            self.oximeter.beat(90)
            self.oximeter.has_finger = False
            self.oximeter.beat(2)
            self.oximeter.has_finger = True
            await asyncio.sleep(0.2)
        self.stretches = self.count_readings()

    async def status(self, is_so):
        while True:
            with suppress(Exception):
                control = ControlSettings(str(self.folder / "control.sock"))
                found = await asyncio.to_thread(ask, control, "status")
                if is_so(found):
                    return found
            await asyncio.sleep(0.2)

    def count_readings(self):
        with self.ledger.reading() as connection:
            return len(connection.execute(tables.reading.select()).all())

    def judge(self):
        """The days that count, with what is held; everything that came is verified first."""
        with self.ledger.reading() as connection:
            keys = load_opening_keys(self.keys)
            drivers = {ContecCms50.info.id: ContecCms50()}
            assert Verifier(connection, keys, drivers).verify().problems == []
            calendar = load_calendar(connection, "patient-1", None)
        return {day.date for day in calendar.days if day.is_counted}, calendar.held

    async def close(self):
        if self.hub.returncode is None:
            self.hub.terminate()
        await self.hub.wait()
        self.broker.kill()
        self.oximeter.unplug()
        self.ledger.close()

    def _enroll(self):
        credentials = self.folder / "credentials"
        request = read(msgspec.json.encode(make_request(credentials, "hub-1")))
        authority = load_authority(self.keys)
        since = date.today() - timedelta(days=30)  # noqa: DTZ011  any day long before
        begun = Monitoring("patient-1", ZONE.key, IDENTITY, None, since)
        with self.ledger.writing() as connection:
            certificate = enter_hub(connection, authority, request, now_ms())
            enter_monitoring(connection, begun, now_ms())
        answered = answer(self.keys, request, certificate, now_ms())
        install_answer(credentials, "hub-1", msgspec.json.encode(answered))


@pytest.fixture
async def home(tmp_path):
    home = Home(tmp_path)
    home.broker.start()
    home.oximeter.plug()
    yield home
    await home.close()


@pytest.mark.long
async def test_whatever_the_clock_shows_the_hub_connects_and_no_day_is_wrong(home):
    days = {datetime.now(ZONE).date()}
    async with asyncio.timeout(PATIENCE_S):
        office = await home.open_office()
        home.show(60 - time.time())  # 1970
        await home.start()
        await home.measure()
        for years in (10, -10, 34):  # and in 2060 the connection is made anew
            home.show(years * YEAR_S)
            await home.measure()
        home.broker.stop()
        await office.lost
        home.broker.start()
        office = await home.open_office()
        await home.measure()
        found = await home.status(lambda found: found["uplink"]["connected"])
        assert found["clock"]["source"] == "office"
        assert found["clock"]["quality"] == 0
        home.show(0, quality=4)  # at last
        await home.measure()
        home.show(10 * YEAR_S)  # by hand: the kernel calls it unsynchronised
        await home.measure()
        home.hub.terminate()
        assert await home.hub.wait() == 0
    days.add(datetime.now(ZONE).date())
    counted, held = home.judge()
    assert counted <= days
    assert counted or len(days) == 2
    assert len(held) in (0, home.stretches)


async def test_a_broker_whose_certificate_ended_before_the_floor_is_refused_in_1970(home):
    (home.folder / "state").mkdir()
    floor = Floor(home.folder / "state")
    floor.note(now_ms() + round(20 * YEAR_S * 1000), is_fresh=True)
    floor.save()
    home.show(60 - time.time())
    async with asyncio.timeout(PATIENCE_S):
        await home.start()
        found = await home.status(lambda found: found["uplink"]["trouble"])
    assert "certificates hold from" in found["uplink"]["trouble"]
