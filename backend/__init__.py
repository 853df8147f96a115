"""The reference subscriber: opens records, keeps the ledger, counts qualifying days."""
