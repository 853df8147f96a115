import json
import subprocess
import sys

import pytest

from simulator import script

SCRIPTS = script.SCRIPTS


def play(name):
    command = [sys.executable, "-m", "simulator", "demo", "--json", "--script", SCRIPTS / name]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=180)
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


@pytest.mark.long
def test_a_month_with_faults_loses_nothing_and_counts_just_the_days_of_the_cuffs_log():
    outcome = play("cuff.toml")
    assert outcome["measured"] == outcome["stored"] == 53
    assert (outcome["lost"], outcome["counted_twice"], outcome["gaps"]) == (0, 0, 0)
    assert outcome["patients"]["patient-1"]["qualifying_days"] == 27
    assert outcome["failed_measurements"] == 4
    assert outcome["kills"] == 3
    assert outcome["completeness"] == "complete"
    assert outcome["repeats"] >= 12


@pytest.mark.long
def test_identical_frames_of_a_clockless_cuff_on_17_mornings_are_17_days():
    outcome = play("clockless.toml")
    assert outcome["measured"] == outcome["stored"] == 17
    assert outcome["patients"]["patient-1"]["qualifying_days"] == 17


@pytest.mark.parametrize(
    ("text", "said"),
    [("", "month.toml"), ("days = 'many'", "month.toml"), ("[[[", "month.toml")],
)
def test_a_script_that_is_none_is_refused_with_a_sentence(tmp_path, text, said):
    broken = tmp_path / "broken.toml"
    broken.write_text(text)
    command = [sys.executable, "-m", "simulator", "demo", "--script", broken]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 1
    assert done.stderr.startswith("broken.toml: ")
    assert said in done.stderr
