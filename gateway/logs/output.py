"""The log: JSON lines on stdout for journald. No values, no serials, no addresses."""

from __future__ import annotations

import logging

import structlog

from gateway.logs.measure import Measure
from gateway.logs.ring import RECENT


def configure_log() -> None:
    """Log from INFO up, one JSON object a line; journald adds the time.

    A day is a short story, and the last lines are kept before any is left out of it.
    """
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            RECENT,
            Measure(),
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(),
        cache_logger_on_first_use=True,
    )
    # Its warnings name devices by their full address; what they tell is logged here as well.
    logging.getLogger("bleak").setLevel(logging.CRITICAL)
