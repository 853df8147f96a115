import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.cli import main
from gateway.config import load_settings, parse_settings
from gateway.errors import ConfigErrors, FormatNewer
from gateway.settings_upgrade import FORMAT, Renamed, upgrade_tables, upgrade_text

ROOT = Path(__file__).parents[2]
OLDER = Path(__file__).parent / "older"
LATER = (
    (),
    (Renamed("radio", "quiet_s", "silence_s"), Renamed("devices", "driver", "reader")),
    (Renamed("radio", "silence_s", "patience_s"),),
)
"""Formats that never were."""

FIRST = """\
# of the first format
[hub]   # this one
id = "hub-1"

[radio]
  quiet_s = 60   # a device
[[devices]]
driver = "a"
name = "driver = 7"
[[devices]]
driver = "b"
"""
FOURTH = """\
# of the first format
[hub]   # this one
format = 4
id = "hub-1"

[radio]
  patience_s = 60   # a device
[[devices]]
reader = "a"
name = "driver = 7"
[[devices]]
reader = "b"
"""
LEAST = '[hub]\nid = "hub-1"\nsite_zone = "Etc/UTC"\n[broker]\nhost = "broker"\n'


@pytest.fixture
def older(tmp_path):
    return shutil.copytree(OLDER / "settings-1", tmp_path / "older") / "gateway.toml"


def test_the_example_is_of_this_format_and_older_settings_are_read_as_if_they_were():
    assert tomllib.loads((ROOT / "config/gateway.toml").read_text())["hub"]["format"] == FORMAT
    assert parse_settings(LEAST.encode()) == parse_settings(upgrade_text(LEAST).encode())


def test_settings_climb_through_every_format_and_keep_their_comments_and_their_order():
    assert upgrade_text(FIRST, LATER) == FOURTH
    assert upgrade_text(FOURTH, LATER) == FOURTH
    second = FIRST.replace("this one\n", "this one\nformat = 2\n")
    assert upgrade_text(second, LATER) == FOURTH
    third = FOURTH.replace("= 4", "= 3").replace("patience", "silence")
    assert upgrade_text(third, LATER) == FOURTH


@pytest.mark.parametrize(
    "text", ["hub.id = 'h'\nradio.quiet_s = 1\n", "hub = {id = 'h'}\n", '["hub"]\nid = "h"\n']
)
def test_a_file_of_its_own_style_is_read_and_left_to_a_person_with_what_to_write(text):
    assert upgrade_tables(tomllib.loads(text), LATER)["hub"] == {"id": "h", "format": 4}
    with pytest.raises(ConfigErrors) as caught:
        upgrade_text(text, LATER)
    assert "hub.format = 4; radio.quiet_s is silence_s now" in caught.value.hint


def test_settings_of_a_later_format_are_refused_by_both_numbers():
    with pytest.raises(FormatNewer, match="found format 99, this version knows up to"):
        parse_settings(LEAST.replace("[hub]", "[hub]\nformat = 99").encode())


@pytest.mark.parametrize("found", ["0", "true", '"2"', "[]"])
def test_what_is_no_format_is_a_fault_like_any_other(found):
    with pytest.raises(ConfigErrors, match=r"hub\.format: found"):
        parse_settings(LEAST.replace("[hub]", f"[hub]\nformat = {found}").encode())


@given(st.text() | st.sampled_from([FIRST, FOURTH, LEAST]))
def test_whatever_the_text_it_is_upgraded_to_what_its_tables_are_or_refused(text):
    try:
        upgraded = upgrade_text(text, LATER)
    except (ConfigErrors, FormatNewer, tomllib.TOMLDecodeError):
        return
    assert tomllib.loads(upgraded) == upgrade_tables(tomllib.loads(text), LATER)


def test_the_command_rewrites_the_file_once_and_keeps_the_old_one_with_mode_and_owner(
    older, capsys
):
    before = older.read_text()
    older.chmod(0o640)
    assert main(["config", "upgrade", "--settings", str(older)]) == 0
    assert "was of format 1; it is kept as gateway.toml.before" in capsys.readouterr().err
    kept = older.with_name("gateway.toml.before")
    assert kept.read_text() == before
    assert older.read_text() == before.replace("[hub]\n", f"[hub]\nformat = {FORMAT}\n", 1)
    assert {each.stat().st_mode & 0o777 for each in (older, kept)} == {0o640}
    assert main(["config", "upgrade", "--settings", str(older)]) == 0
    assert "is of this format" in capsys.readouterr().err
    assert kept.read_text() == before
    assert load_settings(older).hub.id == "hub-1"


def test_the_command_leaves_settings_of_a_later_format_as_they_are_and_exits_78(older, capsys):
    text = older.read_text().replace("[hub]\n", "[hub]\nformat = 99\n", 1)
    older.write_text(text)
    assert main(["config", "upgrade", "--settings", str(older)]) == 78
    assert "Install the later version again" in capsys.readouterr().err
    assert [each.name for each in older.parent.iterdir()] == [older.name]
    assert older.read_text() == text


@pytest.mark.parametrize("what", ["settings", "memory"])
def test_an_upgrade_that_is_killed_at_any_step_leaves_the_old_file_or_the_new_one(tmp_path, what):
    said = subprocess.run(
        [sys.executable, "-m", "tests.fakes.mortal_upgrade", what, OLDER / f"{what}-1", tmp_path],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    killed, code = map(int, said.split())
    assert (killed > 8, code) == (True, 0)
    name = {"settings": "gateway.toml", "memory": "memory.json"}[what]
    old = (OLDER / f"{what}-1" / name).read_bytes()
    new = (tmp_path / str(killed + 1) / name).read_bytes()  # of the one that was not killed
    assert new != old
    left = [(tmp_path / str(number) / name).read_bytes() for number in range(1, killed + 1)]
    assert set(left) == {old, new}
    assert left == sorted(left, key=lambda each: each == new)
