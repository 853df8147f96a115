import json
from datetime import timedelta
from math import inf

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from backend.enrolment.enroll import read as read_request
from backend.keys.certificates import as_der, make_key
from gateway.errors import ConfigErrors
from gateway.identity.credentials import load_credentials
from gateway.identity.provision import install_answer, make_request
from gateway.identity.renewal import Renewal, check_suite
from tests.fakes.hub_folder import Office
from uplink.answers import Answer, Told
from uplink.keys import X25519, X_WING, OpeningKey, Signer
from uplink.mqtt import Broker
from uplink.route import Route
from uplink.seal import sign_answer, verify_statement
from uplink.tls import MachineCalendar, tls_context
from uplink.wire import key_id

INSTALLED_MS = 1_790_000_000_000
LATER_MS = INSTALLED_MS + 1


class Hub:
    """A hub with its credentials installed; `start` is what a start of the daemon makes of them."""

    def __init__(self, folder):
        self.office = Office()
        self.folder = folder / "credentials"
        self.state = folder / "state"
        self.state.mkdir()
        self.request = make_request(self.folder, "hub-1")
        self.tls_key = read_request(msgspec.json.encode(self.request)).tls_key
        self.install()

    def install(self, **changes):
        answer = self.office.answer(self.request) | changes
        install_answer(self.folder, "hub-1", json.dumps(answer).encode())

    def start(self, suite="x-wing", **changes):
        return Renewal(
            load_credentials(self.folder),
            "hub-1",
            self.state,
            suite,
            now_ms=lambda: INSTALLED_MS,
            **changes,
        )

    def tell(self, signer=None, utc_ms=LATER_MS, hub="hub-1", request=None, **changes):
        """An answer of the office, signed."""
        office = self.office
        hpke = [key.public() for key in office.opening_keys]
        facts = {
            "certificate": as_der(office.authority.certify_hub("hub-1", self.tls_key))[0],
            "authorities": tuple(as_der(office.authority.certificate_pem())),
            "hpke": tuple((key.suite, key.data) for key in hpke),
            "receipt_keys": (office.receipt_key.public(),),
        }
        told = Told(**facts | changes)
        return sign_answer(Answer(hub, utc_ms, told, request), signer or office.receipt_key)


@pytest.fixture
def hub(tmp_path):
    return Hub(tmp_path)


def take(renewal, payload):
    """Whether it was an answer, and why it was not used."""
    with capture_logs() as logs:
        is_answer = renewal.take(payload)
    return is_answer, [line["reason"] for line in logs if "reason" in line]


def files(hub):
    return {path.name: path.read_bytes() for path in hub.state.iterdir()}


def test_the_request_says_what_the_hub_has_and_is_due_at_once_and_then_daily(hub):
    renewal = hub.start()
    assert renewal.ask_at < 0
    asked = verify_statement(renewal.ask(1_000.0), [hub.request.sign_key])
    assert renewal.ask_at == 1_000.0 + 86_400
    assert (asked.hub, asked.utc_ms) == ("hub-1", INSTALLED_MS)
    assert asked.receipt_keys == (key_id(hub.office.receipt_key.public()),)
    certificate = as_der((hub.folder / "hub.tls.crt").read_text())[0]
    told = Told(
        certificate,
        tuple(as_der(hub.office.authority.certificate_pem())),
        tuple((key.public().suite, key.public().data) for key in hub.office.opening_keys),
        (hub.office.receipt_key.public(),),
    )
    assert asked.told == told.id


def test_an_answer_holds_at_once_and_after_a_restart(hub):
    renewal = hub.start()
    following, receipt_key = OpeningKey.generate(X_WING), Signer.generate()
    before = renewal.credentials
    hub.office.opening_keys.insert(0, following)
    keys = (receipt_key.public(), hub.office.receipt_key.public())
    renewal.ask(0)
    assert take(renewal, hub.tell(receipt_keys=keys)) == (True, [])
    assert renewal.ask_at < 0
    for each in (renewal, hub.start()):
        held = each.credentials
        assert each.sealing_key.id == following.public().id
        assert held.receipt_keys == keys
        assert held.told_ms == LATER_MS
        assert held.tls_certificate.read_text() != before.tls_certificate.read_text()
        assert (held.signer, held.tls_key) == (each._installed.signer, before.tls_key)
        tls_context(held.broker_ca, held.tls_certificate, held.tls_key)


