"""The control socket: how the running hub is asked, and what it answers (docs/control.md)."""
