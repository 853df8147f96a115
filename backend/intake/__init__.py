"""From the broker's messages to rows of the ledger, each message in one transaction."""
