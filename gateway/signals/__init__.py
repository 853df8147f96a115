"""Light and sound: what a home is told by a box without a screen. Imported where there is one."""
