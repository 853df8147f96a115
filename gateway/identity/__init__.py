"""Who this hub is to the office: its keys and certificates, and how they are had and renewed."""
