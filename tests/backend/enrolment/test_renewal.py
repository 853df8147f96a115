from base64 import b64encode
from datetime import timedelta

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import insert

from backend import tables
from backend.enrolment.enroll import answer as answer_to
from backend.enrolment.enroll import enter_hub, read
from backend.enrolment.renewal import Renewal
from backend.intake.messages import Intake
from backend.keys.certificates import as_der
from backend.keys.folder import load_authority, load_receipt_publics, load_sealing_keys
from backend.keys.keygen import add_key, make_keys
from gateway.identity.certificates import load_tls_key, make_csr, make_tls_key
from gateway.identity.provision import make_request
from tests.backend.office import KEY, PREFIX, RECEIPT_KEY, START, frame, naive
from uplink.answers import Told
from uplink.keys import Signer
from uplink.seal import sign_statement, verify_answer, verify_receipt
from uplink.statements import Request
from uplink.wire import encode_message, key_id


class RenewingOffice:
    """An office with keys of its own, and a hub that was enrolled and installed the answer."""

    def __init__(self, office, folder):
        self.office = office
        self.keys = folder / "keys"
        make_keys(self.keys, None)
        asked = make_request(folder / "hub", "hub-1")
        self.tls_key = load_tls_key((folder / "hub" / "hub.tls.key").read_text())
        self.signer = Signer.from_text((folder / "hub" / "hub.sign.key").read_text())
        request = read(msgspec.json.encode(asked))
        with office.ledger.writing() as connection:
            authority = load_authority(self.keys)
            self.certificate = enter_hub(connection, authority, request, START)
        self.told = self.tell(answer_to(self.keys, request, self.certificate, START))
        self.restart()

    def tell(self, answered):
        self.pinned = load_receipt_publics(self.keys)
        hpke = tuple((key.suite, key.data) for key in load_sealing_keys(self.keys))
        ca = tuple(as_der(answered["broker_ca"]))
        assert [b64encode(key).decode() for key in self.pinned] == answered["receipt"]
        return Told(as_der(answered["certificate"])[0], ca, hpke, tuple(self.pinned))

    def restart(self):
        keys = {KEY.public().id: KEY}
        self.intake = Intake(
            self.office.ledger,
            keys,
            RECEIPT_KEY,
            PREFIX,
            lambda: self.office.now_ms,
            renewal=Renewal(self.keys),
        )

    def ask(self, *, items=(), **changes):
        facts = {
            "hub": "hub-1",
            "utc_ms": self.office.now_ms,
            "csr": make_csr("hub-1", self.tls_key),
            "receipt_keys": tuple(key_id(key) for key in self.pinned),
            "told": self.told.id,
        }
        statement = sign_statement(Request(**facts | changes), self.signer)
        payload = encode_message([statement, *items])
        return self.intake.take(f"{PREFIX}/v1/hub-1/records", payload)

    def take_answer(self, reply):
        """The hub pins what it was answered."""
        answer = verify_answer(reply.answer, self.pinned)
        self.told, self.pinned = answer.told, list(answer.told.receipt_keys)
        return answer


@pytest.fixture
def renewing(office, tmp_path):
    return RenewingOffice(office, tmp_path)


def test_a_hub_that_has_everything_is_not_answered(renewing):
    reply = renewing.ask()
    assert (reply.receipt, reply.answer, reply.incidents) == (None, None, [])


def test_a_hub_that_lacks_something_is_answered_until_it_says_that_it_has_it(renewing):
    reply = renewing.ask(told=bytes(8))
    answer = renewing.take_answer(reply)
    assert (answer.hub, answer.utc_ms) == ("hub-1", renewing.office.now_ms)
    assert answer.told.certificate == as_der(renewing.certificate)[0]
    assert renewing.ask().answer is None


def test_a_certificate_that_ends_soon_is_renewed_once(renewing):
    soon = load_authority(renewing.keys).certify_hub(
        "hub-1", renewing.tls_key.public_key(), timedelta(hours=1)
    )
    table = tables.hub_certificate
    with renewing.office.ledger.writing() as connection:
        row = {"hub": "hub-1", "certificate": soon, "issued_ms": START}
        connection.execute(table.delete())
        connection.execute(insert(table).values(row))
        connection.execute(tables.hub.update().values(certificate=soon))
    first, again = renewing.ask(), renewing.ask()
    renewed = renewing.take_answer(first).told.certificate
    assert renewed != as_der(soon)[0]
    assert verify_answer(again.answer, renewing.pinned).told.certificate == renewed
    assert renewing.office.count(table) == 2
    assert renewing.ask().answer is None


