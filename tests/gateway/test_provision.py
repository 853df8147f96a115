import json
import stat
from base64 import b64encode

import msgspec
import pytest

from backend.enroll import read as read_request
from gateway.credentials import load_credentials
from gateway.errors import AnswerRefused, ConfigError, ConfigErrors
from gateway.provision import install_answer, make_request
from tests.fakes.hub_folder import Office


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
    assert credentials.sealing_key.id == office.opening_keys[0].public().id
    assert credentials.receipt_keys == (office.receipt_key.public(),)
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}


def test_keys_once_made_are_never_made_again(folder):
    first, second = make_request(folder, "hub-1"), make_request(folder, "hub-1")
    assert first.sign_key == second.sign_key
    keys = [read_request(msgspec.json.encode(each)).tls_key for each in (first, second)]
    assert keys[0].public_numbers() == keys[1].public_numbers()


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
        ("broker.ca.crt", "-----BEGIN CERTIFICATE-----", "no certificate"),
        ("backend.hpke.pub", "0x0020 AAAA\n", "3 bytes, wanted 32"),
        ("backend.hpke.pub", "", "no key"),
        ("backend.receipt.pub", "AAAA\n", "keys of [3] bytes"),
        ("backend.receipt.pub", "not base64", "no base64"),
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
