"""When a reading was measured, from what every clock said."""
