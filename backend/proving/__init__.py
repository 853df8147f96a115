"""Whether the ledger holds what was sealed: every record opened, every sum made again."""
