"""A hub as it stands after provisioning: settings, credentials and state in one folder."""

from __future__ import annotations

import json
from base64 import b64encode
from pathlib import Path
from typing import Any

import msgspec

from backend.enrolment.enroll import read as read_request
from backend.keys.certificates import Authority
from gateway.control.client import ask
from gateway.identity.provision import Request, install_answer, make_request
from gateway.settings import ControlSettings
from uplink.keys import X25519, X_WING, OpeningKey, Signer
from uplink.outbox import Outbox
from uplink.records import Record, decode
from uplink.seal import verify_key_record

SETTINGS = """
[control]
socket = "{socket}"
[hub]
id = "hub-1"
site_zone = "America/New_York"
state = "{state}"
credentials = "{credentials}"
[broker]
host = "127.0.0.1"
port = 1
"""


class Office:
    """Answers a hub's request as the backend does."""

    def __init__(self) -> None:
        self.authority = Authority.make()
        self.receipt_key = Signer.generate()
        self.opening_keys = [OpeningKey.generate(X_WING), OpeningKey.generate(X25519)]

    def answer(self, request: Request) -> dict[str, Any]:
        tls_key = read_request(msgspec.json.encode(request)).tls_key
        publics = [key.public() for key in self.opening_keys]
        return {
            "format": 1,
            "hub": request.hub,
            "utc_ms": 1_790_000_000_000,
            "sign_key": b64encode(request.sign_key).decode(),
            "certificate": self.authority.certify_client(request.hub, tls_key),
            "broker_ca": self.authority.certificate_pem(),
            "hpke": [{"suite": k.suite, "key": b64encode(k.data).decode()} for k in publics],
            "receipt": [b64encode(self.receipt_key.public()).decode()],
        }


class HubFolder:
    """No broker answers at its endpoint; `more` is the rest of its settings."""

    def __init__(self, folder: Path, more: str = "") -> None:
        self.settings = folder / "gateway.toml"
        self.outbox = folder / "state" / "outbox.db"
        self.credentials = folder / "credentials"
        self.office = Office()
        self.control = folder / "control.sock"
        text = SETTINGS.format(
            state=folder / "state", credentials=self.credentials, socket=self.control
        )
        self.settings.write_text(text + more)
        self.request = make_request(self.credentials, "hub-1")
        answer = json.dumps(self.office.answer(self.request)).encode()
        install_answer(self.credentials, "hub-1", answer)

    def ask(self, do: str, **facts: object) -> dict[str, Any]:
        """What the running hub answers."""
        return ask(ControlSettings(str(self.control)), do, **facts)

    async def read_records(self) -> list[Record]:
        """What the stopped hub keeps, opened as the office would."""
        outbox = await Outbox.open(self.outbox, quota_bytes=1 << 30)
        batch = await outbox.peek(0, 1_000_000, 1 << 30)
        await outbox.close()
        records = []
        for run in batch.runs:
            key_record = verify_key_record(batch.key_records[run.kid], self.request.sign_key)
            key = self.office.opening_keys[0].open_key(key_record)
            records += [
                decode(key.open(sequence, sealed), key_record.start)
                for sequence, sealed in enumerate(run.sealed, run.first)
            ]
        return records
