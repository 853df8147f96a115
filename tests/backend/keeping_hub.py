"""A hub that sends again what a restored ledger asks for."""

from uplink.wire import Run


class KeepingHub:
    """Plays a hub that keeps what it sealed for a while after the receipt, and answers."""

    def __init__(self, office, hub):
        self.office = office
        self.hub = hub
        self.kept = {}

    def keep(self):
        of_epoch = dict(enumerate(self.hub.sealed, 1))
        self.kept[self.hub.epoch.kid] = (self.hub.key_record, of_epoch)

    def lose(self, kid, *sequences):
        for sequence in sequences:
            del self.kept[kid][1][sequence]

    def answer(self, receipt):
        """Send what the receipt asks for, or say that it is gone; the next receipt."""
        items = [self.kept[kid][0] for kid in receipt.unknown if kid in self.kept]
        gone = {}
        for kid, ranges in receipt.wanted.items():
            _, of_epoch = self.kept.get(kid, (b"", {}))
            for first, last in ranges:
                for n in range(first, last + 1):
                    if n in of_epoch:
                        items.append(Run(kid, n, (of_epoch[n],)))
                    else:
                        gone.setdefault(kid, []).append((n, n))
        if gone:
            items.append(self.hub.gone(gone))
        return self.office.take(self.hub, *items).receipt
