import json
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from gateway.cli import main
from gateway.identity.provision import Request
from tests.fakes.hub_folder import HubFolder, Office

SETTINGS = """
[hub]
id = "hub-1"
site_zone = "America/New_York"
credentials = "{}"
[broker]
host = "broker.example.org"
"""


@pytest.fixture
def settings(tmp_path):
    path = tmp_path / "gateway.toml"
    path.write_text(SETTINGS.format(tmp_path / "credentials"))
    return path


def test_the_example_passes_its_check():
    example = Path(__file__).parents[2] / "config/gateway.toml"
    assert main(["config", "check", "--settings", str(example)]) == 0


def test_a_check_names_the_faults_of_settings_radio_clock_and_credentials(tmp_path, capsys):
    more = '[radio]\nbackend = "x"\n[clock]\nsource = "y"\n'
    hub = HubFolder(tmp_path, more)
    (hub.credentials / "hub.sign.key").unlink()
    check = ["config", "check", "--settings", str(hub.settings)]
    assert main(check) == 78
    radio, clock, credential, *hints = capsys.readouterr().err.splitlines()
    assert radio == "radio.backend: found 'x', wanted one of bluez, virtual"
    assert clock == "clock.source: found 'y', wanted one of script, system"
    assert "hub.sign.key: found No such file or directory" in credential
    assert len(hints) == 2
    assert main([*check, "--json"]) == 78
    faults = json.loads(capsys.readouterr().out)["faults"]
    assert faults[0]["path"] == "radio.backend"


def test_the_office_is_asked_and_its_answer_installed(settings, tmp_path, capsys):
    assert main(["provision", "request", "--settings", str(settings)]) == 0
    request = msgspec.json.decode(capsys.readouterr().out, type=Request)
    answer = tmp_path / "answer.json"
    install = ["provision", "install", str(answer), "--settings", str(settings)]
    assert main(install) == 1
    assert "No such file" in capsys.readouterr().err
    answer.write_text(json.dumps(Office().answer(request)))
    assert main(install) == 0
    assert main(["config", "check", "--settings", str(settings)]) == 0


def test_a_command_imports_what_it_needs_and_no_more():
    looks = "from gateway.cli import main; import sys; main(['version', '--json'])"
    command = [sys.executable, "-c", f"{looks}; assert not {{'bleak', 'paho'}} & set(sys.modules)"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout).keys() == {"version"}


def test_the_demo_says_what_it_misses(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "bumble", None)
    assert main(["demo"]) == 1
    assert "pip install" in capsys.readouterr().err


def test_usage_is_told_with_2(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["dance"])
    assert ended.value.code == 2
