"""All scenarios, by name, in the order in which they are run."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from tests.faults.brokers import forgetful_broker, refusing_broker
from tests.faults.clocks import clocks
from tests.faults.comebacks import comebacks
from tests.faults.crowd import reconnections
from tests.faults.drain import drain
from tests.faults.handshakes import strange_brokers
from tests.faults.homes import homes
from tests.faults.intruders import false_receipts, junk
from tests.faults.kills import random_kills
from tests.faults.links import silent_link
from tests.faults.quarter import quarters
from tests.faults.rollbacks import restored_card, restored_ledger
from tests.faults.run import Result, Run
from tests.faults.storage.book_flips import flipped_ledger
from tests.faults.storage.calls import failing_calls
from tests.faults.storage.cuts import power_cuts
from tests.faults.storage.flips import flipped_outbox
from tests.faults.storage.key_flips import flipped_keys
from tests.faults.storage.room import full_card
from tests.faults.wipes import wiped_cards

SCENARIOS: Mapping[str, Callable[[Run], Awaitable[Result]]] = {
    "kills": random_kills,
    "quarters": quarters,
    "clocks": clocks,
    "homes": homes,
    "silent-link": silent_link,
    "refusing-broker": refusing_broker,
    "forgetful-broker": forgetful_broker,
    "strange-brokers": strange_brokers,
    "false-receipts": false_receipts,
    "junk": junk,
    "restored-ledger": restored_ledger,
    "restored-card": restored_card,
    "wiped-cards": wiped_cards,
    "drain": drain,
    "comebacks": comebacks,
    "reconnections": reconnections,
    "storage-calls": failing_calls,
    "power-cuts": power_cuts,
    "outbox-flips": flipped_outbox,
    "key-flips": flipped_keys,
    "ledger-flips": flipped_ledger,
    "full-card": full_card,
}
