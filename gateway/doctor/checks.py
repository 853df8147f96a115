"""All checks, in the order in which they are told."""

from __future__ import annotations

from gateway.doctor.devices import look_at_adapter, look_at_bluetoothd, look_at_bonds, look_at_ports
from gateway.doctor.examine import Check
from gateway.doctor.installation import (
    look_at_hub,
    look_at_settings,
    look_at_settings_in_use,
    look_at_version,
    look_at_watchdog,
)
from gateway.doctor.keys import look_at_certificate, look_at_credentials, look_at_sealing
from gateway.doctor.machine import look_at_clock, look_at_power, look_at_temperature
from gateway.doctor.reports import look_at_reports
from gateway.doctor.storing import look_at_disk, look_at_outbox, look_at_storage, look_at_wear
from gateway.doctor.tls import look_at_tls
from gateway.doctor.way import (
    ROUND_TRIP_S,
    look_at_broker,
    look_at_signal,
    look_up_broker,
    make_round_trip,
)

CHECKS = (
    Check("settings", look_at_settings),
    Check("settings-in-use", look_at_settings_in_use),
    Check("version", look_at_version),
    Check("hub", look_at_hub),
    Check("watchdog", look_at_watchdog),
    Check("reports", look_at_reports),
    Check("credentials", look_at_credentials),
    Check("certificate", look_at_certificate),
    Check("sealing", look_at_sealing),
    Check("clock", look_at_clock),
    Check("storage", look_at_storage),
    Check("outbox", look_at_outbox),
    Check("disk", look_at_disk),
    Check("flash-wear", look_at_wear),
    Check("temperature", look_at_temperature),
    Check("power", look_at_power),
    Check("adapter", look_at_adapter),
    Check("bluetoothd", look_at_bluetoothd),
    Check("bonds", look_at_bonds),
    Check("serial-ports", look_at_ports),
    Check("signal", look_at_signal),
    Check("dns", look_up_broker),
    Check("tls", look_at_tls, 8.0),
    Check("broker", look_at_broker, 8.0),
)
ROUND_TRIP = Check("round-trip", make_round_trip, ROUND_TRIP_S)
