"""What of a hub support may see: facts that are named here, and no other."""
