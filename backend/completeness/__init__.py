"""Whether everything that a hub sealed has come: what lacks, what is asked for, what is gone."""
