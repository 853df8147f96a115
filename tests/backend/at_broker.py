"""Real processes at a real broker: a hub's connection, and the backend's processes."""

import ssl
import subprocess
import sys
from pathlib import Path
from queue import Queue

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from tests.backend.office import KEY, PREFIX, RECEIPT_KEY
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
    """`vitalpost-backend WORDS`, or a script beside this one; its log as it is written."""

    def __init__(self, settings, *words, script=None, stderr=True):
        program = [Path(__file__).with_name(script)] if script else ["-m", "backend"]
        told = [settings, *words] if script else [*words, "--settings", settings]
        self._process = subprocess.Popen(
            [sys.executable, *program, *told],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT if stderr else None,
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


def write_settings(folder, office, broker, authority, name="backend"):
    """Settings of an office with the keys of the tests; its certificate bears that name."""
    certificate, key = authority.issue(name)
    keys = folder / "keys"
    keys.mkdir(exist_ok=True)
    (keys / "hpke.key").write_text(KEY.to_text())
    (keys / "receipt.key").write_text(RECEIPT_KEY.to_text())
    path = folder / "backend.toml"
    path.write_text(f"""
[ledger]
path = "{office.path}"
journal = "{folder / "journal"}"
[keys]
dir = "{keys}"
[broker]
host = "{broker.host}"
port = {broker.port}
ca = "{authority.certificate}"
cert = "{certificate}"
key = "{key}"
""")
    return path
