"""Who belongs to the office, and how what a hub was given is renewed."""