def test_new_keys_of_the_office_are_told_and_the_old_ones_follow(renewing):
    before = renewing.told
    for kind in ("hpke", "receipt", "ca"):
        add_key(renewing.keys, kind)
    renewing.restart()
    told = renewing.take_answer(renewing.ask()).told
    assert told.hpke[1:] == before.hpke
    assert told.receipt_keys[1:] == before.receipt_keys
    assert told.authorities[1:] == before.authorities


def test_a_new_receipt_key_signs_to_a_hub_only_once_that_hub_believes_it(renewing):
    office = renewing.office
    hub = office.enroll("hub-2").begin(START)
    hub.describe(START)
    hub.measure(START, frame(naive(START)))
    (former,) = load_receipt_publics(renewing.keys)
    add_key(renewing.keys, "receipt")
    renewing.restart()
    newest = load_receipt_publics(renewing.keys)[0]

    def receipted(keys):
        topic = f"{PREFIX}/v1/hub-2/records"
        said = Request("hub-2", START, b"", tuple(map(key_id, keys)), bytes(8))
        if keys:
            renewing.intake.take(topic, encode_message([sign_statement(said, hub.signer)]))
        reply = renewing.intake.take(topic, encode_message([hub.key_record, hub.run()]))
        return lambda key: verify_receipt(reply.signed, [key]).hub == "hub-2"

    assert receipted([])(former)
    assert receipted([former])(former)
    assert receipted([newest, former])(newest)
    assert receipted([newest])(newest)
    assert receipted([former])(former), "a hub whose card was wiped believes the old one again"


def test_the_answer_to_a_hub_is_signed_by_a_key_that_it_believes(renewing):
    add_key(renewing.keys, "receipt")
    renewing.restart()
    first = renewing.ask()
    verify_answer(first.answer, renewing.pinned)
    renewing.take_answer(first)
    second = renewing.ask(told=bytes(8))
    assert verify_answer(second.answer, renewing.pinned[:1])


def test_a_hub_that_believes_no_key_that_is_left_is_counted(renewing):
    add_key(renewing.keys, "receipt")
    for name in ("receipt.key", "receipt.pub"):
        (renewing.keys / name).unlink()
    renewing.restart()
    renewing.ask()
    assert renewing.office.incidents() == {"receipt-key-not-believed": 1}


NEVER_ENROLLED = make_csr("hub-1", load_tls_key(make_tls_key()))
ANOTHER_HUB = make_csr("hub-2", load_tls_key(make_tls_key()))


@pytest.mark.parametrize("csr", [b"", b"no request", ANOTHER_HUB, NEVER_ENROLLED])
def test_a_certificate_request_that_is_not_the_hubs_own_is_counted(renewing, csr):
    reply = renewing.ask(csr=csr)
    assert reply.answer is None
    assert [what for what, _ in reply.incidents] == ["request-refused"]


def test_a_request_that_names_another_hub_is_counted(renewing):
    assert renewing.ask(hub="hub-2").answer is None
    assert renewing.office.incidents() == {"statement-of-another-hub": 1}


def test_a_request_by_an_unknown_key_is_not_heard(renewing):
    renewing.signer = Signer.generate()
    assert renewing.ask(told=bytes(8)).answer is None
    assert renewing.office.incidents() == {"statement-refused": 1}


def test_without_the_authoritys_key_no_certificate_is_renewed_but_keys_are_told(renewing):
    (renewing.keys / "ca.key").unlink()
    add_key(renewing.keys, "hpke")
    renewing.restart()
    assert renewing.take_answer(renewing.ask()).told.certificate == as_der(renewing.certificate)[0]


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(csr=st.binary(max_size=300), ids=st.lists(st.binary(min_size=8, max_size=8), max_size=3))
def test_whatever_is_asked_the_office_goes_on(renewing, csr, ids):
    renewing.ask(csr=csr, receipt_keys=tuple(ids))
    assert not renewing.ask().incidents
