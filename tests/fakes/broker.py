"""A real Mosquitto on a free loopback port, run from the sample that is shipped in config/."""

import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path
from threading import Event, Thread

from tests.fakes.pki import Authority

CONFIG = Path(__file__).parents[2] / "config"
MOSQUITTO = shutil.which("mosquitto", path=f"{os.environ['PATH']}:/usr/sbin:/usr/local/sbin")


class MosquittoBroker:
    """One broker with its state in `folder`. It can be killed and started again on the same port.

    `authority` signs its certificate; `extra` lines are added to the shipped settings.
    """

    def __init__(self, folder: Path, authority: Authority, extra: str = "") -> None:
        self.host = "127.0.0.1"
        self.port = _free_port()
        self.data = folder / "data"
        self.certs = certs = folder / "certs"
        self.data.mkdir(parents=True)
        certs.mkdir()
        certificate, key = authority.issue("broker")
        shutil.copy(authority.certificate, certs / "ca.crt")
        shutil.copy(authority.revoked, certs / "ca.crl")
        shutil.copy(certificate, certs / "broker.crt")
        shutil.copy(key, certs / "broker.key")
        shutil.copy(CONFIG / "mosquitto.acl", certs)
        text = (CONFIG / "mosquitto.conf").read_text()
        filled = {"PORT": self.port, "ADDRESS": self.host, "CERTS": certs, "DATA": self.data}
        for name, value in filled.items():
            text = text.replace(f"@{name}@", str(value))
        self._settings = folder / "mosquitto.conf"
        # As root Mosquitto becomes the user mosquitto, who may not read a test's folder.
        user = "user root\n" if os.geteuid() == 0 else ""
        self._settings.write_text(f"{text}\nlog_type information\n{user}{extra}\n")
        self.log: list[str] = []
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        """Return once it listens."""
        assert MOSQUITTO, "these tests need Mosquitto: apt-get install mosquitto"
        self._process = subprocess.Popen(
            [MOSQUITTO, "-c", self._settings],
            stderr=subprocess.PIPE,
            text=True,
        )
        Thread(target=self._follow, args=[self._process, running := Event()], daemon=True).start()
        assert running.wait(10), self.log

    def reload(self) -> None:
        """As `systemctl reload` would; return once it has.

        Mosquitto forgets a signal that comes while it is still reloading, so it is sent again.
        """
        before = len(self.log)
        for _ in range(10):
            self._process.send_signal(signal.SIGHUP)
            deadline = time.monotonic() + 1
            while time.monotonic() < deadline:
                if any("Reloading config" in line for line in self.log[before:]):
                    return
                time.sleep(0.01)
        raise AssertionError(self.log)

    def kill(self) -> None:
        """As a power cut would."""
        self._end(lambda process: process.kill())

    def stop(self) -> None:
        """As systemd would."""
        self._end(lambda process: process.terminate())

    def _end(self, how) -> None:
        if self._process:
            how(self._process)
            self._process.wait(10)
            self._process = None

    def _follow(self, process, running) -> None:
        with process.stderr:
            for line in process.stderr:
                self.log.append(line)
                if " running" in line:
                    running.set()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]
