import json
import resource
import stat
from base64 import b64encode

import msgspec
import pytest

from backend.enrolment.enroll import read as read_request
from gateway.errors import AnswerRefused, ConfigError, ConfigErrors
from gateway.identity.credentials import load_credentials, parse_sealing_keys
from gateway.identity.provision import install_answer, make_request
from tests.fakes.hub_folder import Office
from uplink.keys import X25519, OpeningKey


@pytest.fixture
def office():
    return Office()


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "credentials"


def install(folder, answer, hub="hub-1"):
    install_answer(folder, hub, json.dumps(answer).encode())


def test_the_office_accepts_the_request_and_the_hub_its_answer(folder, office):
    request = make_request(folder, "hub-1")
    install(folder, office.answer(request))
    credentials = load_credentials(folder)
    assert credentials.signer.public() == request.sign_key
    assert credentials.sealing_key("x-wing").id == office.opening_keys[0].public().id
    assert credentials.receipt_keys == (office.receipt_key.public(),)
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}


def test_keys_once_made_are_never_made_again(folder):
    first, second = make_request(folder, "hub-1"), make_request(folder, "hub-1")
    assert first.sign_key == second.sign_key
    keys = [read_request(msgspec.json.encode(each)).tls_key for each in (first, second)]
    assert keys[0].public_numbers() == keys[1].public_numbers()


def test_a_key_that_cannot_be_written_whole_is_not_there(folder):
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50, limits[1]))
    try:
        with pytest.raises(ConfigError, match="credentials"):
            make_request(folder, "hub-1")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert not (folder / "hub.sign.key").exists()
    assert make_request(folder, "hub-1").sign_key


def test_a_damaged_key_is_named_and_left_alone(folder):
    folder.mkdir()
    (folder / "hub.sign.key").write_text("not a key")
    with pytest.raises(ConfigError, match="credentials"):
        make_request(folder, "hub-1")
    assert (folder / "hub.sign.key").read_text() == "not a key"


@pytest.mark.parametrize(
    "change",
    [
        {"format": 2},
        {"hub": "hub-2"},
        {"certificate": "none"},
        {"broker_ca": "none"},
        {"hpke": []},
        {"hpke": [{"suite": 0x20, "key": b64encode(bytes(31)).decode()}]},
        {"receipt": [b64encode(bytes(33)).decode()]},
        {"receipt": 3},
        {"sign_key": b64encode(bytes(32)).decode()},
        {"utc_ms": "now"},
    ],
)
def test_an_answer_that_does_not_fit_is_refused_and_nothing_is_written(folder, office, change):
    request = make_request(folder, "hub-1")
    before = set(folder.iterdir())
    with pytest.raises(AnswerRefused):
        install(folder, office.answer(request) | change)
    assert set(folder.iterdir()) == before


def test_an_answer_for_other_keys_is_refused(folder, tmp_path, office):
    make_request(folder, "hub-1")
    other = make_request(tmp_path / "other", "hub-1")
    with pytest.raises(AnswerRefused, match="another key"):
        install(folder, office.answer(other))


@pytest.mark.parametrize(
    ("name", "content", "found"),
    [
        ("hub.sign.key", None, "No such file"),
        ("hub.sign.key", "x", "no PEM"),
        ("hub.tls.key", None, "No such file"),
        ("hub.tls.crt", "x", "no PEM"),
        ("broker.ca.crt", "-----BEGIN CERTIFICATE-----", "another text than was installed"),
        ("backend.hpke.pub", "0x0020 AAAA\n", "3 bytes, wanted 32"),
        ("backend.hpke.pub", "", "no key"),
        ("backend.receipt.pub", "AAAA\n", "keys of [3] bytes"),
        ("backend.receipt.pub", "not base64", "no base64"),
        ("office.time", "yesterday", "no number"),
        ("office.time", "1790000000001\nbackend.hpke.pub 00\n", "not as it was installed"),
    ],
)
def test_a_credential_that_is_amiss_is_named_with_the_next_step(
    folder, office, name, content, found
):
    install(folder, office.answer(make_request(folder, "hub-1")))
    (folder / name).unlink()
    if content is not None:
        (folder / name).write_text(content)
    with pytest.raises(ConfigErrors) as caught:
        load_credentials(folder)
    [fault] = caught.value.faults
    assert fault.path == str(folder / name)
    assert found in fault.found
    assert "vitalpost provision" in fault.hint


