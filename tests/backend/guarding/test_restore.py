"""The ledger's file is lost, and yesterday's copy put in its place."""

import shutil
import sqlite3

import pytest

from backend import tables
from tests.backend.keeping_hub import KeepingHub
from tests.backend.office import DAY, HOUR, START, ledger_at

TODAY = START + 3 * DAY


@pytest.fixture
def hub(office):
    return office.enroll().begin(START)


def copy(office, path):
    """As `sqlite3 ledger.db .backup` does it while the backend runs."""
    with sqlite3.connect(office.path) as source, sqlite3.connect(path) as target:
        source.backup(target)
    source.close()
    target.close()


def put_back(office, path):
    office.ledger.close()
    for ending in ("", "-wal", "-shm"):
        office.path.with_name(office.path.name + ending).unlink(missing_ok=True)
    shutil.copyfile(path, office.path)
    office.ledger = ledger_at(office.path)
    office.intake = office.make_intake()


@pytest.fixture
def restored(office, hub, tmp_path):
    """A hub that has sent two epochs and a half since the copy was made, all receipted."""
    keeping = KeepingHub(office, hub)
    hub.anchors(6)
    office.take(hub, hub.key_record, hub.run(1, 3))
    copy(office, tmp_path / "yesterday.db")
    office.take(hub, hub.run(4), hub.close())
    keeping.keep()
    for day in (1, 2):
        hub.begin_next(START + day * DAY).anchors(5, START + day * DAY)
        office.take(hub, hub.key_record, hub.run())
        keeping.keep()
        if day == 1:
            office.take(hub, hub.close())
    put_back(office, tmp_path / "yesterday.db")
    office.now_ms += HOUR
    return keeping


def test_what_the_copy_lacks_is_asked_for_until_the_ledger_is_whole(office, hub, restored):
    first, second, third = restored.kept
    hub.anchor(TODAY)
    restored.keep()
    receipt = office.take(hub, hub.run(6)).receipt
    assert receipt.unknown == [third]
    receipt = restored.answer(office.take(hub, hub.key_record).receipt)
    assert receipt.wanted
    while receipt and receipt.wanted:
        receipt = restored.answer(receipt)
    assert office.gaps(hub) == []
    assert office.states(hub) == {first: "complete", second: "complete", third: "running"}
    office.take(hub, hub.close())
    assert office.state(hub) == "complete"
    assert office.count(tables.record) == 6 + 5 + 6
    assert not office.verify().problems


def test_what_the_hub_has_let_go_of_is_named_exactly(office, hub, restored):
    first, second, third = restored.kept
    restored.lose(first, 5)
    restored.lose(second, 1, 2)
    restored.lose(third, 4)
    hub.anchor(TODAY)
    receipt = office.take(hub, hub.key_record, hub.run(6)).receipt
    while receipt and receipt.wanted:
        receipt = restored.answer(receipt)
    assert sorted(office.gaps(hub)) == sorted(
        [(first, 5, 5, "gone"), (second, 1, 2, "gone"), (third, 4, 4, "gone")]
    )
    assert office.state(hub) == "gap"


def test_an_epoch_that_the_hub_has_wholly_let_go_of_is_named_from_one_to_its_last(
    office, hub, restored
):
    _, second, _ = restored.kept
    del restored.kept[second]
    hub.anchor(TODAY)
    receipt = office.take(hub, hub.key_record, hub.run(6)).receipt
    while receipt and receipt.wanted:
        receipt = restored.answer(receipt)
    assert (second, 1, 5, "gone") in office.gaps(hub)
    found = {epoch.kid: epoch for epoch in office.completeness(hub).epochs}
    assert not found[second].has_key_record
    assert office.completeness(hub).is_wanting
