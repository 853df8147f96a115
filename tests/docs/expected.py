"""What docs/vectors/exchanges.json states of a receipt, beside one that was made."""


def as_expected(receipt):
    """A receipt as the vectors write it: sequences by kid; None for none."""
    if receipt is None:
        return None
    said = {
        "stored": {
            kid.hex(): sorted({n for low, high in ranges for n in range(low, high + 1)})
            for kid, ranges in receipt.stored.items()
        },
        "refused": [[kid.hex(), sequence, why] for kid, sequence, why in receipt.refused],
        "unknown": [kid.hex() for kid in receipt.unknown],
        # 0 says that none is kept, beside what is wanted; a backend need not say it.
        "checked": {kid.hex(): last for kid, last in receipt.checked.items() if last},
    }
    return {name: value for name, value in said.items() if value} or None


def is_as_expected(step, receipt):
    """Whether the receipt of one step is what it must be, or may be anything."""
    return "may" in step or as_expected(receipt) == step["receipt"]
