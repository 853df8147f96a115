from datetime import date, timedelta

import msgspec
import pytest
from cryptography import x509
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import delete, update

from backend import tables
from backend.enrolment.enroll import answer, enter_hub, read
from backend.enrolment.membership import REVOKED, End, end_hub, load_sign_keys
from backend.errors import EnrolmentRefused
from backend.keys.certificates import is_due
from backend.keys.folder import load_authority
from backend.keys.keygen import make_keys
from gateway.identity.provision import install_answer, make_request
from tests.backend.office import DAY, HOUR, PATIENT, START, ZONE, frame, naive
from tests.backend.stating import state, told
from uplink.keys import Signer


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    folder = tmp_path_factory.mktemp("office") / "keys"
    make_keys(folder, None)
    return folder


@pytest.fixture
def hub_folder(tmp_path):
    return tmp_path / "credentials"


def ask(folder, hub="hub-1"):
    return msgspec.json.encode(make_request(folder, hub))


def enter(office, keys, data):
    request = read(data)
    with office.ledger.writing() as connection:
        certificate = enter_hub(connection, load_authority(keys), request, START)
    return answer(keys, request, certificate, START)


def test_a_hub_installs_what_the_office_answers(office, keys, hub_folder):
    answered = enter(office, keys, ask(hub_folder))
    install_answer(hub_folder, "hub-1", msgspec.json.encode(answered))
    certificate = x509.load_pem_x509_certificate((hub_folder / "hub.tls.crt").read_bytes())
    assert certificate.subject.rfc4514_string() == "CN=hub-1"
    assert (hub_folder / "broker.ca.crt").read_text() == (keys / "ca.crt").read_text()


def test_the_same_request_gets_the_same_answer(office, keys, hub_folder):
    assert enter(office, keys, ask(hub_folder)) == enter(office, keys, ask(hub_folder))
    assert office.count(tables.hub) == 1


def test_a_new_tls_key_of_a_known_hub_gets_a_new_certificate(office, keys, hub_folder):
    before = enter(office, keys, ask(hub_folder))
    (hub_folder / "hub.tls.key").unlink()
    after = enter(office, keys, ask(hub_folder))
    assert before["certificate"] != after["certificate"]
    assert after == enter(office, keys, ask(hub_folder))


def test_a_hub_id_that_has_another_key_is_refused(office, keys, tmp_path):
    enter(office, keys, ask(tmp_path / "one"))
    with pytest.raises(EnrolmentRefused, match="another key"):
        enter(office, keys, ask(tmp_path / "other"))


def ask_anew(folder, hub="hub-1"):
    return msgspec.json.encode(make_request(folder, hub, renew=True))


def test_a_hub_that_proves_a_new_key_by_its_old_one_is_known_by_both(office, keys, hub_folder):
    enter(office, keys, ask(hub_folder))
    before, after = make_request(hub_folder, "hub-1"), make_request(hub_folder, "hub-1", renew=True)
    answered = enter(office, keys, msgspec.json.encode(after))
    assert enter(office, keys, ask_anew(hub_folder)) == answered
    with office.ledger.reading() as connection:
        assert load_sign_keys(connection, "hub-1") == (before.sign_key, after.sign_key)
    install_answer(hub_folder, "hub-1", msgspec.json.encode(answered))
    assert make_request(hub_folder, "hub-1").sign_key == after.sign_key


def test_a_new_key_that_another_hub_vouches_for_is_refused(office, keys, tmp_path):
    enter(office, keys, ask(tmp_path / "one"))
    enter(office, keys, ask(tmp_path / "two", "hub-2"))
    with pytest.raises(EnrolmentRefused, match="another key"):
        enter(office, keys, ask_anew(tmp_path / "two"))
    request = make_request(tmp_path / "one", "hub-1", renew=True)
    other = make_request(tmp_path / "two", "hub-2", renew=True)
    for change in (
        {"former_proof": other.former_proof},
        {"former_proof": b""},
        {"former_key": other.former_key},
        {"former_key": b"short"},
    ):
        with pytest.raises(EnrolmentRefused, match="not the hub's own"):
            read(msgspec.json.encode(msgspec.structs.replace(request, **change)))


