"""The billing rules: dated rule sets, and pure functions from facts to a verdict."""
