"""Output into a pipe that nobody reads any more: the command ends quietly then, as by SIGPIPE.

The signal itself stays ignored: it would end a hub whose broker has hung up.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

EXIT_UNREAD = 141  # as a shell says it of whom SIGPIPE ended


def end_quietly(command: Callable[[], int]) -> int:
    """The command's exit code, or EXIT_UNREAD."""
    try:
        try:
            return command()
        finally:
            sys.stdout.flush()
    except BrokenPipeError:
        for stream in (sys.stdout, sys.stderr):
            try:
                stream.flush()
            except BrokenPipeError:  # Python flushes once more on its way out, and would complain
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
        return EXIT_UNREAD
