"""What an idle hub imports: `python -m tests.fakes.idle_imports > tests/idle-imports.txt`."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.fakes.hub_folder import HubFolder


def list_imports(folder: Path) -> str:
    """A line each, of a hub without a system bus: no radio of this machine is touched."""
    return subprocess.run(
        [sys.executable, "-m", "tests.fakes.idle_hub", HubFolder(folder).settings],
        env={**os.environ, "DBUS_SYSTEM_BUS_ADDRESS": f"unix:path={folder}/no-bus"},
        cwd=Path(__file__).parents[2],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        check=True,
    ).stderr


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as made:
        sys.stdout.write(list_imports(Path(made)))
