"""What was measured, by which device, and every key: sought in all that an office writes."""

import sqlite3
from contextlib import closing
from decimal import Decimal
from typing import NamedTuple

import pytest

from backend.cli import main
from backend.facts.log import LOG as FACTS_LOG
from backend.guarding.access import LOG as ACCESS_LOG
from drivers.blood_pressure import decode as decode_frame
from tests.backend.at_broker import BackendProcess, HubAtBroker, write_settings
from tests.backend.office import DAY, KEY, PATIENT, RECEIPT_KEY, START, frame, naive
from tests.fakes.canaries import forms_of, forms_of_value
from uplink.keys import hpke_info
from uplink.records import DeviceRecord, ObservationFact, ReadingRecord
from uplink.seal import verify_statement
from uplink.wire import Run

VALUE = Decimal("7331.90210477")
FRAME = bytes.fromhex("c0ffee1badd00d5eed5ca1ab1ec0dedbadcafe0ff1ce")
WORD = "CANARYATTRIBUTE"
SERIAL, NAME = "CANARYSERIAL77", "CANARYNAME42"
CUFF = ("A&D Medical", "UA-651BLE", SERIAL)


class Written(NamedTuple):
    """The files by name, with the log of the process among them; and the mode of each."""

    data: dict[str, bytes]
    modes: dict[str, int]


def data_key(hub):
    record = verify_statement(hub.key_record, [hub.signer.public()])
    return KEY.open(record.enc, hpke_info(hub.name, hub.epoch.kid))


@pytest.fixture
def hub(office):
    """What it sealed holds canaries wherever a record can hold something of a patient."""
    office.assign(identity=CUFF)
    hub = office.enroll().begin(START)
    noon = START + DAY
    stamp = hub._stamp(noon)
    hub.record(DeviceRecord(stamp, 1, "sig-blood-pressure", "1.0", CUFF, "ble", NAME))
    reading = decode_frame(frame(naive(noon)), NAME)
    canary = ReadingRecord(
        stamp,
        1,
        (("2A35", FRAME),),
        tuple(ObservationFact(int(o.metric), VALUE, str(o.unit)) for o in reading.observations),
        device_time=reading.device_time,
        origin=1,
        status=(WORD,),
        attributes={"note": WORD},
    )
    hub.record(canary)
    return hub


@pytest.fixture
def written(tmp_path, office, hub, broker, authority):
    """All that the backend and its commands wrote and said, by name, while it still runs."""
    settings = write_settings(tmp_path, office, broker, authority)
    backend = BackendProcess(settings, "run")
    backend.wait_for("subscribed")
    at_broker = HubAtBroker(broker, authority)
    at_broker.send(hub.key_record, hub.run())
    assert at_broker.receipt().stored
    spoiled = hub.sealed[1][:-1] + bytes([hub.sealed[1][-1] ^ 1])
    at_broker.send(Run(hub.epoch.kid, 2, (spoiled,)))
    at_broker.receipt()
    at_broker.send_bytes(FRAME + WORD.encode())
    at_broker.send(hub.run())
    at_broker.receipt()
    said = []
    options = ("--settings", str(settings))
    main(["hold", PATIENT, "--because", "a claim", "--by", "N. N.", *options])
    main(["days", PATIENT, *options])
    main(["backup", "--out", str(tmp_path / "copy.db"), *options])
    files = [path for path in tmp_path.iterdir() if path.is_file() and path != settings]
    found = {path.name: path.read_bytes() for path in files}
    modes = {path.name: path.stat().st_mode & 0o777 for path in files}
    backend._process.terminate()
    said.append(backend._process.stdout.read().encode())
    backend.end()
    at_broker.close()
    return Written(found | {"log": b"".join(said)}, modes)


def test_no_value_and_no_key_lies_in_the_clear_anywhere(written, office, hub):
    files = {"ledger.db", "ledger.db-wal", "journal", "copy.db", FACTS_LOG, ACCESS_LOG}
    assert files <= written.data.keys()
    assert office.incidents().keys() >= {"malformed-message", "record-conflict"}
    sought = [
        *forms_of_value(VALUE),
        *forms_of(FRAME),
        *forms_of(WORD.encode()),
        *forms_of(KEY._private),
        *forms_of(RECEIPT_KEY._private.private_bytes_raw()),
        *forms_of(data_key(hub)),
    ]
    for name, data in written.data.items():
        assert [form for form in sought if form in data] == [], name
    # It is there, sealed; and where it is open it is found.
    assert hub.sealed[1] in written.data["copy.db"]
    opened = hub.epoch._key.open(2, hub.sealed[1])
    assert sum(form in opened for form in sought) == 3


def test_of_the_device_only_what_counting_needs_lies_in_the_clear(written, tmp_path):
    with closing(sqlite3.connect(tmp_path / "copy.db")) as connection:
        names = connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall()
        places = {
            (canary, table, column)
            for (table,) in names
            for canary in (SERIAL, NAME, PATIENT)
            for column in columns_with(connection, table, canary)
        }
    assert places == {
        (SERIAL, "device", "identity"),
        (NAME, "epoch_device", "name"),
        (PATIENT, "patient", "id"),
        *((PATIENT, table, "patient") for table in ("patient_zone", "assignment", "access")),
        (PATIENT, "legal_hold", "patient"),
    }
    told = written.data["journal"] + written.data["log"] + written.data[ACCESS_LOG]
    assert SERIAL.encode() not in told + written.data[FACTS_LOG]
    assert PATIENT.encode() not in told


def columns_with(connection, table, canary):
    rows = connection.execute(f"SELECT * FROM {table}")
    columns = [column for column, *_ in rows.description]
    for row in rows:
        for column, value in zip(columns, row, strict=True):
            data = value if isinstance(value, bytes) else str(value).encode()
            if canary.encode() in data:
                yield column


def test_all_that_is_written_is_for_its_owner_alone(written):
    assert len(written.modes) >= 6
    assert set(written.modes.values()) == {0o600}
