"""Every family of trouble, in the order in which they befall a history."""

from __future__ import annotations

from . import fact_troubles, reading_troubles

ALL = (
    reading_troubles.zone_moves,
    reading_troubles.seams,
    reading_troubles.wrong_clocks,
    reading_troubles.buffered,
    reading_troubles.resent,
    reading_troubles.uncertain,
    reading_troubles.no_data,
    reading_troubles.only_one_fault,
    reading_troubles.unfit_devices,
    reading_troubles.shared_devices,
    reading_troubles.user_slots,
    reading_troubles.locks,
    fact_troubles.consents,
    fact_troubles.episodes,
    fact_troubles.stays,
    fact_troubles.other_programmes,
    fact_troubles.other_claims,
    fact_troubles.eligibility,
    fact_troubles.minutes,
    fact_troubles.professional,
    fact_troubles.quiet,
)
