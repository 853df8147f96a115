"""What time it is on a hub that sets no clock: who says so, and how sure that is."""
