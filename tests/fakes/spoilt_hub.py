"""A hub whose storage breaks at a step of a record's way, so that it ends aloud: SETTINGS STEP."""

import sys
from pathlib import Path

from gateway.cli import main, run
from uplink.journal import Step


def spoil(step):
    def note(told: Step) -> None:
        if told.did == step:
            raise OSError(5, "Input/output error")

    return note


if __name__ == "__main__":
    settings, step = sys.argv[1:]
    run._open_journal = lambda _settings: spoil(step)
    sys.exit(main(["run", "--settings", str(Path(settings))]))