def test_a_public_key_that_the_card_made_another_good_one_is_named(folder, office):
    install(folder, office.answer(make_request(folder, "hub-1")))
    keys = folder / "backend.hpke.pub"
    suite, key = keys.read_text().splitlines()[1].split()
    damaged = "A" if key[5] != "A" else "B"
    keys.write_text(f"{suite} {key[:5]}{damaged}{key[6:]}\n")
    assert parse_sealing_keys(keys.read_text())
    with pytest.raises(ConfigErrors) as caught:
        load_credentials(folder)
    [fault] = caught.value.faults
    assert (fault.path, fault.found) == (str(keys), "another text than was installed")


def test_a_time_without_digests_is_that_of_an_earlier_version(folder, office):
    install(folder, office.answer(make_request(folder, "hub-1")))
    (folder / "office.time").write_text("1780000000000\n")
    assert load_credentials(folder).told_ms == 1_780_000_000_000


def test_new_keys_are_asked_for_beside_the_present_ones_and_take_their_place(folder, office):
    install(folder, office.answer(request := make_request(folder, "hub-1")))
    before = load_credentials(folder)
    asked = make_request(folder, "hub-1", renew=True)
    assert asked.sign_key == make_request(folder, "hub-1", renew=True).sign_key
    assert asked.former_key == request.sign_key == load_credentials(folder).signer.public()
    install(folder, office.answer(asked) | {"utc_ms": 2_000_000_000_000})
    after = load_credentials(folder)
    assert after.signer.public() == asked.sign_key != before.signer.public()
    assert (before.told_ms, after.told_ms) == (1_790_000_000_000, 2_000_000_000_000)
    assert not list(folder.glob("*.next"))


def test_an_answer_to_the_present_keys_leaves_the_next_ones_waiting(folder, office):
    request = make_request(folder, "hub-1")
    make_request(folder, "hub-1", renew=True)
    install(folder, office.answer(request))
    assert load_credentials(folder).signer.public() == request.sign_key
    assert len(list(folder.glob("*.next"))) == 2


@pytest.mark.parametrize("done", ["hub.tls.key", "hub.sign.key", "hub.tls.crt"])
def test_an_installation_that_was_cut_short_is_completed_by_the_next(folder, office, done):
    install(folder, office.answer(make_request(folder, "hub-1")))
    answer = office.answer(asked := make_request(folder, "hub-1", renew=True))
    if done == "hub.tls.crt":
        (folder / done).write_text(answer["certificate"])
    else:
        (folder / f"{done}.next").replace(folder / done)
    install(folder, answer)
    assert load_credentials(folder).signer.public() == asked.sign_key


def test_records_are_sealed_to_the_first_key_of_the_suite_in_the_settings(folder, office):
    office.opening_keys.append(OpeningKey.generate(X25519))
    install(folder, office.answer(make_request(folder, "hub-1")))
    wanted = office.opening_keys[1].public().id
    assert load_credentials(folder).sealing_key("x25519").id == wanted


def test_a_suite_of_which_the_office_has_no_key_is_a_fault_of_the_settings(folder, office):
    office.opening_keys.pop()
    install(folder, office.answer(make_request(folder, "hub-1")))
    with pytest.raises(ConfigErrors) as caught:
        load_credentials(folder).sealing_key("x25519")
    [fault] = caught.value.faults
    assert (fault.path, fault.found) == ("hub.suite", "'x25519'")
    assert fault.wanted.endswith(": x-wing")
    assert "--add hpke" in fault.hint
