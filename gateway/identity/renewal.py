"""What the hub has from the office, renewed over the air: certificate, authorities, public keys.

The hub asks when it starts and then daily; the office answers when it has something else to tell.
An answer is taken if it is newer, by the office's clock, than what the hub has, or if it answers
what the hub asked last: else an office whose clock was ahead once would not be heard until then.
Answers are kept in the state folder as they came, signed: the newest, behind those without which
its signature could not be verified from the credentials that were installed. Private keys stay
where they are.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Sequence
from dataclasses import replace
from math import inf
from pathlib import Path
from typing import NamedTuple, NoReturn

import structlog

from gateway import state_file
from gateway.errors import AnswerRefused
from gateway.identity.certificates import as_der, as_pem, find_fault, load_tls_key, make_csr
from gateway.identity.credentials import SUITES, Credentials
from uplink.answers import Answer, Told
from uplink.cbor import as_array, as_bytes, dump, load
from uplink.errors import SealError, WireError
from uplink.keys import SealingKey
from uplink.route import Route
from uplink.seal import sign_statement, verify_answer
from uplink.statements import Request
from uplink.tls import Calendar, MachineCalendar, tls_context
from uplink.wire import key_id

ANSWER = "office-answer"
CERTIFICATE = "office-answer.crt"
AUTHORITIES = "office-answer.ca"
ASK_S = 86_400.0
MAX_ANSWERS_BYTES = 1 << 20
HINT = "The hub goes on with what it has, and asks again tomorrow; tell whoever runs the backend."

log = structlog.get_logger()


class Renewal:
    """`credentials` are what holds now: as installed, or as the newest answer has it."""

    def __init__(  # noqa: PLR0913  one for each thing it is lent
        self,
        installed: Credentials,
        hub: str,
        state: Path,
        suite: str,
        *,
        now_ms: Callable[[], int],
        calendar: Calendar | None = None,
    ) -> None:
        """Read the kept answers; what does not hold of them is said, and left unused.

        Raises ConfigErrors where no key of the suite is known.
        """
        self.credentials = installed
        self.ask_at = -inf
        self._asked = b""
        self._installed = installed
        self._hub = hub
        self._state = state
        self._suite = suite
        self._now_ms = now_ms
        self._calendar = calendar or MachineCalendar()
        self._tls_key = load_tls_key(installed.tls_key.read_text("utf-8"))
        self._told = Told(
            as_der(installed.tls_certificate.read_text("utf-8"))[0],
            as_der(installed.broker_ca.read_text("utf-8")),
            tuple((key.suite, key.data) for key in installed.sealing_keys),
            installed.receipt_keys,
        )
        self._kept: Sequence[bytes] = ()
        self._routed = installed
        try:
            if kept := load_kept(installed, hub, state, suite):
                self._apply(kept.newest, kept.credentials)
                self._kept = kept.answers
        except (AnswerRefused, OSError) as error:
            fault = getattr(error, "reason", None) or getattr(error, "strerror", None) or str(error)
            log.warning("office-answer-ignored", file=str(state / ANSWER), fault=fault, hint=HINT)
        self.credentials.sealing_key(suite)

    @property
    def sealing_key(self) -> SealingKey:
        """What the next epoch is sealed to."""
        return self.credentials.sealing_key(self._suite)

    def ask(self, now: float) -> bytes:
        """A signed request that says what the hub has; the next one is due in a day."""
        self.ask_at = now + ASK_S
        ids = tuple(key_id(key) for key in self.credentials.receipt_keys)
        csr = make_csr(self._hub, self._tls_key)
        request = Request(self._hub, self._now_ms(), csr, ids, self._told.id)
        self._asked = request.id
        return sign_statement(request, self.credentials.signer)

    def take(self, payload: bytes) -> bool:
        """Whether this is an answer by a pinned key; kept, and in force, if it holds."""
        try:
            answer = verify_answer(payload, self.credentials.receipt_keys)
        except (SealError, WireError):
            return False
        try:
            if answer.utc_ms <= self.credentials.told_ms and answer.request != self._asked:
                _refuse("it is not newer than what this hub has")
            credentials = _check(answer, self.credentials, self._hub, self._state, self._suite)
            present = self._calendar.present()
            if fault := find_fault(answer.told.certificate, self._hub, self._tls_key, present):
                _refuse(fault)
        except AnswerRefused as refused:
            log.warning("office-answer-refused", reason=refused.reason, hint=HINT)
            return True
        kept = [payload] if self._is_rooted(payload) else [*self._kept, payload]
        try:
            state_file.replace(self._state / ANSWER, dump(kept))
            self._apply(answer, credentials)
        except OSError as error:
            log.warning("office-answer-not-kept", fault=error.strerror or str(error), hint=HINT)
            return True
        self._kept, self._asked = kept, b""
        self.ask_at = -inf  # so that the office knows by which keys it is believed
        log.info("office-answer-taken", certificate_id=key_id(answer.told.certificate).hex())
        return True

    def reroute(self, route: Route) -> Route:
        """The route by what holds now."""
        held = self.credentials
        if held is self._routed:
            return route
        try:
            tls = tls_context(held.broker_ca, held.tls_certificate, held.tls_key, self._calendar)
        except (OSError, ssl.SSLError) as error:
            log.warning("office-answer-unusable", fault=str(error), hint=HINT)
            return replace(route, receipt_keys=held.receipt_keys)
        self._routed = held
        return replace(route, broker=replace(route.broker, tls=tls), receipt_keys=held.receipt_keys)

    def _apply(self, answer: Answer, credentials: Credentials) -> None:
        state_file.replace(credentials.tls_certificate, as_pem([answer.told.certificate]).encode())
        state_file.replace(credentials.broker_ca, as_pem(answer.told.authorities).encode())
        self.credentials, self._told = credentials, answer.told

    def _is_rooted(self, payload: bytes) -> bool:
        try:
            verify_answer(payload, self._installed.receipt_keys)
        except SealError:
            return False
        return True


class Kept(NamedTuple):
    """The answers in the state folder, the newest last, and what holds by it."""

    answers: Sequence[bytes]
    newest: Answer
    credentials: Credentials


def load_kept(installed: Credentials, hub: str, state: Path, suite: str) -> Kept | None:
    """What is kept and newer than what is installed. Raises AnswerRefused if it does not hold."""
    try:
        data = (state / ANSWER).read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise AnswerRefused(error.strerror or str(error)) from error
    try:
        answers = _parse_kept(data)
        newest = verify_answer(answers[0], installed.receipt_keys)
        for each in answers[1:]:
            newest = verify_answer(each, newest.told.receipt_keys)
    except (WireError, SealError) as error:
        raise AnswerRefused(str(error)) from error
    if newest.utc_ms <= installed.told_ms:
        return None  # a newer one was installed by hand since
    return Kept(answers, newest, _check(newest, installed, hub, state, suite))


def check_suite(installed: Credentials, hub: str, state: Path, suite: str) -> None:
    """Raise ConfigErrors where neither installation nor a kept answer has a key of the suite."""
    try:
        kept = load_kept(installed, hub, state, suite)
    except AnswerRefused:
        kept = None
    (kept.credentials if kept else installed).sealing_key(suite)


def _check(answer: Answer, held: Credentials, hub: str, state: Path, suite: str) -> Credentials:
    """What holds by this answer after what is held. Raises AnswerRefused."""
    if answer.hub != hub:
        _refuse(f"it is for hub {answer.hub}, this is {hub}")
    key = load_tls_key(held.tls_key.read_text("utf-8"))
    if fault := find_fault(answer.told.certificate, hub, key):
        _refuse(fault)
    try:
        # A suite that a later version added is no fault of the answer.
        keys = tuple(SealingKey(*k) for k in answer.told.hpke if k[0] in SUITES.values())
        as_pem(answer.told.authorities)
    except (SealError, ValueError) as error:
        raise AnswerRefused(f"a key or authority in it cannot be used ({error})") from error
    if SUITES[suite] not in {key.suite for key in keys}:
        _refuse(f"it has no key of the suite {suite}")
    return replace(
        held,
        sealing_keys=keys,
        receipt_keys=answer.told.receipt_keys,
        tls_certificate=state / CERTIFICATE,
        broker_ca=state / AUTHORITIES,
        told_ms=answer.utc_ms,
    )


def _refuse(reason: str) -> NoReturn:
    raise AnswerRefused(reason)


def _parse_kept(data: bytes) -> list[bytes]:
    """The answers in the file, the newest last; at least one. Raises WireError."""
    items = as_array(load(data, "kept answers", MAX_ANSWERS_BYTES), "kept answers")
    if not items:
        raise WireError("kept answers: found none")
    return [as_bytes(item, "kept answer") for item in items]
