"""The log: JSON lines for journald, kept short, the newest of them at hand for support."""
