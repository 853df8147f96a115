"""Faults of processes, network and broker: `python -m tests.faults`."""

from tests.faults.kills import kills

SCENARIOS = {"kills": kills}
