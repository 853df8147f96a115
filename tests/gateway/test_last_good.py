import json

import pytest

from gateway.config import load_settings
from gateway.errors import ConfigErrors
from gateway.identity.certificates import load_tls_key
from gateway.last_good import FILE, LastGood, Standing, belongs_here
from gateway.preflight import find_faults
from tests.fakes.hub_folder import HubFolder, Office
from tests.fakes.service_manager import ServiceManager

SERIAL = "7700000001"
CUFF = f"""
[[devices]]
name = "cuff"
driver = "sig-blood-pressure"
address = "F0:00:00:12:34:56"
maker = "A&D Medical"
model = "UA-651BLE"
serial = "{SERIAL}"
[radio]
quiet_s = 3600
"""


@pytest.fixture
def hub(tmp_path):
    return HubFolder(tmp_path, CUFF)


@pytest.fixture
def manager(tmp_path, hub):
    manager = ServiceManager(tmp_path, ("gateway", "run", "--settings", hub.settings))
    yield manager
    manager.close()


def restart(manager):
    assert manager.stop() == 0
    return manager.start()


def events(manager):
    return [json.loads(line) for line in manager.log().splitlines() if line.startswith("{")]


def _half(text):
    return text[: len(text) // 2]


def _cut_in_a_number(text):
    return text[: text.index(b"3600") + 2]


def _unknown_driver(text):
    return text.replace(b"sig-blood-pressure", b"sig-blood-presure")


@pytest.mark.parametrize(
    ("spoil", "fault"),
    [
        (_half, "settings"),
        (_cut_in_a_number, "settings"),
        (_unknown_driver, "devices[0].driver"),
    ],
)
def test_a_hub_whose_settings_are_spoilt_collects_on_with_the_last_good_ones_and_says_so(
    hub, manager, spoil, fault
):
    assert manager.start() == "1 devices enrolled"
    hub.settings.write_bytes(spoil(hub.settings.read_bytes()))
    told = restart(manager)
    assert told.startswith(f"1 devices enrolled; the settings file is at fault ({fault})")
    status = hub.ask("status")
    assert [device["name"] for device in status["devices"]] == ["cuff"]
    assert status["settings"] == {"last_good": True, "faults": [fault]}
    [problem] = [each for each in status["problems"] if each["what"].startswith("the settings")]
    assert problem["needs_help"]
    [refused] = [each for each in events(manager) if each["event"] == "settings-refused"]
    assert (refused["level"], refused["faults"]) == ("error", [fault])
    assert SERIAL not in manager.log()
    assert manager.stop() == 0
    assert manager.history.count("start") == 2


def test_settings_that_were_mended_hold_from_the_next_start_on(hub, manager):
    manager.start()
    whole = hub.settings.read_bytes()
    hub.settings.write_bytes(_half(whole))
    restart(manager)
    hub.settings.write_bytes(whole.replace(CUFF.encode(), b""))
    assert restart(manager) == "0 devices enrolled"
    assert hub.ask("status")["settings"] == {"last_good": False, "faults": []}
    [changed] = [each for each in events(manager) if each["event"] == "settings-changed"]
    assert (changed["devices_before"], changed["devices"]) == (1, 0)


def test_a_hub_that_never_had_good_settings_ends_with_78(hub, manager):
    hub.settings.write_bytes(_half(hub.settings.read_bytes()))
    assert manager.start() is None
    assert manager.history == ["start", "ended 78"]


def test_a_hub_whose_settings_were_taken_away_is_none(hub, manager):
    manager.start()
    hub.settings.unlink()
    assert restart(manager) is None
    assert manager.history[-1] == "ended 78"


def test_a_hub_that_was_provisioned_anew_does_not_go_on_under_its_former_id(hub, manager):
    manager.start()
    key = load_tls_key((hub.credentials / "hub.tls.key").read_text()).public_key()
    certificate = Office().authority.certify_client("hub-2", key)
    (hub.credentials / "hub.tls.crt").write_text(certificate)
    hub.settings.write_bytes(_half(hub.settings.read_bytes()))
    assert restart(manager) is None


def test_a_fault_that_the_last_good_settings_share_is_not_theirs_to_heal(hub, manager):
    manager.start()
    (hub.credentials / "hub.sign.key").unlink()
    hub.settings.write_bytes(_half(hub.settings.read_bytes()))
    assert restart(manager) is None


def test_last_good_settings_that_are_not_as_they_were_written_are_none(tmp_path):
    last_good = LastGood(tmp_path)
    last_good.keep(b'[hub]\nid = "hub-1"\n')
    assert last_good.read() == b'[hub]\nid = "hub-1"\n'
    path = tmp_path / FILE
    path.write_bytes(path.read_bytes().replace(b"hub-1", b"hub-3"))
    assert last_good.read() is None


def test_the_same_settings_are_written_once(tmp_path):
    last_good = LastGood(tmp_path)
    last_good.keep(b"a\n")
    inode = (tmp_path / FILE).stat().st_ino
    last_good.keep(b"a\n")
    assert (tmp_path / FILE).stat().st_ino == inode


def test_a_state_folder_that_takes_no_file_keeps_no_hub_from_its_work(tmp_path):
    (tmp_path / "state").write_text("a file")
    LastGood(tmp_path / "state").keep(b"a\n")
    assert LastGood(tmp_path / "state").read() is None


def test_at_a_terminal_there_are_none():
    assert LastGood.find({}) is None


def test_a_file_cut_anywhere_but_behind_a_line_is_refused(hub):
    whole = hub.settings.read_bytes()
    assert find_faults(hub.settings) == []
    accepted = []
    for at in range(len(whole)):
        hub.settings.write_bytes(whole[:at])
        if not find_faults(hub.settings):
            accepted.append(at)
    assert accepted
    assert {whole[at - 1 : at] for at in accepted} == {b"\n"}


def test_a_file_whose_end_is_zeros_is_refused(hub):
    whole = hub.settings.read_bytes()
    hub.settings.write_bytes(whole[:100] + bytes(len(whole) - 100))
    assert [fault.path for fault in find_faults(hub.settings)] == ["settings"]


def test_the_settings_of_another_hub_do_not_belong_here(tmp_path):
    hub = HubFolder(tmp_path)
    assert belongs_here(load_settings(hub.settings))
    other = hub.settings.read_text().replace("hub-1", "hub-2")
    hub.settings.write_text(other)
    assert not belongs_here(load_settings(hub.settings))
    (hub.credentials / "hub.tls.crt").write_text("")
    assert not belongs_here(load_settings(hub.settings))


def test_without_a_fault_there_is_nothing_to_say():
    assert list(Standing().problems()) == []
    assert Standing(ConfigErrors([])).facts()["last_good"]
