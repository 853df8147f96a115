"""Errors that nobody waited for: one line, with their kind and where they arose."""

from __future__ import annotations

import asyncio
from typing import Any

import structlog

HINT = "The hub goes on; report it with the version where it comes again."

log = structlog.get_logger()


def tell_leftover(_loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Log what the event loop hands to its exception handler, `context` as asyncio gives it.

    asyncio's own handler would print a traceback with the error's message, which could hold a
    value. bleak leaves such errors whenever the D-Bus goes: it ends the scan over a closed socket.
    """
    error = context.get("exception")
    what = type(error).__name__ if error else "unfinished"
    log.warning("error-left-over", what=what, at=find_origin(error), hint=HINT)


def find_origin(error: BaseException | None) -> str:
    """Where it was raised, as module and line: a message could hold a value."""
    trace = error.__traceback__ if error else None
    while trace and trace.tb_next:
        trace = trace.tb_next
    if trace is None:
        return ""
    return f"{trace.tb_frame.f_globals.get('__name__')}:{trace.tb_lineno}"
