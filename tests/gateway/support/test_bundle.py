import io
import json
from pathlib import Path

import msgspec
import pytest

from backend.guarding.sealed_files import unseal
from backend.keys.folder import read_key
from backend.keys.keygen import make_recipient
from gateway.cli import main
from gateway.config import load_settings
from gateway.doctor.examine import Result
from gateway.doctor.finding import fail
from gateway.doctor.site import Site
from gateway.links.ladder import Ladder, Rung, Symptom
from gateway.support.bundle import gather
from gateway.support.shown import SETTINGS, STATUS, Kind, Veil, pick
from tests.fakes.hub_folder import HubFolder
from uplink.keys import OpeningKey

CUFF = """
[[devices]]
name = "cuff of N. N."
driver = "sig-blood-pressure"
address = "F0:00:00:12:34:56"
maker = "A&D Medical"
model = "UA-651BLE"
serial = "5100000001"
bond = true
"""
SECRETS = ("N. N.", "F0:00", "5100000001", "UA-651", "hub-1", "/")


@pytest.fixture
def hub(tmp_path):
    return HubFolder(tmp_path, CUFF)


@pytest.fixture
def support(tmp_path):
    make_recipient(tmp_path / "support")
    return tmp_path / "support"


def bundle(hub, *words):
    return main(["support-bundle", *map(str, words), "--settings", str(hub.settings)])


def opened(path, support):
    key = read_key(support / "recipient.key", OpeningKey.from_text)
    return b"".join(unseal(path, key)).decode()


def test_what_is_written_is_what_was_shown_and_only_support_opens_it(
    hub, support, tmp_path, capsys
):
    out = tmp_path / "bundle"
    assert bundle(hub, "--out", out, "--to", support / "recipient.pub", "--yes") == 0
    shown = capsys.readouterr().out
    assert opened(out, support) == shown
    assert b"bundle = 1" not in out.read_bytes()
    assert (out.stat().st_mode & 0o777) == 0o600
    assert "settings.devices.1.driver = sig-blood-pressure" in shown
    assert [secret for secret in SECRETS if secret in shown] == []


def test_without_a_key_there_is_a_preview_and_nothing_else(hub, tmp_path, capsys):
    before = sorted(tmp_path.rglob("*"))
    assert bundle(hub) == 0
    said = capsys.readouterr()
    assert "doctor.hub = fail" in said.out
    assert "Nothing was written" in said.err
    assert sorted(tmp_path.rglob("*")) == before
    assert bundle(hub, "--out", tmp_path / "bundle") == 2
    assert not (tmp_path / "bundle").exists()


def test_it_is_not_written_until_somebody_says_yes(hub, support, tmp_path, capsys, monkeypatch):
    to = ("--out", tmp_path / "bundle", "--to", support / "recipient.pub")
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))  # no terminal
    assert bundle(hub, *to) == 1
    assert "--yes" in capsys.readouterr().err
    for answer, code in (("n", 1), ("", 1), ("y", 0)):
        terminal = io.StringIO(f"{answer}\n")
        terminal.isatty = lambda: True
        monkeypatch.setattr("sys.stdin", terminal)
        assert bundle(hub, *to) == code
        assert (tmp_path / "bundle").exists() is (code == 0)
        asked = capsys.readouterr()
        assert f"Write these {len(asked.out.splitlines())} lines, sealed" in asked.err


def test_nothing_is_written_over_another_file_or_to_what_is_no_key(hub, support, tmp_path, capsys):
    out = tmp_path / "bundle"
    out.write_text("mine")
    assert bundle(hub, "--out", out, "--to", support / "recipient.pub", "--yes") == 1
    assert "File exists" in capsys.readouterr().err
    assert out.read_text() == "mine"
    for key in (hub.settings, tmp_path / "none", hub.credentials / "hub.sign.key"):
        assert bundle(hub, "--out", tmp_path / "new", "--to", key, "--yes") == 1
        assert capsys.readouterr().err
        assert not (tmp_path / "new").exists()


