import json
import os
import shutil
import stat
from contextlib import contextmanager

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.cli import main
from gateway.identity.credentials import BROKER_CA, SEALING_KEYS, SIGN_KEY, TLS_CERTIFICATE, TOLD_AT
from tests.fakes.hub_folder import HubFolder

NOBODY = 65534
CLOSED, PRIVATE = 0, 0o700


@pytest.fixture
def doctor(capsys):
    def doctor(path):
        code = main(["doctor", "--json", "--settings", str(path)])
        said = capsys.readouterr()
        assert said.err == ""
        checks = json.loads(said.out)["checks"]
        assert all(each["hint"] for each in checks if each["mark"] != "ok")
        assert not [each for each in checks if "itself failed" in each["what"]]
        return code, {each["name"]: each for each in checks}

    return doctor


@contextmanager
def somebody_else(doctor, settings):
    """Root may read anything, so root becomes somebody else, who may not read Python itself."""
    doctor(settings)  # which imports what it needs
    before = os.geteuid()
    if before == 0:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(before)


def let_in(tmp_path):
    for folder in (tmp_path, *tmp_path.parents):
        if stat.S_IMODE(folder.stat().st_mode) == PRIVATE:  # as pytest makes them
            folder.chmod(0o755)


def test_on_a_bare_machine_it_names_what_is_missing_and_ends_with_1(tmp_path, doctor):
    code, checks = doctor(tmp_path / "gateway.toml")
    assert code == 1
    assert "No such file" in checks["settings"]["what"]
    failed = {name for name, each in checks.items() if each["mark"] == "fail"}
    assert failed >= {"settings", "hub", "round-trip"}
    for name in ("credentials", "storage", "dns", "tls", "broker", "outbox", "bonds"):
        assert checks[name]["what"] == "not looked at: the settings cannot be read"


def test_for_a_person_it_is_one_line_for_each_check(tmp_path, capsys):
    assert main(["doctor", "--settings", str(tmp_path / "gateway.toml")]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert {line.split()[0] for line in lines} <= {"ok", "warn", "fail"}
    assert len(lines) == 25
    assert lines[0].startswith("fail  settings ")
    assert lines[-1].startswith("fail  round-trip ")


def test_a_hub_that_does_not_run_is_named_and_what_it_would_need_is_looked_at(tmp_path, doctor):
    hub = HubFolder(tmp_path)
    code, checks = doctor(hub.settings)
    assert code == 1
    for name in ("settings", "credentials", "certificate", "sealing", "dns"):
        assert checks[name]["mark"] == "ok", checks[name]
    assert "systemctl start vitalpost" in checks["hub"]["hint"]
    for name in ("tls", "broker"):
        assert "127.0.0.1:1" in checks[name]["what"]


def test_what_somebody_may_not_read_is_said_and_not_called_a_fault(tmp_path, doctor):
    hub = HubFolder(tmp_path)
    (tmp_path / "state").mkdir(mode=CLOSED)
    hub.credentials.chmod(CLOSED)
    let_in(tmp_path)
    hub.settings.chmod(0o644)
    with somebody_else(doctor, hub.settings):
        code, checks = doctor(hub.settings)
    assert code == 1  # no hub runs
    for name in ("credentials", "certificate", "sealing", "tls"):
        assert checks[name]["mark"] == "warn"
        assert "you may not read the hub's credentials" in checks[name]["what"]
    assert "you may not write" in checks["storage"]["what"]


def test_settings_that_somebody_may_not_read_are_named(tmp_path, doctor):
    hub = HubFolder(tmp_path)
    hub.settings.chmod(CLOSED)
    let_in(tmp_path)
    with somebody_else(doctor, hub.settings):
        code, checks = doctor(hub.settings)
    assert code == 1
    assert "you may not read" in checks["settings"]["what"]
    assert "sudo" in checks["settings"]["hint"]


def test_a_hub_that_one_may_not_ask_gets_no_second_session_with_the_broker(tmp_path, doctor):
    hub = HubFolder(tmp_path)
    closed = tmp_path / "closed"
    closed.mkdir(mode=CLOSED)
    text = hub.settings.read_text()
    hub.settings.write_text(text.replace(str(hub.control), str(closed / "control.sock")))
    let_in(tmp_path)
    with somebody_else(doctor, hub.settings):
        _, checks = doctor(hub.settings)
    assert checks["hub"]["what"] == "you may not ask the hub"
    assert checks["broker"]["what"] == "not looked at: you may not ask the hub"
    assert checks["round-trip"]["mark"] == "warn"


@pytest.mark.parametrize("name", [SIGN_KEY, TLS_CERTIFICATE, BROKER_CA, SEALING_KEYS, TOLD_AT])
@pytest.mark.parametrize("spoilt", [None, b"", b"\xff\x00", b"-----BEGIN X-----\n"])
def test_a_credential_that_is_missing_or_spoilt_is_named(tmp_path, doctor, name, spoilt):
    hub = HubFolder(tmp_path)
    (hub.credentials / name).unlink()
    if spoilt is not None:
        (hub.credentials / name).write_bytes(spoilt)
    code, checks = doctor(hub.settings)
    assert code == 1
    assert (checks["settings"]["mark"], checks["credentials"]["mark"]) == ("ok", "fail")
    assert name in checks["credentials"]["what"]
    for needs_it in ("certificate", "sealing", "tls", "broker"):
        assert checks[needs_it]["what"] == (
            "not looked at: there are no credentials that can be used"
        )


@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(cut=st.floats(0, 1), noise=st.binary(max_size=20))
def test_however_the_settings_are_spoilt_there_is_an_answer(tmp_path, doctor, cut, noise):
    folder = tmp_path / "spoilt"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    hub = HubFolder(folder)
    text = hub.settings.read_bytes()
    hub.settings.write_bytes(text[: int(cut * len(text))] + noise)
    code, checks = doctor(hub.settings)
    assert (code, len(checks)) == (1, 25)
