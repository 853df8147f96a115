"""A virtual home: devices on a virtual radio, and what plays scripted days on them."""
