"""Modem, routes and what they carry; nothing of it is needed to collect readings."""
