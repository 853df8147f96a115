"""A service manager as systemd is one: watches a notify socket, ends what hangs, starts it anew."""

import os
import signal
import socket
import subprocess
import sys

STARTING_S = 60
ENDING_S = 5


class ServiceManager:
    """`vitalpost run` as its unit has it; each start and end is kept in `history`.

    A stopped process takes no SIGABRT, so that what does not end is killed, as systemd does it.
    """

    def __init__(self, folder, words, *, watchdog_s=4.0, never_again=78):
        self.folder = folder
        self.history = []
        self._words = words
        self._watchdog_s = watchdog_s
        self._never_again = never_again
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(folder / "notify"))
        self._log = (folder / "log").open("w+")
        self._process = None

    def start(self):
        """Start it and return its STATUS once it is ready; None where it ends for good before."""
        while True:
            self.history.append("start")
            self._process = subprocess.Popen(
                [sys.executable, "-m", *self._words],
                env={
                    **os.environ,
                    "NOTIFY_SOCKET": str(self.folder / "notify"),
                    "WATCHDOG_USEC": str(int(self._watchdog_s * 1e6)),
                    "STATE_DIRECTORY": str(self.folder / "state"),
                    "DBUS_SYSTEM_BUS_ADDRESS": f"unix:path={self.folder}/no-bus",
                },
                stdout=self._log,
                stderr=self._log,
            )
            said = self._hear(STARTING_S)
            if said.startswith("READY=1"):
                self.history.append("ready")
                return said.partition("STATUS=")[2]
            if self._end() == self._never_again:
                return None

    def watch(self, feedings):
        """Return True after so many feedings; False where it hung, which is then started anew."""
        for _ in range(feedings):
            if self._hear(self._watchdog_s) != "WATCHDOG=1":
                self.history.append("hung")
                self._process.send_signal(signal.SIGABRT)
                self._end()
                self.start()
                return False
        return True

    def signal(self, number):
        self._process.send_signal(number)

    def stop(self):
        self._process.terminate()
        return self._end()

    def log(self):
        self._log.seek(0)
        return self._log.read()

    def close(self):
        if self._process:
            self._process.kill()
            self._process.wait()
        self._socket.close()
        self._log.close()

    def _hear(self, within_s):
        """What it says next; empty where it says nothing in that time or is gone."""
        self._socket.settimeout(0.05)
        for _ in range(int(within_s / 0.05)):
            try:
                return self._socket.recv(500).decode()
            except TimeoutError:
                if self._process.poll() is not None:
                    break
        return ""

    def _end(self):
        try:
            code = self._process.wait(ENDING_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            code = self._process.wait()
        self._socket.setblocking(False)
        try:
            while self._socket.recv(500):
                pass
        except BlockingIOError:
            pass
        self.history.append(f"ended {code}")
        return code
