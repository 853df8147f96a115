"""A relay within the test's own process, its sink a list; and what stands in its lines."""

from queue import SimpleQueue

import msgspec

from backend.feed import enter_sink
from backend.intake.taking import Storing, Taken
from backend.relay.pages import Pages
from backend.relay.relay import Relay
from backend.relay.relayed import Relayed
from tests.backend.office import KEY, PREFIX
from uplink.wire import encode_message

KEYS = {KEY.public().id: KEY}


class ListSink:
    """Keeps the pages that it acknowledged; `answers` are raised or told first, one per attempt."""

    name = "list:"

    def __init__(self, *failures):
        self.failures = list(failures)
        self.pages = []
        self.attempts = []

    def write(self, page):
        self.attempts.append((page.first, page.last))
        if self.failures:
            raise self.failures.pop(0)
        self.pages.append(page)

    @property
    def readings(self):
        return [as_relayed(line) for page in self.pages for line in page.lines]


class HangingSink:
    """Never answers; `asked` tells that it was asked."""

    name = "hanging:"

    def __init__(self):
        self.asked = SimpleQueue()
        self._never = SimpleQueue()

    def write(self, page):
        self.asked.put(page)
        self._never.get()


def as_relayed(line):
    """The object in a line; raises where it is not what docs/relay.schema.json says."""
    return msgspec.json.decode(line, type=Relayed)


def make_relay(office, sink, steps=None, since=None, waits=None):
    """A relay that notes its steps and how long it would have waited, and does not wait."""
    steps = [] if steps is None else steps

    def delay(failures, retry):
        if waits is not None:
            waits.append((failures, retry))
        return 0.0

    def journal(step):
        steps.append(step.did)

    storing = Storing(office.intake, journal)
    return Relay(storing, office.ledger, Pages(KEYS), sink, journal, since=since, delay=delay)


def message(hub, *items):
    return Taken(f"{PREFIX}/v1/{hub.name}/records", encode_message(items))


def emitted(office, cursor=0):
    """Everything in the feed of this office, as it would be emitted."""
    with office.ledger.writing() as connection:
        enter_sink(connection, ListSink.name, None)
    found = []
    with office.ledger.reading() as connection:
        while page := Pages(KEYS).load(connection, cursor):
            found += [as_relayed(line) for line in page.lines]
            cursor = page.last
    return found
