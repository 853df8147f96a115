"""An office with a real ledger, and hubs that seal by hand: no outbox, no network."""

import re
from datetime import UTC, date, datetime

from sqlalchemy import func, insert, select, text

from backend import tables
from backend.completeness.hubs import load_facts
from backend.completeness.rule import judge_hub
from backend.dating.judging import load_judgements
from backend.enrolment.enroll import Monitoring, enter_monitoring
from backend.intake.messages import Intake
from backend.ledger import Ledger
from backend.patients.days import load_calendar
from backend.proving.verify import Verifier
from backend.reading_names import ReadingNames
from drivers.blood_pressure import BloodPressure, decode
from drivers.contec_cms50 import ContecCms50
from drivers.dispenser_serial import DispenserSerial
from drivers.taidoc_serial import TaiDocSerial
from uplink.keys import X25519, OpeningKey, Signer
from uplink.records import (
    ClockRecord,
    DeviceRecord,
    EpochStart,
    EventRecord,
    ObservationFact,
    ReadingRecord,
    Stamp,
    encode,
)
from uplink.seal import open_epoch, sign_statement
from uplink.statements import (
    CHAIN_START,
    Checkpoint,
    Ending,
    Gone,
    Previous,
    extend_chain,
)
from uplink.wire import Run, encode_message

PREFIX = "vitalpost"
CUFF = ("A&D Medical", "UA-651BLE", "5181100123")
PATIENT = "patient-1"
ZONE = "America/New_York"
SECOND, MINUTE, HOUR, DAY = 1_000, 60_000, 3_600_000, 86_400_000
DRIVERS = {
    driver.info.id: driver
    for driver in (BloodPressure(), ContecCms50(), DispenserSerial(), TaiDocSerial())
}
KEY = OpeningKey.generate(X25519)
RECEIPT_KEY = Signer.generate()


def utc(*parts):
    return int(datetime(*parts, tzinfo=UTC).timestamp() * 1000)


