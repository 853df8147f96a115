"""The log of a process that receives: JSON lines, for journald."""

from __future__ import annotations

import logging
from typing import TextIO

import structlog


def configure(to: TextIO) -> None:
    """Log to `to` from now on."""
    structlog.configure(
        processors=[structlog.processors.add_log_level, structlog.processors.JSONRenderer()],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(to),
        cache_logger_on_first_use=True,
    )
