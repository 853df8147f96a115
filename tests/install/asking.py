"""How a trial asks a machine, and what it does where the answer is another than it should be."""

import json
from contextlib import contextmanager

from tests.install.machine import Failed

ENOUGH_S = 60
SETTINGS = "/etc/vitalpost/gateway.toml"
MARKS = {"ok", "warn", "fail"}


def expect(claim, found):
    if not claim:
        raise Failed(str(found))


def status(hub):
    return json.loads(hub.run("vitalpost status --json 2>/dev/null", wanted=(0, 1)))


def wait_until(hub, claim):
    """Until that is true of the hub's status, a Python expression in `now`."""
    asking = f"""(vitalpost status --json 2>/dev/null || true) | python3 -c '
import json, sys
now = json.load(sys.stdin)
sys.exit(not ({claim}))'"""
    hub.wait_for(asking, ENOUGH_S)


def follow(machine, lines):
    """Do what a page says. `vitalpost status`, its last line, may find something amiss."""
    begun, last, _ = lines.rpartition("vitalpost status\n")
    machine.run(begun or lines)
    if last:
        machine.run(last, wanted=(0, 1))


def diagnose(hub):
    """What the doctor says, in the hub's own network: mark and sentence by name.

    No machine here has a radio, so it never is content.
    """
    said = hub.run("nsenter --target 1 --net vitalpost doctor 2>&1", wanted=(1,))
    told = [line.split(maxsplit=2) for line in said.splitlines()]
    expect(all(line[0] in MARKS for line in told), said)
    return {name: (mark, what) for mark, name, what in told}


def expect_marks(told, mark, names):
    """Each of these checks has this mark."""
    given = {name for name, (found, _) in told.items() if found == mark}
    expect(set(names.split()) <= given, told)


@contextmanager
def drop_in(hub, unit, lines):
    """The unit with these lines beside its own."""
    path = f"/run/systemd/system/{unit}.d/trial.conf"
    hub.run(f"mkdir -p $(dirname {path}) && cat > {path} <<'END'\n{lines}END")
    hub.run("systemctl daemon-reload")
    yield
    hub.run(f"rm {path} && systemctl daemon-reload")
