import pytest
from sqlalchemy import select

from backend import tables
from backend.errors import CursorUnknown, SinkFailed
from backend.relay.relay import LONGEST_S, jitter
from backend.relay.sinks import READINGS
from drivers.errors import Retry
from tests.backend.office import DAY, START, frame, naive
from tests.backend.relaying import HangingSink, ListSink, make_relay, message

LATER, TECHNICIAN = Retry.LATER, Retry.TECHNICIAN


@pytest.fixture
def hub(office):
    office.assign()
    hub = office.enroll().begin(START)
    hub.describe(START)
    return hub


def measured(hub, day):
    """The message that brings one day's reading."""
    at = START + day * DAY
    last = hub.measure(at, frame(naive(at)))
    first = 1 if last == 2 else last
    return message(hub, hub.key_record, hub.run(first, last))


def cursor(office):
    with office.ledger.reading() as connection:
        return connection.scalar(select(tables.sink.c.cursor))


def test_nothing_is_receipted_before_the_sink_has_it(office, hub):
    sink, steps = ListSink(), []
    relay = make_relay(office, sink, steps)
    replies = relay.take([measured(hub, 1), measured(hub, 2)])
    assert replies[0].receipt is None  # one receipt for all that came of one hub
    assert replies[1].receipt.stored == {hub.epoch.kid: [(1, 3)]}
    assert [one.cursor for one in sink.readings] == [1, 2]
    assert steps == ["committed", "committed", "emitted"]
    assert cursor(office) == 2


def test_a_sink_that_fails_is_asked_again_until_it_has_everything(office, hub, capsys):
    failures = [SinkFailed("away"), SinkFailed("away"), SinkFailed("refuses", TECHNICIAN)]
    sink, steps, waits = ListSink(*failures), [], []
    relay = make_relay(office, sink, steps, waits=waits)
    assert len(relay.take([measured(hub, 1)])) == 1
    assert sink.attempts == [(1, 1)] * 4
    assert waits == [(0, LATER), (1, LATER), (2, TECHNICIAN)]
    assert steps == ["committed", "emitted"]
    said = capsys.readouterr().out
    assert (said.count("sink-lost"), said.count("sink-back")) == (2, 1)


def test_a_sink_that_fails_for_good_ends_the_relay_without_a_receipt(office, hub):
    sink, steps = ListSink(SinkFailed("nobody reads", Retry.NEVER)), []
    relay = make_relay(office, sink, steps)
    with pytest.raises(SinkFailed):
        relay.take([measured(hub, 1)])
    assert steps == ["committed"]
    assert cursor(office) == 0


def test_what_the_sink_did_not_get_it_gets_after_the_next_start(office, hub):
    hanging = HangingSink()
    hanging.name = ListSink.name
    relay = make_relay(office, hanging)
    relay.stop()
    assert relay.take([measured(hub, 1)]) is None
    hanging.asked.get(timeout=10)
    assert relay.take([measured(hub, 2)]) is None

    sink = ListSink()
    again = make_relay(office, sink)
    assert again.take([]) == []
    assert [one.cursor for one in sink.readings] == [1, 2]
    assert again.take([]) == []
    assert len(sink.pages) == 1


def test_a_stop_is_heard_while_it_waits_to_try_again(office, hub):
    sink = ListSink(*[SinkFailed("away")] * 2)
    relay = make_relay(office, sink)

    def delay(failures, retry):
        relay.stop()
        return LONGEST_S

    relay._delay = delay
    assert relay.take([measured(hub, 1)]) is None
    assert sink.attempts == [(1, 1)]


def test_two_sinks_each_get_everything_from_their_own_cursor(office, hub):
    make_relay(office, ListSink()).take([measured(hub, 1)])
    other = ListSink()
    other.name = "list:other"
    make_relay(office, other).take([measured(hub, 2)])
    assert [one.cursor for one in other.readings] == [1, 2]
    late = ListSink()
    make_relay(office, late).take([])
    assert [one.cursor for one in late.readings] == [2]


def test_since_emits_again_under_the_same_cursors_and_names(office, hub):
    sink = ListSink()
    make_relay(office, sink).take([measured(hub, day) for day in (1, 2, 3)])
    again = ListSink()
    make_relay(office, again, since=1).take([])
    assert again.readings == sink.readings[1:]
    with pytest.raises(CursorUnknown):
        make_relay(office, again, since=4)


def test_a_ledger_that_run_filled_is_emitted_page_by_page(office, hub):
    for day in range(1, READINGS + 2):
        office.intake.take(*measured(hub, day))
    sink, steps = ListSink(), []
    make_relay(office, sink, steps).take([])
    assert [(page.first, page.last) for page in sink.pages] == [
        (1, READINGS),
        (READINGS + 1, READINGS + 1),
    ]
    assert steps == ["emitted", "emitted"]


def test_what_another_command_judged_anew_is_emitted_when_nothing_else_comes(office, hub):
    sink = ListSink()
    relay = make_relay(office, sink)
    relay.take([measured(hub, 1)])
    office.assign("patient-2", since=naive(START + DAY).date(), reassign=True)
    relay.take([])
    first, second = sink.readings
    assert first.reading_id == second.reading_id
    assert (first.revision, second.revision) == (1, 2)


def test_what_cannot_be_used_is_replied_to_as_by_run(office, hub):
    sink = ListSink()
    relay = make_relay(office, sink)
    (reply,) = relay.take([message(hub, b"no key record")])
    assert reply.receipt is None
    assert [what for what, _ in reply.incidents] == ["statement-refused"]
    assert sink.attempts == []


def test_waiting_grows_to_five_minutes_and_is_spread_over_all_of_it():
    def longest(failures, retry):
        return max(jitter(failures, retry) for _ in range(300))

    assert longest(0, LATER) <= 1 < longest(4, LATER) <= 16
    assert LONGEST_S / 2 < longest(40, LATER) <= LONGEST_S
    assert LONGEST_S / 2 < longest(0, TECHNICIAN) <= LONGEST_S
    assert min(jitter(40, LATER) for _ in range(300)) < LONGEST_S / 4
