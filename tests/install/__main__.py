"""`python -m tests.install [--mirror URL]`: the README's lines on clean machines of Debian 12.

A clean root is made by mmdebstrap; office and hub boot over it, each with a systemd of its own, and
what the README says is done there line by line. Then the hub has to bear what a year brings.
"""

import argparse
import shutil
import signal
import subprocess
import sys
import time
import tomllib
from contextlib import ExitStack, closing
from functools import partial

from simulator.demo import folder_on_disk
from tests.install.asking import follow
from tests.install.bare import BARE
from tests.install.machine import Failed, Machine
from tests.install.rights import RIGHTS
from tests.install.trials import TRIALS
from tests.install.words import ROOT, find_blocks

# What a minimal Debian with systemd has; all else the README has to name.
PACKAGES = "systemd,systemd-sysv,dbus,ca-certificates,libpam-systemd"
LIMIT_S = 900
CARRIED = ("request.json", "answer.json")
# No machine here has a radio: whoever calls for bluetoothd is told so after 5 s, and not after 25.
NO_RADIO = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><limit name="service_start_timeout">5000</limit></busconfig>
"""
NAMES = ("broker.example.org",)  # as in the README and the example settings


class Ended(Exception):
    """Not for want of anything: by whoever started it, or as it took too long."""


def main():
    parser = argparse.ArgumentParser(prog="python -m tests.install", description=__doc__)
    parser.add_argument("--mirror", help="where Debian's packages are; else Debian's own")
    args = parser.parse_args()
    began = time.monotonic()
    for each in (signal.SIGALRM, signal.SIGTERM):
        signal.signal(each, end)
    signal.alarm(LIMIT_S)
    made = folder_on_disk("vitalpost-install-")
    made.chmod(0o755)
    try:
        prepare(made, args.mirror)
        install(made)
    except (Failed, Ended, subprocess.SubprocessError) as failure:
        say(failure)
        return 1
    finally:
        shutil.rmtree(made)
    say(f"installed by the README and tried in {time.monotonic() - began:.0f} s")
    return 0


def end(*_):
    """In order: machines and folder go as well."""
    raise Ended(f"ended, or not done within {LIMIT_S} s")


def prepare(made, mirror):
    say("a clean root")
    make_root(made / "base", mirror)
    say("wheels of the locked requirements")
    fetch_wheels(made / "wheels")


def install(made):
    base, wheels = made / "base", made / "wheels"
    with ExitStack() as stack:
        office = stack.enter_context(closing(Machine(base, made / "office", wheels, "office")))
        hub = Machine(base, made / "hub", wheels, "hub", beside=office)
        stack.enter_context(closing(hub))
        machines, untried = {"office": office, "hub": hub}, {"hub": BARE}
        stack.push(partial(tell_journals, machines))
        for place, lines in find_blocks("README.md"):
            say(f"{place}: {lines.splitlines()[-1]}")
            follow(machines[place], lines)
            carry(machines[place], machines)
            for trial in untried.pop(place, ()):
                tell(trial)
                trial(hub)
        for trial in (*TRIALS, *RIGHTS):
            tell(trial)
            hub.run("systemctl reset-failed vitalpost")  # more starts than are allowed in its time
            trial(office, hub)


def make_root(base, mirror):
    command = ["mmdebstrap", "--quiet", "--variant=minbase", f"--include={PACKAGES}"]
    keep = "--skip=cleanup/apt/lists"  # as on a machine whose owner has updated
    suite = ["bookworm", str(base), *([mirror] if mirror else [])]
    subprocess.run([*command, keep, *suite], check=True, timeout=900)
    (base / "etc" / "dbus-1" / "system-local.conf").write_text(NO_RADIO)
    copy_project(base / "root" / "vitalpost")
    with (base / "etc" / "hosts").open("a") as hosts:
        hosts.writelines(f"127.0.0.1 {name}\n" for name in NAMES)


def copy_project(to):
    """As somebody has it who has cloned it."""
    words = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in listed.split("\0"):
        if (ROOT / name).is_file():
            (to / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, to / name)


def fetch_wheels(to):
    """By this machine's own pip, as it is set up; the machines then install from the folder."""
    fetch = [sys.executable, "-m", "pip", "download", "-qq", "--dest", str(to)]
    fetch += ["--python-version", "3.11", "--only-binary", ":all:"]
    for lock in ("hub", "light", "backend"):
        locked = ["--require-hashes", "-r", str(ROOT / "requirements" / f"{lock}.txt")]
        subprocess.run([*fetch, *locked], check=True, timeout=600)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    subprocess.run([*fetch, *project["build-system"]["requires"]], check=True, timeout=600)


def carry(machine, machines):
    """What a step has made for the other machine; a README's reader carries it by hand."""
    [other] = [each for each in machines.values() if each is not machine]
    for name in CARRIED:
        path = f"vitalpost/{name}"
        text = machine.run(f"cat {path} 2>/dev/null || true")
        if text:
            other.run(f"cat > {path} <<'END'\n{text}END")


def tell_journals(machines, _kind, failure, _trace):
    """What the machines themselves say where something failed."""
    if failure:
        for machine in machines.values():
            say(machine.run("journalctl --no-pager --lines 40"))


def tell(trial):
    say(f"{time.strftime('%H:%M:%S')} {trial.__name__.replace('_', ' ')}")


def say(what):
    sys.stderr.write(f"{what}\n")


if __name__ == "__main__":
    sys.exit(main())
