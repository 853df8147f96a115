"""A hub's own keys, its request to the office, and what the office answers."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable
from pathlib import Path

import msgspec

from gateway import state_file
from gateway.errors import AnswerRefused, ConfigError
from gateway.identity import credentials, digests
from gateway.identity.certificates import (
    as_der,
    csr_as_pem,
    find_fault,
    load_tls_key,
    make_csr,
    make_tls_key,
)
from uplink.errors import SealError
from uplink.keys import SealingKey, Signer

FORMAT = 1
PROOF = b"vitalpost enrol 1\0"
RENEWAL = b"vitalpost renew 1\0"


class Request(msgspec.Struct, frozen=True):
    """What the office needs to enrol a hub; `proof` is signed by `sign_key` over hub and csr.

    A hub that is enrolled proves a new `sign_key` by its former one as well.
    """

    format: int
    hub: str
    csr: str
    sign_key: bytes
    proof: bytes
    former_key: bytes = b""
    former_proof: bytes = b""


class HpkeKey(msgspec.Struct, frozen=True):
    """One of the backend's keys to seal to."""

    suite: int
    key: bytes


class Answer(msgspec.Struct, frozen=True):
    """What the office answers: the hub's certificate, and whom the hub believes."""

    format: int
    hub: str
    certificate: str
    broker_ca: str
    hpke: list[HpkeKey]
    receipt: list[bytes]
    utc_ms: int = 0
    sign_key: bytes = b""


def make_request(folder: Path, hub: str, *, renew: bool = False) -> Request:
    """The request of the hub whose keys lie in `folder`; makes those that are missing.

    With `renew` it asks for new keys, made beside the present ones, which vouch for them: the hub
    goes on with those it has until the office's answer is installed.
    """
    ending = credentials.NEXT if renew else ""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        present = _find_or_make_sign_key(folder / credentials.SIGN_KEY)
        sign_key = _find_or_make_sign_key(folder / f"{credentials.SIGN_KEY}{ending}")
        tls_key = load_tls_key(
            _read_or_make(folder / f"{credentials.TLS_KEY}{ending}", make_tls_key)
        )
    except (OSError, SealError, ValueError) as error:
        hint = "Run it as root; a damaged key is made anew once its file is moved away."
        found = getattr(error, "strerror", None) or str(error)
        raise ConfigError(str(folder), found, "a folder for the hub's keys", hint) from error
    csr = csr_as_pem(make_csr(hub, tls_key))
    asked = f"{hub}\0{csr}".encode()
    request = Request(FORMAT, hub, csr, sign_key.public(), sign_key.sign(PROOF + asked))
    if not renew:
        return request
    vouched = present.sign(RENEWAL + sign_key.public() + asked)
    return msgspec.structs.replace(request, former_key=present.public(), former_proof=vouched)


def install_answer(folder: Path, hub: str, data: bytes) -> None:
    """Write the credential files in the office's answer. Raises AnswerRefused: none is written.

    Keys that were made to follow the present ones take their place if the answer is to them.
    """
    try:
        answer = msgspec.json.decode(data, type=Answer)
    except msgspec.MsgspecError as error:
        raise AnswerRefused(f"it cannot be read ({error})") from error
    if answer.format != FORMAT:
        raise AnswerRefused(f"its format is {answer.format}, this version knows {FORMAT}")
    if answer.hub != hub:
        raise AnswerRefused(f"it is for hub {answer.hub}, this is {hub}")
    try:
        files = _unpack(answer)
        names = [_find_tls_key(folder, hub, answer), _find_sign_key(folder, answer)]
    except (OSError, SealError, ValueError) as error:
        raise AnswerRefused(str(error)) from error
    try:
        for name, text in files.items():
            state_file.replace(folder / name, text.encode())
        for name in names:
            installed = name.removesuffix(credentials.NEXT)
            files[installed] = (folder / name).read_text("utf-8")
            if name != installed:
                (folder / name).replace(folder / installed)
        # The last one, which says what the others are: what was interrupted must be done again.
        state_file.replace(
            folder / credentials.TOLD_AT, digests.write(answer.utc_ms, files).encode()
        )
    except OSError as error:
        found, wanted = error.strerror or str(error), "a folder for the hub's keys"
        raise ConfigError(str(folder), found, wanted, "Run it as root.") from error


def _find_tls_key(folder: Path, hub: str, answer: Answer) -> str:
    """The name of the TLS key, present or next, that the answer's certificate is for."""
    certificate = as_der(answer.certificate)[0]
    faults = []
    for name in _present_and_next(folder, credentials.TLS_KEY):
        fault = find_fault(certificate, hub, load_tls_key((folder / name).read_text("utf-8")))
        if not fault:
            return name
        faults.append(fault)
    raise ValueError(faults[0])


def _find_sign_key(folder: Path, answer: Answer) -> str:
    """The name of the signing key, present or next, by which the office knows this hub."""
    for name in _present_and_next(folder, credentials.SIGN_KEY):
        key = Signer.from_text((folder / name).read_text("utf-8"))
        if answer.sign_key in {b"", key.public()}:
            return name
    raise ValueError("it knows this hub by another signing key")


def _present_and_next(folder: Path, name: str) -> list[str]:
    following = f"{name}{credentials.NEXT}"
    return [name, following] if (folder / following).exists() else [name]


def _unpack(answer: Answer) -> dict[str, str]:
    """The files by name, each of them sound."""
    hpke = "".join(SealingKey(key.suite, key.key).to_text() for key in answer.hpke)
    receipt = "".join(f"{b64encode(key).decode()}\n" for key in answer.receipt)
    credentials.parse_sealing_keys(hpke)
    credentials.parse_receipt_keys(receipt)
    as_der(answer.broker_ca)
    return {
        credentials.SEALING_KEYS: hpke,
        credentials.RECEIPT_KEYS: receipt,
        credentials.BROKER_CA: answer.broker_ca,
        credentials.TLS_CERTIFICATE: answer.certificate,
    }


def _find_or_make_sign_key(path: Path) -> Signer:
    return Signer.from_text(_read_or_make(path, lambda: Signer.generate().to_text()))


def _read_or_make(path: Path, make: Callable[[], str]) -> str:
    """What the file holds; made first where there is none, and never written over."""
    if not path.exists():
        state_file.replace(path, make().encode())
    return path.read_text("utf-8")
