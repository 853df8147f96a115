"""One life of the hub's key files: asked for, installed, renewed, and renewed over the air."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
from structlog.testing import capture_logs

from gateway.errors import AnswerRefused, ConfigError, ConfigErrors
from gateway.identity import credentials, digests
from gateway.identity.certificates import as_der, load_tls_key
from gateway.identity.credentials import Credentials, load_credentials
from gateway.identity.provision import Request, install_answer, make_request
from gateway.identity.renewal import Renewal
from tests.fakes.hub_folder import Office
from tests.faults.storage.home import DONE, ENDED
from tests.faults.storage.trace import Tell
from uplink.answers import Answer, Told
from uplink.errors import SealError
from uplink.keys import Signer
from uplink.seal import sign_answer

HUB = "hub-1"
TOLD_MS = 1_790_000_000_000
WHOLE = {
    credentials.SIGN_KEY: Signer.from_text,
    credentials.TLS_KEY: load_tls_key,
    credentials.SEALING_KEYS: credentials.parse_sealing_keys,
    credentials.RECEIPT_KEYS: credentials.parse_receipt_keys,
    credentials.BROKER_CA: as_der,
    credentials.TLS_CERTIFICATE: as_der,
    credentials.TOLD_AT: digests.parse,
}


class Visit:
    """The folder of a hub and the office that answers it."""

    def __init__(self, folder: Path, office: Office) -> None:
        self.keys = folder / "credentials"
        self.state = folder / "state"
        self._office = office

    def play(self, tell: Tell) -> None:
        """Everything, in order; each step can be taken again."""
        self.state.mkdir(parents=True, exist_ok=True)
        if not (self.keys / credentials.TOLD_AT).exists():
            request = make_request(self.keys, HUB)
            tell("asked", request.sign_key.hex())
            self._install(request, TOLD_MS - 2)
            tell("installed", request.sign_key.hex())
        request = make_request(self.keys, HUB, renew=True)
        self._install(request, TOLD_MS - 1)
        tell("renewed", request.sign_key.hex())
        self.hear(tell)

    def hear(self, tell: Tell) -> None:
        """An answer over the air."""
        renewal = self.start()
        csr_key = load_tls_key((self.keys / credentials.TLS_KEY).read_text())
        certificate = self._office.authority.certify_hub(HUB, csr_key.public_key())
        told = Told(
            as_der(certificate)[0],
            as_der(self._office.authority.certificate_pem()),
            tuple((key.public().suite, key.public().data) for key in self._office.opening_keys),
            (self._office.receipt_key.public(),),
        )
        renewal.take(sign_answer(Answer(HUB, TOLD_MS, told), self._office.receipt_key))
        if renewal.credentials.told_ms == TOLD_MS:
            tell("heard", "")

    def start(self) -> Renewal:
        """As the daemon does."""
        held = load_credentials(self.keys)
        return Renewal(held, HUB, self.state, "x-wing", now_ms=lambda: TOLD_MS)

    def _install(self, request: Request, utc_ms: int) -> None:
        # What the office says of the time makes each answer another one.
        answer = self._office.answer(request) | {"utc_ms": utc_ms}
        install_answer(self.keys, HUB, json.dumps(answer).encode())


def live(visit: Visit, tell: Tell) -> int:
    """Play the visit; end as the command does where a file cannot be written."""
    try:
        visit.play(tell)
    except (ConfigError, ConfigErrors, AnswerRefused, OSError) as fault:
        tell("ended", str(fault))
        return ENDED
    return DONE


def survive(visit: Visit, told: list[list[str]]) -> str | None:
    """Start again with nothing failing: no half file is there, and the visit can be ended."""
    if fault := _find_half(visit):
        return fault
    done = dict(told)
    held: Credentials | None = None
    try:
        with capture_logs() as logs:
            renewal = visit.start()
        held = renewal.credentials
    except ConfigErrors as refused:
        if "renewed" in done:
            return f"what was installed does not start: {refused.faults[0]}"
    else:
        if ignored := [line for line in logs if line["event"] == "office-answer-ignored"]:
            return f"the kept answer is ignored: {ignored[0]['fault']}"
    if "heard" in done and (held is None or held.told_ms != TOLD_MS):
        return "an answer over the air was taken and is gone"
    asked = make_request(visit.keys, HUB).sign_key.hex()
    if "renewed" in done and asked != done["renewed"]:
        return "the key that was renewed is another"
    if "asked" in done and "installed" not in done and asked != done["asked"]:
        return "the key that was asked with is another"
    try:
        visit.play(lambda *_: None)
        visit.start()
    except (ConfigError, ConfigErrors, AnswerRefused, OSError) as fault:
        return f"the visit cannot be ended: {fault}"
    return None


def _find_half(visit: Visit) -> str | None:
    for path in visit.keys.glob("*") if visit.keys.exists() else ():
        parse = WHOLE.get(path.name.removesuffix(credentials.NEXT))
        if parse is None:
            continue
        try:
            parse(path.read_text())
        except (ValueError, SealError, msgspec.MsgspecError) as fault:
            return f"{path.name} is half a file: {fault}"
    return None
