"""A patient of the ledger before the billing rules: readings, days, verdicts, what can be saved."""
