"""Drivers: bytes in, readings out. They import the standard library and nothing else."""
