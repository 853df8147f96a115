"""The hub's daemon: lends links to drivers, turns readings into sealed records, owns lifetime."""