def test_a_certificate_of_which_less_than_a_third_is_left_is_renewed(office, keys, hub_folder):
    request = read(ask(hub_folder))
    authority = load_authority(keys)
    soon = authority.certify_hub("hub-1", request.tls_key, timedelta(hours=1))
    with office.ledger.writing() as connection:
        enter_hub(connection, authority, request, START)
        connection.execute(delete(tables.hub_certificate))
        connection.execute(update(tables.hub).values(certificate=soon))
        renewed = enter_hub(connection, authority, request, START)
        assert renewed not in {soon, ""}
        assert enter_hub(connection, authority, request, START) == renewed
    life = x509.load_pem_x509_certificate(renewed.encode())
    days = (life.not_valid_after_utc - life.not_valid_before_utc).days
    assert (days, is_due(renewed), is_due(soon)) == (2 * 365 + 1, False, True)
    assert office.count(tables.hub_certificate) == 1


def test_a_revoked_hub_is_not_enrolled_again(office, keys, hub_folder):
    enter(office, keys, ask(hub_folder))
    with office.ledger.writing() as connection:
        end_hub(connection, "hub-1", End(REVOKED, START, "stolen"), START)
    with pytest.raises(EnrolmentRefused, match="was revoked"):
        enter(office, keys, ask(hub_folder))


def test_a_request_is_taken_only_as_the_hub_signed_it(hub_folder):
    request = make_request(hub_folder, "hub-1")
    other = make_request(hub_folder, "hub-2")
    forged = [
        {"hub": "hub-2"},
        {"hub": "Hub 1"},
        {"csr": other.csr},
        {"sign_key": Signer.generate().public()},
        {"proof": other.proof},
        {"proof": b""},
        {"sign_key": b"short"},
        {"csr": "no request"},
        {"format": 2},
    ]
    for change in forged:
        with pytest.raises(EnrolmentRefused):
            read(msgspec.json.encode(msgspec.structs.replace(request, **change)))
    assert read(msgspec.json.encode(request)).hub == "hub-1"


@given(st.binary() | st.text().map(str.encode))
def test_whatever_the_file_holds_the_refusal_is_one_sentence(data):
    with pytest.raises(EnrolmentRefused):
        read(data)


def test_enrolling_again_changes_nothing(office):
    for _ in range(2):
        office.assign()
    office.assign(since=date(2026, 4, 1))
    assert (office.count(tables.assignment), office.count(tables.patient_zone)) == (1, 1)


def test_an_unknown_zone_is_refused_before_anything_is_written(office):
    for zone in ("America/Neverland", "", "../etc", "America"):
        with pytest.raises(EnrolmentRefused, match="no zone"):
            office.assign(zone=zone)
    assert office.count(tables.patient) == 0


def test_a_patient_who_moves_has_a_new_zone_from_that_day(office):
    office.assign()
    office.assign(zone="America/Denver", since=date(2026, 5, 1))
    with pytest.raises(EnrolmentRefused, match="America/Denver"):
        office.assign(zone="America/Chicago", since=date(2026, 4, 1))
    assert office.calendar().zone == "America/New_York"
    assert office.calendar(month=date(2026, 5, 1)).zone == "America/Denver"


def test_a_device_is_not_given_to_two_patients_by_mistake(office):
    office.assign()
    with pytest.raises(EnrolmentRefused, match=PATIENT):
        office.assign("patient-2", since=date(2026, 3, 10))
    with pytest.raises(EnrolmentRefused, match=PATIENT):
        office.assign("patient-2", slot=2)
    assert office.count(tables.patient) == 1


def test_people_share_a_device_by_its_slots(office):
    office.assign(slot=1)
    office.assign("patient-2", slot=2)
    assert office.count(tables.assignment) == 2


def test_a_device_is_handed_on_when_that_is_said(office):
    office.assign()
    office.assign("patient-2", since=date(2026, 3, 10), reassign=True)
    hub = office.enroll().begin(START)
    hub.describe(START)
    for noon in (START + 17 * HOUR + day * DAY for day in (0, 8, 9, 10)):
        hub.measure(noon, frame(naive(noon)))
    office.take_all(hub)
    assert office.calendar().qualifying_days == 2
    assert office.calendar("patient-2").qualifying_days == 2


def test_readings_that_came_before_enrolment_count_from_its_first_day(office):
    hub = office.enroll().begin(START)
    hub.describe(START)
    hub.measure(START + DAY, frame(naive(START + DAY)))
    office.take_all(hub)
    office.assign()
    assert office.calendar().qualifying_days == 1


def test_a_patient_of_whom_something_was_stated_before_can_be_enrolled(office):
    zone = told("patient", zone=ZONE, since="2026-02-01")
    (name,) = state(office, zone).added
    state(office, told("withdrawal", replaces=name))
    office.assign()
    assert office.calendar().zone == ZONE