def naive(ms):
    return datetime.fromtimestamp(ms // 1000, UTC).replace(tzinfo=None)


START = utc(2026, 3, 1)


def frame(device_time=None, systolic=120):
    """A 0x2A35 value in mm[Hg] with pulse 60; without a device time it never differs."""
    pressures = b"".join(v.to_bytes(2, "little") for v in (systolic, 80, 93))
    if device_time is None:
        return b"\x04" + pressures + b"\x3c\x00"
    t = device_time
    at = t.year.to_bytes(2, "little") + bytes([t.month, t.day, t.hour, t.minute, t.second])
    return b"\x06" + pressures + at + b"\x3c\x00"


def failed_frame(device_time):
    nothing = b"\xff\x07"
    return b"\x06" + nothing * 3 + frame(device_time)[7:14] + nothing


def ledger_at(path, *, create=False):
    """The ledger there, of the office's key."""
    return Ledger(path, ReadingNames(lambda: [KEY]), create=create)


class Office:
    """What stands behind the broker; time is `now_ms`."""

    def __init__(self, folder):
        self.now_ms = START + 60 * DAY
        self.path = folder / "ledger.db"
        self.ledger = ledger_at(self.path, create=True)
        self.intake = self.make_intake()

    def make_intake(self):
        keys = {KEY.public().id: KEY}
        return Intake(self.ledger, keys, RECEIPT_KEY, PREFIX, lambda: self.now_ms)

    def enroll(self, name="hub-1", **options):
        """A hub that the ledger knows, and its cuff on a patient from the first of March."""
        hub = SealingHub(name, **options)
        row = {"id": name, "sign_key": hub.signer.public(), "certificate": "", "enrolled_ms": START}
        with self.ledger.writing() as connection:
            connection.execute(insert(tables.hub).values(row))
        return hub

    def assign(self, patient=PATIENT, zone=ZONE, slot=None, since=None, identity=CUFF, **options):
        """Give the cuff, or another device, to a patient."""
        begun = Monitoring(patient, zone, identity, slot, since or date(2026, 3, 1))
        with self.ledger.writing() as connection:
            enter_monitoring(connection, begun, self.now_ms, **options)

    def take(self, hub, *items, topic=None):
        """The reply to one message of these items."""
        payload = encode_message(items)
        return self.intake.take(topic or f"{PREFIX}/v1/{hub.name}/records", payload)

    def take_all(self, hub):
        """The reply to one message of all that the hub's epoch holds."""
        return self.take(hub, hub.key_record, hub.run())

    def count(self, table):
        with self.ledger.reading() as connection:
            return connection.scalar(select(func.count()).select_from(table))

    def incidents(self):
        with self.ledger.reading() as connection:
            rows = connection.execute(select(tables.incident.c.what, tables.incident.c.count))
            return dict(rows.all())

    def judgements(self):
        """What holds for each reading."""
        with self.ledger.reading() as connection:
            found = load_judgements(connection, select(tables.reading.c.id))
        return {number: judgement for number, (_, judgement) in found.items()}

    def causes(self):
        """Of all judgements, in the order of each reading."""
        with self.ledger.reading() as connection:
            rows = select(tables.judgement.c.cause).order_by(tables.judgement.c.n)
            return connection.scalars(rows).all()

    def calendar(self, patient=PATIENT, month=None):
        with self.ledger.reading() as connection:
            return load_calendar(connection, patient, month)

    def completeness(self, hub, **options):
        """How complete the ledger is of the hub."""
        with self.ledger.reading() as connection:
            return judge_hub(load_facts(connection, hub.name, **options))

    def state(self, hub):
        return str(self.completeness(hub).state)

    def states(self, hub):
        """Of each epoch, in the order in which it was heard of."""
        return {epoch.kid: str(epoch.state) for epoch in self.completeness(hub).epochs}

    def gaps(self, hub):
        found = self.completeness(hub).gaps
        return [(kid, first, last, str(fate)) for kid, first, last, fate in found]

    def verify(self):
        with self.ledger.reading() as connection:
            return Verifier(connection, {KEY.public().id: KEY}, DRIVERS).verify()

    def limit_pages(self, pages):
        """Let the file grow to this many pages, or not at all."""
        with self.ledger.reading() as connection:
            connection.exec_driver_sql(f"PRAGMA max_page_count = {max(1, pages)}")

    def dump(self):
        """Everything that is in the ledger."""
        with self.ledger.reading() as connection:
            return {
                table: sorted(map(repr, connection.execute(text(f"SELECT * FROM {table}"))))
                for table in tables.metadata.tables
                if re.fullmatch(r"version|hub|incident", table) is None
            }


class SealingHub:
    """Seals records at chosen instants into the epoch that `begin` opened."""

    def __init__(self, name, boot=bytes(16), booted_ms=START - DAY):
        self.name = name
        self.signer = Signer.generate()
        self.boot = boot
        self.booted_ms = booted_ms
        self.quality = 5
        self.epoch = None
        self.sealed = []

    def begin(self, at_ms, previous=None):
        """Open an epoch; `previous` says how it knows the one before."""
        start = EpochStart(
            self.boot, at_ms - self.booted_ms, self._utc(at_ms), self.quality, "vitalpost 0.1.0"
        )
        self._start_ms = at_ms
        self.previous = previous
        self.epoch, self.key_record = open_epoch(
            self.name, self.signer, KEY.public(), start, previous
        )
        self.sealed = []
        return self

    def begin_next(self, at_ms, *, clean=True):
        return self.begin(at_ms, Previous(self.epoch.kid, self.epoch.last_sequence, clean))

    def run(self, first=1, last=None):
        """Records `first` to `last`, as they travel."""
        return Run(self.epoch.kid, first, tuple(self.sealed[first - 1 : last]))

    def checkpoint(self, ending=Ending.OPEN, last=None, *, chained=True, chain=None):
        """What the hub signs of how far its epoch goes."""
        last = self.epoch.last_sequence if last is None else last
        if chained and chain is None:
            chain = extend_chain(CHAIN_START, self.sealed[:last])
        before = self.previous.kid if self.previous else None
        of = Checkpoint(self.name, self.epoch.kid, last, ending, self._utc(START), chain, before)
        return sign_statement(of, self.signer)

    def close(self):
        """Its closing checkpoint."""
        return self.checkpoint(Ending.CLOSED)

    def gone(self, ranges):
        """What the hub answers to what was wanted."""
        return sign_statement(Gone(self.name, self._utc(START), ranges), self.signer)

    def seal(self, plaintext):
        sequence, sealed = self.epoch.seal(plaintext)
        self.sealed.append(sealed)
        return sequence

    def record(self, record):
        return self.seal(encode(record, self.epoch.start))

    def anchors(self, count, at_ms=START):
        """That many records of a few bytes."""
        for _ in range(count):
            self.anchor(at_ms)
        return self

    def describe(self, at_ms, identity=CUFF, number=0, driver="sig-blood-pressure"):
        """The device record."""
        name = "A&D_UA-651BLE_123456"
        return self.record(
            DeviceRecord(self._stamp(at_ms), number, driver, "1.0", identity, "ble", name)
        )

    def measure(self, at_ms, data, *, live=True, number=0):
        """The record of a frame received at this instant."""
        reading = decode(data, "A&D_UA-651BLE_123456")
        stamp, raw = self._stamp(at_ms), (("2A35", data),)
        if reading.failed:
            failed = EventRecord(
                stamp, "measurement-failed", number, raw, reading.attributes, reading.device_time
            )
            return self.record(failed)
        seen = tuple(
            ObservationFact(int(o.metric), o.value, str(o.unit)) for o in reading.observations
        )
        return self.record(
            ReadingRecord(
                stamp,
                number,
                raw,
                seen,
                device_time=reading.device_time,
                record_number=reading.record_number,
                origin=1 if live else 2,
                link=2,
                status=reading.status,
                attributes=reading.attributes,
            )
        )

    def clock(self, at_ms, device_time, *, is_set=False, number=0):
        """The device's clock, read or set."""
        stamp = self._stamp(at_ms)
        name = "clock-set" if is_set else "clock-read"
        asked_ms = stamp.since_ms - 100
        return self.record(
            EventRecord(stamp, name, number, device_time=device_time, asked_ms=asked_ms)
        )

    def anchor(self, at_ms, cause="sync"):
        return self.record(ClockRecord(self._stamp(at_ms), cause))

    def _stamp(self, at_ms):
        return Stamp(at_ms - self._start_ms, self._utc(at_ms), self.quality)

    def _utc(self, at_ms):
        """Unsynchronised, it believes that it is still the day it was made."""
        return at_ms if self.quality else utc(2024, 1, 1) + at_ms - self.booted_ms
