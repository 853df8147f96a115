"""An idle hub that prints on stderr what it has imported and stops: SETTINGS.

Our modules one by one, other distributions by their package; neither the standard library, which
each version of Python cuts in its own way, nor compiled innards.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from importlib import import_module
from pathlib import Path

OURS = {"gateway", "drivers", "uplink", "backend", "simulator"}
MACHINES = {"sitecustomize", "usercustomize", "apport_python_hook"}  # Debian's, not ours
NO_HUBS = ("rich",)  # structlog takes it where development tools have brought it


def look_and_stop() -> None:
    found = set()
    for name in sys.modules:
        package = name.partition(".")[0]
        if package not in sys.stdlib_module_names and package[0] != "_" and package != "tests":
            found.add(name if package in OURS else package)
    sys.stderr.write("".join(f"{name}\n" for name in sorted(found.difference(NO_HUBS, MACHINES))))
    os.kill(os.getpid(), signal.SIGTERM)


def main(settings: Path) -> None:
    sys.modules.update(dict.fromkeys(NO_HUBS))
    command = import_module("gateway.cli.run")
    command.configure_log()
    asyncio.run(
        command.run_hub(
            import_module("gateway.config").load_settings(settings), on_ready=look_and_stop
        )
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
