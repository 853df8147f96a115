"""A machine of Debian 12 in namespaces: its systemd is a real one, its kernel the one around."""

import os
import subprocess
import time
from contextlib import suppress
from pathlib import Path

BOOT = Path(__file__).with_name("boot.sh")
BOOTING_S = 60
COMMAND_S = 300
# systemd to be process 1; the rest so that it finds no other machine's service or file.
NAMESPACES = ("--mount", "--pid", "--ipc", "--uts", "--cgroup", "--fork", "--kill-child")
INSIDE = {"HOME": "/root", "PATH": "/usr/local/bin:/usr/bin:/usr/sbin", "LANG": "C.UTF-8"}
# The kernel's wheels are at hand; what is installed and how is said by the lines alone.
PACKAGES = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": "/wheels", "DEBIAN_FRONTEND": "noninteractive"}
PROXIES = ("http_proxy", "https_proxy", "no_proxy")


class Failed(Exception):
    """Something was not as it should be."""


class Machine:
    """Boots in a folder over a clean root; `beside` shares the network of another one.

    Commands run in it, but with the network of the machine around: packages come from there.
    """

    def __init__(self, base, folder, wheels, name, beside=None):
        self.name = name
        self._group = _find_groups() / f"vitalpost-{name}-{os.getpid()}"
        self._group.mkdir()
        network = ("--net",) if beside is None else ()
        joining = () if beside is None else ("nsenter", "--net", "--target", str(beside.first))
        shell = ("sh", "-c", 'echo $$ > "$0/cgroup.procs" && exec "$@"', str(self._group))
        booting = ("unshare", *NAMESPACES, *network, str(BOOT), str(base), str(folder), str(wheels))
        self._process = subprocess.Popen(
            [*shell, *joining, *booting], stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL
        )
        try:
            self._wait_until_booted()
        except BaseException:
            self.close()
            raise

    def run(self, script, *, wanted=(0,), within_s=COMMAND_S):
        """What it says on standard output; each line of the script has to succeed."""
        entering = ["nsenter", "--target", str(self.first), "--all", "--net=/proc/self/ns/net"]
        environment = {**INSIDE, **PACKAGES, **_proxies()}
        done = subprocess.run(
            [*entering, "bash", "-euo", "pipefail", "-c", f"cd /root\n{script}"],
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=within_s,
            check=False,
        )
        if done.returncode not in wanted:
            said = done.stdout + done.stderr
            raise Failed(f"{self.name}: exit {done.returncode} of\n{script}\n{said}")
        return done.stdout

    def wait_for(self, script, within_s):
        """Until the script succeeds."""
        ends_at = time.monotonic() + within_s
        while True:
            try:
                return self.run(script)
            except Failed:
                if time.monotonic() > ends_at:
                    raise
                time.sleep(0.5)

    def close(self):
        self._process.kill()  # and with it, by --kill-child, all that runs in it
        self._process.wait()
        for folder in [*sorted(self._group.rglob("*/"), reverse=True), self._group]:
            _remove(folder)

    def _wait_until_booted(self):
        ends_at = time.monotonic() + BOOTING_S
        while time.monotonic() < ends_at:
            children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children")
            with suppress(OSError, ValueError, Failed):
                self.first = int(children.read_text())
                if self.run("systemctl is-system-running || true").startswith(("running", "degr")):
                    return
            if self._process.poll() is not None:
                break
            time.sleep(0.5)
        raise Failed(f"{self.name} does not boot")


def _find_groups():
    found = subprocess.run(
        ["findmnt", "-t", "cgroup2", "-no", "TARGET"], capture_output=True, text=True, check=True
    )
    return Path(found.stdout.split()[0])


def _proxies():
    return {name: os.environ[name] for name in PROXIES if name in os.environ}


def _remove(folder):
    """An empty group goes once the kernel has buried its processes."""
    for _ in range(100):
        try:
            folder.rmdir()
        except FileNotFoundError:
            return
        except OSError:
            time.sleep(0.05)
        else:
            return