def test_the_route_takes_the_new_keys_and_keeps_its_session_where_nothing_changed(hub):
    renewal = hub.start()
    held = renewal.credentials
    tls = tls_context(held.broker_ca, held.tls_certificate, held.tls_key)
    route = Route(Broker("127.0.0.1", 1, "hub-1", tls), held.receipt_keys)
    assert renewal.reroute(route) is route
    following = Signer.generate().public()
    take(renewal, hub.tell(receipt_keys=(following,)))
    changed = renewal.reroute(route)
    assert changed.receipt_keys == (following,)
    assert changed.broker.tls is not tls
    assert renewal.reroute(changed) is changed


def certify(hub, name="hub-1", key=None, **life):
    key = key or hub.tls_key
    return as_der(hub.office.authority.certify_hub(name, key, timedelta(**life)))[0]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda _: {"hub": "hub-2"}, "it is for hub hub-2, this is hub-1"),
        (lambda _: {"utc_ms": INSTALLED_MS}, "it is not newer than what this hub has"),
        (lambda _: {"certificate": b"none"}, "its certificate cannot be read"),
        (
            lambda hub: {"certificate": certify(hub, key=make_key().public_key(), days=9)},
            "its certificate is for another key than this hub's",
        ),
        (
            lambda hub: {"certificate": certify(hub, "hub-2", days=9)},
            "its certificate names another hub",
        ),
        (lambda hub: {"certificate": certify(hub, hours=-1)}, "its certificate holds from"),
        (lambda _: {"authorities": (b"none",)}, "a key or authority in it cannot be used"),
        (lambda _: {"hpke": ((X_WING, b"short"),)}, "a key or authority in it cannot be used"),
        (lambda _: {"hpke": ((0x99, bytes(32)),)}, "it has no key of the suite x-wing"),
        (
            lambda _: {"hpke": ((X25519, OpeningKey.generate(X25519).public().data),)},
            "it has no key of the suite x-wing",
        ),
    ],
)
def test_an_answer_that_does_not_fit_is_said_and_left(hub, change, reason):
    renewal = hub.start()
    before = renewal.credentials
    is_answer, [said] = take(renewal, hub.tell(**change(hub)))
    assert is_answer
    assert said.startswith(reason)
    assert renewal.credentials is before
    assert files(hub) == {}


class NoClock(MachineCalendar):
    """It is today or any time later."""

    def present(self):
        return super().present()._replace(to_s=inf)


def test_without_a_clock_a_certificate_is_taken_that_can_hold_since_the_floor(hub):
    renewal = hub.start(calendar=NoClock())
    before = renewal.credentials
    ended = hub.tell(certificate=certify(hub, hours=-1))
    assert "its certificate holds from" in take(renewal, ended)[1][0]
    assert renewal.credentials is before
    assert take(renewal, hub.tell(certificate=certify(hub, days=9))) == (True, [])
    assert renewal.credentials is not before


def test_a_suite_of_a_later_version_is_passed_over(hub):
    renewal = hub.start("x25519")
    key = OpeningKey.generate(X25519).public()
    hpke = ((0x99, bytes(32)), (X25519, key.data))
    assert take(renewal, hub.tell(hpke=hpke)) == (True, [])
    assert renewal.sealing_key.id == key.id
    asked = verify_statement(renewal.ask(0), [hub.request.sign_key])
    assert asked.told == renewal._told.id
    assert renewal._told.hpke == hpke


def test_a_suite_that_only_an_answer_over_the_air_has_a_key_of_can_be_chosen(hub):
    key = hub.office.opening_keys.pop().public()
    hub.install()
    state = (load_credentials(hub.folder), "hub-1", hub.state)
    for choose in (lambda: hub.start("x25519"), lambda: check_suite(*state, "x25519")):
        with pytest.raises(ConfigErrors, match=r"hub\.suite: found 'x25519'"):
            choose()
    hpke = ((X_WING, hub.office.opening_keys[0].public().data), (X25519, key.data))
    take(hub.start(), hub.tell(hpke=hpke))
    before = files(hub)
    check_suite(*state, "x25519")
    assert files(hub) == before
    assert hub.start("x25519").sealing_key.id == key.id


def test_a_forged_answer_is_none(hub):
    renewal = hub.start()
    altered = bytearray(hub.tell())
    altered[-1] ^= 1
    for data in (hub.tell(Signer.generate()), bytes(altered), hub.tell()[:-9], b"", bytes(99)):
        assert take(renewal, data) == (False, [])
    assert files(hub) == {}


def test_an_older_answer_never_follows_a_newer_one(hub):
    renewal = hub.start()
    first, second = hub.tell(), hub.tell(utc_ms=LATER_MS + 1)
    take(renewal, second)
    held = renewal.credentials
    for again in (first, second):
        assert take(renewal, again) == (True, ["it is not newer than what this hub has"])
    assert renewal.credentials is held


def ask(hub, renewal):
    return verify_statement(renewal.ask(0), [hub.request.sign_key]).id


