import re
import shutil
import subprocess
from pathlib import Path

import pytest

from gateway.identity import credentials

UNITS = Path(__file__).parents[2] / "systemd"
SERVICES = ("vitalpost", "vitalpost-again", "vitalpost-backend", "vitalpost-at-risk")
DROP_INS = ("light", "serial", "sealed")
LIMIT = 1.5
# The hub sees serial ports or GPIO chips then, and is in the group that owns them.
LIMIT_WITH_DEVICES = 1.7


def analyze(*words):
    command = ["systemd-analyze", "--no-pager", *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def expose(unit, *words):
    _, said = analyze("security", "--offline=true", *words, str(unit))
    return float(re.search(r"exposure level for \S+: ([0-9.]+)", said)[1])


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_is_shut_in(service):
    assert expose(UNITS / f"{service}.service") <= LIMIT


@pytest.mark.parametrize(
    ("drop_ins", "limit"),
    [
        (("sealed",), LIMIT),
        (("serial",), LIMIT_WITH_DEVICES),
        (("light",), LIMIT_WITH_DEVICES),
        (DROP_INS, LIMIT_WITH_DEVICES),
    ],
)
def test_a_hub_with_drop_ins_is_shut_in_nearly_as_well(tmp_path, drop_ins, limit):
    folder = tmp_path / "etc/systemd/system"
    shutil.copytree(UNITS, folder)
    (folder / "vitalpost.service.d").mkdir()
    for name in drop_ins:
        shutil.copy(UNITS / f"vitalpost-{name}.conf", folder / "vitalpost.service.d")
    assert expose("vitalpost.service", "--root", str(tmp_path)) <= limit


def test_every_group_that_a_unit_names_is_debians_or_made():
    made = {
        words[1]
        for path in UNITS.glob("*.sysusers")
        for line in path.read_text().splitlines()
        if (words := line.split()) and words[0] in {"g", "u"}
    }
    wanted = {
        group
        for path in [*UNITS.glob("*.service"), *UNITS.glob("*.conf")]
        for name in ("Group", "SupplementaryGroups")
        for group in settings_in(path.name, name)
    }
    assert wanted - made == {"dialout"}  # base-passwd has it


@pytest.mark.parametrize("drop_ins", [(), DROP_INS])
def test_systemd_finds_nothing_amiss_in_any_unit(tmp_path, drop_ins):
    program = tmp_path / "bin" / "vitalpost"
    program.parent.mkdir()
    program.touch(mode=0o755)
    (tmp_path / "bin" / "vitalpost-backend").touch(mode=0o755)
    found = [path for kind in ("service", "timer") for path in sorted(UNITS.glob(f"*.{kind}"))]
    for path in found:
        text = path.read_text().replace("/opt/vitalpost/bin/", f"{program.parent}/")
        (tmp_path / path.name).write_text(text)
    (tmp_path / "vitalpost.service.d").mkdir()
    for name in drop_ins:
        shutil.copy(UNITS / f"vitalpost-{name}.conf", tmp_path / "vitalpost.service.d")
    assert len(found) >= 6
    assert analyze("verify", *(str(tmp_path / path.name) for path in found)) == (0, "")


def settings_in(unit, name):
    return re.findall(rf"^{name}=(.+)$", (UNITS / unit).read_text(), re.MULTILINE)


def test_every_credential_of_the_hub_has_a_line_and_each_private_one_a_sealed_form():
    plain = [line.split(":")[0] for line in settings_in("vitalpost.service", "LoadCredential")]
    assert plain == [
        credentials.SIGN_KEY,
        credentials.TLS_KEY,
        credentials.TLS_CERTIFICATE,
        credentials.BROKER_CA,
        credentials.SEALING_KEYS,
        credentials.RECEIPT_KEYS,
        credentials.TOLD_AT,
    ]
    sealed = settings_in("vitalpost-sealed.conf", "LoadCredentialEncrypted")
    assert [line.split(":")[0] for line in sealed] == plain[:2]


def test_a_hub_that_failed_is_tried_again_when_it_may_be_started():
    [refused] = settings_in("vitalpost.service", "StartLimitIntervalSec")
    [again] = settings_in("vitalpost-again.timer", "OnActiveSec")
    assert int(again.removesuffix("min")) > int(refused.removesuffix("min"))


def test_the_hub_is_started_once_more_after_the_timer_has_ended():
    [after] = settings_in("vitalpost.service", "After")
    assert "vitalpost-again.service" in after.split()
    first, second = settings_in("vitalpost-again.service", "ExecStart")
    assert first.endswith(" reset-failed vitalpost.service")
    assert second.endswith(" start --no-block vitalpost.service")
