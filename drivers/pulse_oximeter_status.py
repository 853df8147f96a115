"""What a pulse oximeter says of a measurement, of itself and of its sensor: every bit has a name.

Source: GATT Specification Supplement, Measurement Status and Device and Sensor Status of 0x2A5E
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

STORED, DEMONSTRATION, TESTING = "data_from_storage", "demonstration_data", "testing_data"
UNAVAILABLE, INVALID = "measurement_unavailable", "invalid_measurement"
OFF_USER, OFF_DEVICE = "sensor_unconnected_to_user", "sensor_disconnected"
MEASUREMENT_STATUS = (
    *(f"measurement_status_bit_{bit}" for bit in range(5)),
    "measurement_ongoing",
    "early_estimate",
    "validated_data",
    "fully_qualified_data",
    STORED,
    DEMONSTRATION,
    TESTING,
    "calibration_ongoing",
    UNAVAILABLE,
    "questionable_measurement",
    INVALID,
)
SENSOR_STATUS = (
    "extended_display_update",
    "equipment_malfunction",
    "signal_processing_irregularity",
    "inadequate_signal",
    "poor_signal",
    "low_perfusion",
    "erratic_signal",
    "nonpulsatile_signal",
    "questionable_pulse",
    "signal_analysis_ongoing",
    "sensor_interference",
    OFF_USER,
    "unknown_sensor",
    "sensor_displaced",
    "sensor_malfunction",
    OFF_DEVICE,
    *(f"sensor_status_bit_{bit}" for bit in range(16, 24)),
)


def names_of(of: Sequence[str], bits: int) -> Iterator[str]:
    """The names of the bits that are set."""
    return (name for bit, name in enumerate(of) if bits >> bit & 1)