def test_an_office_whose_clock_was_ahead_once_is_heard_again(hub):
    renewal = hub.start()
    years_ahead = INSTALLED_MS + 14 * 365 * 86_400_000
    assert take(renewal, hub.tell(utc_ms=years_ahead)) == (True, [])
    for restart in (False, True):
        renewal = hub.start() if restart else renewal
        assert renewal.credentials.told_ms > INSTALLED_MS
        before, last = ask(hub, renewal), ask(hub, renewal)
        for stale in (None, before, bytes(8)):
            answer = hub.tell(request=stale)
            assert take(renewal, answer) == (True, ["it is not newer than what this hub has"])
        answer = hub.tell(request=last)
        assert take(renewal, answer) == (True, [])
        assert renewal.credentials.told_ms == LATER_MS
        assert hub.start().credentials.told_ms == LATER_MS
        assert take(renewal, answer) == (True, ["it is not newer than what this hub has"])
        assert take(renewal, hub.tell(utc_ms=LATER_MS + 1)) == (True, [])
        assert take(renewal, hub.tell(utc_ms=years_ahead)) == (True, [])


def test_the_receipt_key_may_change_again_and_again(hub):
    renewal, signer = hub.start(), hub.office.receipt_key
    for number in range(3):
        following = Signer.generate()
        payload = hub.tell(signer, LATER_MS + number, receipt_keys=(following.public(),))
        assert take(renewal, payload) == (True, [])
        assert take(renewal, hub.tell(signer, LATER_MS + 9))[0] is False
        signer = following
        assert hub.start().credentials.receipt_keys == (signer.public(),)
    asked = verify_statement(hub.start().ask(0), [hub.request.sign_key])
    assert asked.receipt_keys == (key_id(signer.public()),)


def test_what_is_installed_by_hand_later_counts_more_than_what_was_answered_before(hub):
    take(hub.start(), hub.tell())
    hub.install(utc_ms=LATER_MS + 5)
    with capture_logs() as logs:
        renewal = hub.start()
    assert (renewal.credentials.told_ms, logs) == (LATER_MS + 5, [])
    assert renewal.credentials.tls_certificate == hub.folder / "hub.tls.crt"
    assert take(renewal, hub.tell(utc_ms=LATER_MS + 6)) == (True, [])


def test_an_answer_for_the_key_of_before_is_left_unused(hub):
    take(hub.start(), hub.tell(utc_ms=LATER_MS + 9))
    hub.request = make_request(hub.folder, "hub-1", renew=True)
    hub.install(utc_ms=LATER_MS)
    with capture_logs() as logs:
        renewal = hub.start()
    assert renewal.credentials.told_ms == LATER_MS
    assert [line["fault"] for line in logs] == [
        "its certificate is for another key than this hub's"
    ]


def is_ignored(hub):
    with capture_logs() as logs:
        renewal = hub.start()
    assert renewal.credentials.tls_certificate == hub.folder / "hub.tls.crt"
    (said,) = logs
    return said["event"] == "office-answer-ignored" and said["fault"] and said["hint"]


@pytest.mark.parametrize("part", [0.0, 0.3, 0.9])
def test_a_half_written_file_is_said_and_the_installed_answer_holds(hub, part):
    take(hub.start(), hub.tell())
    path = hub.state / "office-answer"
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * part)])
    assert is_ignored(hub)
    assert take(hub.start(), hub.tell()) == (True, [])
    assert hub.start().credentials.told_ms == LATER_MS


def test_a_folder_in_the_place_of_the_file_is_said_and_nothing_is_kept(hub):
    (hub.state / "office-answer").mkdir()
    assert is_ignored(hub)
    with capture_logs() as logs:
        assert hub.start().take(hub.tell())
    assert [line["event"] for line in logs][-1] == "office-answer-not-kept"


def test_what_was_cut_off_between_the_files_is_made_good_by_the_next_start(hub):
    take(hub.start(), hub.tell())
    for name in ("office-answer.crt", "office-answer.ca"):
        (hub.state / name).write_text("half")
    (hub.state / "office-answer.new").write_text("half")
    held = hub.start().credentials
    tls_context(held.broker_ca, held.tls_certificate, held.tls_key)


@settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.binary(max_size=400), at=st.integers(0, 4_000), bit=st.integers(0, 7))
def test_whatever_the_file_holds_the_hub_starts_with_what_is_sound(hub, data, at, bit):
    path = hub.state / "office-answer"
    take(hub.start(), hub.tell())
    whole = bytearray(path.read_bytes())
    whole[at % len(whole)] ^= 1 << bit
    for content in (data, bytes(whole)):
        path.write_bytes(content)
        assert hub.start().credentials.told_ms == INSTALLED_MS
    path.unlink()
