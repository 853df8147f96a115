"""The tables of the ledger. Facts are only ever added.

What counting needs lies in the clear; values stay sealed, in `record`. Instants are milliseconds
of UTC since 1970, `boottime_ms` counts from a hub's boot, device times are naive.
`placed_ms` is an index, not a verdict: the instant as well as the ledger knows it, by the hub's
own clock or by an anchor of its boot, NULL while nothing tells.
"""

from __future__ import annotations

from backend.tables.columns import metadata
from backend.tables.completeness import checkpoint, extent, gone, gone_statement, hole
from backend.tables.feed import feed, sink
from backend.tables.hubs import hub, hub_certificate, hub_end, hub_key, incident, parked
from backend.tables.keeping import (
    access,
    legal_hold,
    missing_accepted,
    missing_fact,
    reading_key,
    version,
)
from backend.tables.patients import (
    assignment,
    device,
    fact,
    patient,
    patient_zone,
    rule_set,
    rule_signature,
)
from backend.tables.readings import (
    MEASURED,
    clock_anchor,
    device_clock,
    judgement,
    measured,
    reading,
    sighting,
)
from backend.tables.records import epoch, epoch_device, record, waiting

__all__ = [
    "MEASURED",
    "access",
    "assignment",
    "checkpoint",
    "clock_anchor",
    "device",
    "device_clock",
    "epoch",
    "epoch_device",
    "extent",
    "fact",
    "feed",
    "gone",
    "gone_statement",
    "hole",
    "hub",
    "hub_certificate",
    "hub_end",
    "hub_key",
    "incident",
    "judgement",
    "legal_hold",
    "measured",
    "metadata",
    "missing_accepted",
    "missing_fact",
    "parked",
    "patient",
    "patient_zone",
    "reading",
    "reading_key",
    "record",
    "rule_set",
    "rule_signature",
    "sighting",
    "sink",
    "version",
    "waiting",
]
