"""The devices of a home: one module per family, each with the faults of real ones."""
