"""The office's own keys and certificates: made, kept in one folder, read."""
