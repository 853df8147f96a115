"""Sealed records from the hub to the backend; knows no device."""
