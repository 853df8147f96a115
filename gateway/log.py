"""The log: JSON lines on stdout for journald. No values, no serials, no addresses."""

from __future__ import annotations

import logging

import structlog

from gateway.log_ring import RECENT


def configure() -> None:
    """Log from INFO up, one JSON object a line; journald adds the time. The last ones are kept."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            RECENT,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(),
        cache_logger_on_first_use=True,
    )
    # Its warnings name devices by their full address; what they tell is logged here as well.
    logging.getLogger("bleak").setLevel(logging.CRITICAL)
