"""Lives of hubs, generated, against a model that knows all that was sealed."""

from dataclasses import dataclass, field

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from backend import tables
from backend.completeness.hubs import load_facts
from backend.completeness.rule import Facts, Fate, State, judge_hub
from backend.ranges import as_ranges, intersect, merge
from tests.backend.office import DAY, HOUR, START, Office
from uplink.statements import Ending, Previous
from uplink.wire import Run

ENDS = ("closed", "killed", "lost-rows", "wiped")


@dataclass
class Life:
    """What the hub has sealed, by epoch, and every item that it may ever send."""

    sealed: dict = field(default_factory=dict)
    items: list = field(default_factory=list)


def live(hub, days, pick):
    """Seal through the days; each is how many records, and how its epoch ends."""
    life = Life()
    previous = None
    for number, (count, end) in enumerate(days):
        at_ms = START + number * DAY
        hub.boot = bytes([number]) * 16
        hub.begin(at_ms, previous)
        hub.anchors(count, at_ms + HOUR)
        kid, kept, sent = hub.epoch.kid, count, count
        life.sealed[kid] = list(hub.sealed)
        life.items.append((kid, hub.key_record))
        if end in ("lost-rows", "wiped"):
            kept, sent = sorted((pick(count), pick(count)))
        life.items += [(kid, Run(kid, n, (hub.sealed[n - 1],))) for n in range(1, sent + 1)]
        if count > 2:
            life.items.append((kid, hub.checkpoint(last=pick(kept))))
        if end == "closed":
            life.items.append((kid, hub.close()))
        if end == "killed":
            life.items.append((kid, hub.checkpoint(Ending.RECOVERED)))
        previous = None if end == "wiped" else Previous(kid, kept, end == "closed")
    return life


def facts_from_records(office, hub):
    """The facts as the records and the statements themselves tell them."""
    with office.ledger.reading() as connection:
        kept = load_facts(connection, hub.name)
        stored, gone = {}, {}
        for kid, sequence in connection.execute(
            select(tables.epoch.c.kid, tables.record.c.sequence).join(tables.record)
        ):
            stored.setdefault(kid, []).append(sequence)
        for kid, first, last in connection.execute(
            select(tables.gone.c.kid, tables.gone.c.first, tables.gone.c.last)
        ):
            gone.setdefault(kid, []).append((first, last))
    return Facts(
        kept.begun,
        {kid: as_ranges(of) for kid, of in stored.items()},
        kept.checkpoints,
        {kid: merge(of) for kid, of in gone.items()},
        disputed=kept.disputed,
    )


def members(ranges):
    return {n for first, last in ranges for n in range(first, last + 1)}


def check(office, hub, life):
    found = office.completeness(hub)
    anew = judge_hub(facts_from_records(office, hub))
    assert found.epochs == anew.epochs
    assert (found.state, found.overlaps, found.forks) == (anew.state, [], [])
    with office.ledger.reading() as connection:
        stored = load_facts(connection, hub.name).stored
    for epoch in found.epochs:
        sealed = set(range(1, len(life.sealed[epoch.kid]) + 1))
        here = members(stored.get(epoch.kid, ()))
        missing = sealed - here
        named = members((gap.first, gap.last) for gap in epoch.gaps)
        assert here <= sealed
        assert named <= missing
        assert {n for n in missing if n < max(here, default=0)} <= named
        if epoch.state is State.COMPLETE:
            assert not missing
        if epoch.ended is not None:
            assert missing == named
    if found.state is State.COMPLETE:
        assert all(not epoch.gaps for epoch in found.epochs)


days = st.lists(st.tuples(st.integers(0, 6), st.sampled_from(ENDS)), min_size=1, max_size=5)


@pytest.mark.long
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(days=days, data=st.data())
def test_complete_is_never_said_where_something_lacks_and_what_lacks_is_named(
    tmp_path_factory, days, data
):
    office = Office(tmp_path_factory.mktemp("office"))
    hub = office.enroll()
    life = live(hub, days, lambda count: data.draw(st.integers(0, count)))
    items = [item for _, item in life.items]
    if data.draw(st.booleans()):
        items = data.draw(st.permutations(items))
    arrives = data.draw(
        st.lists(st.sampled_from([True] * 4 + [False]), min_size=len(items), max_size=len(items))
    )
    for item, comes in zip(items, arrives, strict=True):
        if comes:
            office.take(hub, item)
    check(office, hub, life)

    # The hub answers what it is asked for. Of what a statement has just told, that is later.
    for _ in range(4 * len(days) + 2):
        office.now_ms += HOUR
        wanted = office.take(hub, items[0]).receipt
        for kid in {*wanted.wanted, *wanted.unknown} if wanted else ():
            of_epoch = [item for one, item in life.items if one == kid]
            has = as_ranges(item.first for item in of_epoch if isinstance(item, Run))
            office.take(hub, *of_epoch)
            ranges = wanted.wanted.get(kid, ())
            gone = members(ranges) - members(intersect(merge(ranges), has))
            if gone:
                office.take(hub, hub.gone({kid: as_ranges(gone)}))
    check(office, hub, life)
    fates = {gap.fate for gap in office.completeness(hub).gaps}
    assert fates <= {Fate.GONE}
    assert not office.incidents()
    office.ledger.close()


@pytest.mark.parametrize("ends", [("closed",) * 3, ("killed",) * 3, ("closed", "killed", "closed")])
def test_a_life_that_loses_nothing_is_complete_once_all_has_come(office, ends):
    hub = office.enroll()
    life = live(hub, [(4, end) for end in ends], lambda count: count)
    for _, item in reversed(life.items):
        office.take(hub, item)
    assert office.state(hub) == "complete"
    assert not office.verify().problems
