import signal
import ssl
import subprocess
import sys
from pathlib import Path
from queue import Queue

import pytest
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from backend import ledger
from tests.backend.office import DAY, KEY, PREFIX, RECEIPT_KEY, START, frame, naive
from tests.fakes.pki import Authority
from uplink.seal import verify_receipt
from uplink.wire import encode_message

RECORDS, RECEIPTS = f"{PREFIX}/v1/hub-1/records", f"{PREFIX}/v1/hub-1/receipts"
PATIENCE_S = 30


class HubAtBroker:
    """A hub's connection, and the receipts that came over it."""

    def __init__(self, broker, authority):
        self._receipts = Queue()
        subscribed = Queue()
        certificate, key = authority.issue("hub-1")
        self._client = Client(
            CallbackAPIVersion.VERSION2, "hub-1", protocol=MQTTProtocolVersion.MQTTv5
        )
        context = ssl.create_default_context(cafile=authority.certificate)
        context.load_cert_chain(certificate, key)
        self._client.tls_set_context(context)
        self._client.on_message = lambda _c, _u, message: self._receipts.put(message.payload)
        self._client.on_connect = lambda client, *_: client.subscribe(RECEIPTS, 1)
        self._client.on_subscribe = lambda *_: subscribed.put(True)
        self._client.connect(broker.host, broker.port)
        self._client.loop_start()
        subscribed.get(timeout=PATIENCE_S)

    def send(self, *items):
        self.send_bytes(encode_message(items))

    def send_bytes(self, payload):
        self._client.publish(RECORDS, payload, 1).wait_for_publish(PATIENCE_S)

    def receipt(self):
        signed = self._receipts.get(timeout=PATIENCE_S)
        return verify_receipt(signed, [RECEIPT_KEY.public()])

    def close(self):
        self._client.disconnect()
        self._client.loop_stop()


class BackendProcess:
    """`vitalpost-backend run`, or a receiver that dies at a step; its log as it is written."""

    def __init__(self, settings, step=None):
        script = Path(__file__).with_name("dying_backend.py")
        words = ["-m", "backend", "run", "--settings"] if step is None else [script]
        self._process = subprocess.Popen(
            [sys.executable, *words, settings, *([step] if step else [])],
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[2],
            env={"PYTHONPATH": "."},
        )

    def wait_for(self, event):
        """The line of the log with this event."""
        for line in self._process.stdout:
            if event in line:
                return line
        raise AssertionError(f"ended before {event}")

    def kill(self):
        self._process.kill()
        self.end()

    def stop(self):
        self._process.terminate()
        return self.end()

    def end(self):
        """Its exit code, once it has ended."""
        code = self._process.wait(PATIENCE_S)
        self._process.stdout.close()
        return code


@pytest.fixture
def settings(tmp_path, office, broker, authority):
    folder = tmp_path / "keys"
    folder.mkdir()
    (folder / "hpke.key").write_text(KEY.to_text())
    (folder / "receipt.key").write_text(RECEIPT_KEY.to_text())
    return write_settings(tmp_path, office, broker, authority, "backend")


def write_settings(folder, office, broker, authority, name):
    certificate, key = authority.issue(name)
    path = folder / "backend.toml"
    path.write_text(f"""
[ledger]
path = "{office.path}"
[keys]
dir = "{folder / "keys"}"
[broker]
host = "{broker.host}"
port = {broker.port}
ca = "{authority.certificate}"
cert = "{certificate}"
key = "{key}"
""")
    return path


@pytest.fixture
def run(settings):
    started = []

    def run(step=None):
        started.append(BackendProcess(settings, step))
        return started[-1]

    yield run
    for process in started:
        process.kill()


@pytest.fixture
def hub(office):
    office.assign()
    hub = office.enroll().begin(START)
    hub.describe(START + DAY)
    hub.measure(START + DAY, frame(naive(START + DAY)))
    return hub


@pytest.fixture
def at_broker(broker, authority):
    at_broker = HubAtBroker(broker, authority)
    yield at_broker
    at_broker.close()


def test_a_record_is_receipted_once_it_is_in_the_ledger(office, hub, at_broker, run):
    backend = run()
    backend.wait_for("subscribed")
    at_broker.send(hub.key_record, hub.run())
    assert at_broker.receipt().stored == {hub.epoch.kid: ((1, 2),)}
    assert office.count(ledger.reading) == 1
    assert backend.stop() == 0


@pytest.mark.parametrize("step", ["committed", "published", "acknowledged"])
def test_killed_between_any_two_steps_it_loses_and_doubles_nothing(
    step, office, hub, at_broker, run
):
    dying = run(step)
    dying.wait_for("subscribed")
    at_broker.send(hub.key_record, hub.run())
    assert dying.end() == -signal.SIGKILL
    assert office.count(ledger.reading) == 1

    backend = run()
    backend.wait_for("subscribed")
    at_broker.send(hub.key_record, hub.run())
    assert at_broker.receipt().stored == {hub.epoch.kid: ((1, 2),)}
    assert backend.stop() == 0
    assert (office.count(ledger.reading), office.count(ledger.sighting)) == (1, 1)
    assert not office.incidents()


def test_what_was_sent_while_it_was_away_is_waiting_for_it(office, hub, at_broker, run):
    backend = run()
    backend.wait_for("subscribed")
    backend.stop()
    at_broker.send(hub.key_record, hub.run())
    backend = run()
    assert at_broker.receipt().stored == {hub.epoch.kid: ((1, 2),)}
    assert backend.stop() == 0


def test_bad_messages_are_counted_and_taken_off_the_broker(office, hub, at_broker, run):
    backend = run()
    backend.wait_for("subscribed")
    at_broker.send_bytes(b"no message")
    at_broker.send(b"no key record")
    at_broker.send(hub.key_record, hub.run())
    assert at_broker.receipt().stored == {hub.epoch.kid: ((1, 2),)}
    assert office.incidents() == {"malformed-message": 1, "statement-refused": 1}
    assert backend.stop() == 0


def test_it_comes_back_when_the_broker_does(office, hub, at_broker, broker, run):
    backend = run()
    backend.wait_for("subscribed")
    broker.kill()
    backend.wait_for("broker-lost")
    broker.start()
    backend.wait_for("subscribed")
    at_broker.send(hub.key_record, hub.run())
    assert at_broker.receipt().stored == {hub.epoch.kid: ((1, 2),)}
    assert backend.stop() == 0


def test_a_broker_that_does_not_trust_it_is_said_once_and_tried_again(
    tmp_path, office, broker, run
):
    (tmp_path / "pki").mkdir()
    write_settings(tmp_path, office, broker, Authority(tmp_path / "pki"), "backend")
    backend = run()
    backend.wait_for("broker-lost")
    assert backend.stop() == 0
