"""What a technician asks of a hub: is it well, and if not, what is to be done."""
