"""Who belongs to the office, by which keys and certificates, and how they are renewed."""
