"""One life of a program under strace, which makes one of its system calls fail."""

from __future__ import annotations

import ctypes
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

CALLS = (
    *("pwrite64", "write", "fdatasync", "fsync", "ftruncate", "unlink"),
    *("rename", "renameat", "renameat2", "link"),
)
READ_ONLY = "error=EROFS"  # from one call on, as when the kernel gives a card up
FAULTS = ("signal=KILL", "error=EIO", "error=ENOSPC")
ATTACH_S = 20
_PR_SET_PTRACER = 0x59616D61  # linux/prctl.h; some machines let only a parent trace otherwise

Tell = Callable[..., None]


class Call(NamedTuple):
    """The `nth` call of its name in one thread, or all from there on, and what becomes of it."""

    name: str
    nth: int
    fault: str
    is_first: bool = False

    def __str__(self) -> str:
        return f"{self.name} {self.when} with {self.fault.partition('=')[2]}"

    @property
    def when(self) -> str:
        """In strace's words."""
        return f"{self.nth}+" if self.is_first else str(self.nth)


class Life(NamedTuple):
    """How a program ended (below 0: by that signal), what it told, and how often it called what."""

    code: int
    told: list[list[Any]]
    calls: Counter[str]


def live(
    work: Callable[[Tell], int],
    folder: Path,
    fault: Call | None = None,
    recording: Sequence[str] = (),
) -> Life:
    """Do the work in a process of its own; it tells by a socket, not by any call that may fail.

    `recording` are options by which strace writes more into `folder` than which calls there were.
    """
    ours, theirs = socket.socketpair()
    trace, log = folder / "strace.log", folder / "life.log"
    pid = os.fork()
    if not pid:
        ours.close()
        _be_born(work, theirs, log)
    theirs.close()
    try:
        strace = _attach(pid, trace, fault, recording)
        ours.send(b"go")
        told = [json.loads(line) for line in ours.makefile("rb") if line.endswith(b"\n")]
    except BaseException:
        os.kill(pid, signal.SIGKILL)
        raise
    finally:
        _, status = os.waitpid(pid, 0)
        ours.close()
    strace.wait()
    return Life(os.waitstatus_to_exitcode(status), told, _count(trace))


def _attach(
    pid: int, trace: Path, fault: Call | None, recording: Sequence[str]
) -> subprocess.Popen[bytes]:
    if shutil.which("strace") is None:
        raise RuntimeError("strace is missing: no call was made to fail")
    names = CALLS if fault is None else (fault.name,)
    inject = ["-e", f"inject={fault.name}:{fault.fault}:when={fault.when}"] if fault else []
    options = ["-f", "-qq", "-o", str(trace), "-e", f"trace={','.join(names)}", "-e", "signal=none"]
    command = ["strace", *options, *inject, *recording, "-p", str(pid)]
    strace = subprocess.Popen(command, stderr=subprocess.PIPE)
    until = time.monotonic() + ATTACH_S
    while "TracerPid:\t0\n" in Path(f"/proc/{pid}/status").read_text():
        if strace.poll() is not None or time.monotonic() > until:
            strace.kill()
            said = strace.stderr.read().decode(errors="replace") if strace.stderr else ""
            raise RuntimeError(f"strace cannot attach: {said.strip()}")
        time.sleep(0.001)
    return strace


def _be_born(work: Callable[[Tell], int], theirs: socket.socket, log: Path) -> NoReturn:
    code = 70
    try:
        said = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(said, 1)
        os.dup2(said, 2)
        ctypes.CDLL(None).prctl(_PR_SET_PTRACER, ctypes.c_ulong(-1))
        theirs.recv(2)
        code = work(lambda *what: theirs.sendall(json.dumps(what).encode() + b"\n"))
    except BaseException:  # noqa: BLE001  a child never goes back into the loop that bore it
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


def _count(trace: Path) -> Counter[str]:
    """The most calls of each name by one thread: strace counts by thread, too."""
    lines = trace.read_text(errors="replace")
    by_thread = Counter(re.findall(r"^(\d+) +(\w+)\(", lines, re.MULTILINE))
    most: Counter[str] = Counter()
    for (_, name), count in by_thread.items():
        most[name] = max(most[name], count)
    return most