def test_as_data_the_lines_are_a_list(hub, capsys):
    assert bundle(hub, "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["file"] is None
    assert "bundle = 1" in told["lines"]


def test_one_name_is_one_hash_within_a_bundle_and_another_in_the_next():
    first, second = Veil(), Veil()
    assert first.hash("cuff") == first.hash("cuff") != second.hash("cuff")


def test_a_fact_that_no_table_names_does_not_go():
    status = {
        "running_s": 5,
        "glucose": 120,
        "uplink": {"connected": True, "trouble": "broker.example.org: refused"},
        "clock": {"quality": 3, "place": "here"},
        "radio": {"adapter": "F0:00:00:12:34:56", "symptoms": ["F0:00:00:12:34:56"]},
        "problems": [{"what": "cuff: away"}],
    }
    assert list(pick("status", status, STATUS, Veil())) == [
        "status.running_s = 5",
        "status.uplink.connected = yes",
        "status.clock.quality = 3",
    ]


async def test_what_the_parts_say_goes_but_for_names_from_outside():
    ladder = Ladder(lambda: 90_000.0, lambda: True, lambda: False)
    ladder.suffers(Symptom.AWAY, error="BleakError")
    ladder.climb(Symptom.AWAY)
    ladder.failed(Rung.POWER, "NoReply")
    network = {
        "signal": "good",
        "route": "cellular",
        "prefer": ["ethernet", "cellular"],
        "modem": {"state": "connected", "operator": "Example Mobile"},
        "recovery": {"trouble": "no-signal", "rung": "reset", "left_s": 20, "climbs": {"reset": 2}},
        "carried": {"N. N.": {"kind": "wifi", "received": 7}},
    }
    status = {"radio": ladder.facts(), "network": network, "light": {"shows": "ready", "day": True}}
    assert list(pick("status", status, STATUS, Veil())) == [
        "status.radio.symptoms.1 = away",
        "status.radio.silent_s = 0",
        "status.radio.expected_s = 600",
        "status.radio.rungs.scan = 1",
        *(f"status.radio.rungs.{each} = 0" for each in Rung if each is not Rung.SCAN),
        "status.radio.failed.power = 1",
        "status.network.signal = good",
        "status.network.route = cellular",
        "status.network.prefer.1 = ethernet",
        "status.network.prefer.2 = cellular",
        "status.network.modem.state = connected",
        "status.network.recovery.trouble = no-signal",
        "status.network.recovery.rung = reset",
        "status.network.recovery.left_s = 20",
        "status.network.recovery.climbs.reset = 2",
        "status.light.shows = ready",
        "status.light.day = yes",
    ]


@pytest.mark.parametrize("fact", ["120", [120], {"value": 120}, b"120"])
def test_a_number_that_is_none_does_not_go(fact):
    assert list(pick("status", {"running_s": fact}, STATUS, Veil())) == []


def test_a_key_that_is_no_word_of_ours_does_not_go():
    counts = {"control": {"answered": 3, "F0:00:00:12:34:56": 1, "N. N.": 1}}
    assert list(pick("status", counts, STATUS, Veil())) == ["status.control.answered = 3"]


def test_no_setting_that_finds_or_names_a_person_or_device_is_shown_as_it_is(hub):
    facts = msgspec.to_builtins(load_settings(hub.settings))
    shown = "\n".join(pick("settings", facts, SETTINGS, Veil()))
    assert [secret for secret in SECRETS if secret in shown] == []
    plain = {path for path, kind in SETTINGS.items() if kind is not Kind.NAME}
    assert not [path for path in plain if path.rsplit(".", 1)[1] in {"serial", "address", "id"}]


def test_of_a_finding_only_our_own_words_are_shown():
    told = Result("bonds", fail("{0}: its bond is lost", "Add it again.", "cuff of N. N."))
    site = Site(Path("gateway.toml"), None, show_unit=lambda _: {"ActiveState": "active", "X": "y"})
    lines = list(gather(site, [told], Veil()))
    [line] = [each for each in lines if each.startswith("doctor.")]
    assert line.startswith("doctor.bonds = fail: #")
    assert line.endswith(": its bond is lost")
    assert "unit.vitalpost.service.ActiveState = active" in lines
    assert "N. N." not in "\n".join(lines)
