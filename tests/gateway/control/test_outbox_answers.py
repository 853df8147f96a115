import asyncio
import json
import sqlite3
from contextlib import closing

import pytest
from structlog.testing import capture_logs

from gateway.cli import main
from gateway.errors import RequestRefused
from gateway.requests import OutboxRequeue, OutboxStats, OutboxVerify, Status
from tests.fakes.asked_hub import AskedHub
from tests.fakes.hub_folder import HubFolder
from uplink.errors import OutboxLocked
from uplink.outbox import Outbox
from uplink.upgrade import VERSION

KID = b"k" * 16
QUOTA = 512_000_000


async def fill(outbox, *, refused=()):
    """Ten records of one epoch, some of which the office has refused."""
    await outbox.begin_epoch(KID, b"key record")
    await outbox.append(KID, [(sequence, bytes([sequence]) * 90) for sequence in range(1, 11)])
    for sequence in refused:
        await outbox.refuse(KID, sequence, "conflict")


@pytest.fixture
async def hub(tmp_path):
    hub = await AskedHub.open(tmp_path)
    await fill(hub.storage.outbox, refused=(3, 4))
    yield hub
    await hub.storage.outbox.close()


async def test_stats_count_what_waits_and_what_is_stepped_over_by_reason(hub):
    stats = await hub.ask(OutboxStats())
    assert (stats["waiting"], stats["quarantined"]) == (8, {"conflict": 2})
    assert (stats["epochs"], stats["losses"]) == (1, [])
    assert 0 < stats["used_bytes"] < stats["quota_bytes"]
    status = await hub.ask(Status())
    assert status["outbox"] == {"waiting": 8, "oldest_s": stats["oldest_s"], "quarantined": 2}
    assert "vitalpost outbox requeue" in status["problems"][0]["hint"]


async def test_a_sound_outbox_is_verified_as_sound(hub):
    assert await hub.ask(OutboxVerify()) == {
        "is_sound": True,
        "rows": 10,
        "damaged": 0,
        "damaged_records": [],
        "key_records": 1,
        "lost_key_records": 0,
        "lost_key_copies": 0,
        "is_consistent": True,
    }


async def test_what_is_requeued_waits_and_is_offered_again(hub):
    with capture_logs() as lines:
        found = await hub.ask(OutboxRequeue(kid=KID.hex(), sequence=3))
        assert found == {"rows": 1, "damaged": 0}
    assert lines == [{"event": "quarantine-requeued", "uid": 1000, "rows": 1, "log_level": "info"}]
    assert len(hub.sent_again) == 1
    assert (await hub.ask(OutboxRequeue(kid="00" * 16)))["rows"] == 0
    assert (await hub.ask(OutboxRequeue()))["rows"] == 1
    assert (await hub.ask(OutboxStats()))["quarantined"] == {}


async def test_a_sequence_without_its_epoch_names_nothing(hub):
    with pytest.raises(RequestRefused, match="names no record"):
        await hub.ask(OutboxRequeue(sequence=3))


async def test_one_at_a_time_looks_after_the_outbox_and_the_next_is_told(hub):
    first = asyncio.create_task(hub.ask(OutboxVerify()))
    await asyncio.sleep(0)
    with pytest.raises(RequestRefused, match="already"):
        await hub.ask(OutboxVerify())
    assert (await first)["is_sound"]
    assert (await hub.ask(OutboxVerify()))["is_sound"]


@pytest.fixture
def stopped(tmp_path):
    """A hub that does not run, with something in its outbox."""
    hub = HubFolder(tmp_path)
    hub.outbox.parent.mkdir()

    async def work():
        outbox = await Outbox.open(hub.outbox, quota_bytes=QUOTA)
        await fill(outbox, refused=(3,))
        await outbox.close()

    asyncio.run(work())
    return hub


@pytest.fixture
def vitalpost(stopped, capsys):
    def vitalpost(*words):
        code = main(["outbox", *words, "--settings", str(stopped.settings)])
        said = capsys.readouterr()
        return code, said.out, said.err

    return vitalpost


def test_the_outbox_of_a_stopped_hub_is_looked_after_by_the_command(vitalpost):
    code, out, err = vitalpost("stats")
    assert (code, err) == (0, "")
    assert [line.split() for line in out.splitlines()[:4]][::3] == [
        ["waiting", "9"],
        ["quarantined", "1", "conflict"],
    ]
    assert json.loads(vitalpost("requeue", "--json")[1]) == {"rows": 1, "damaged": 0}
    assert json.loads(vitalpost("stats", "--json")[1])["waiting"] == 10
    assert vitalpost("verify")[0] == 0


def test_a_damaged_row_is_named_and_ends_with_1(stopped, vitalpost):
    with closing(sqlite3.connect(stopped.outbox)) as database, database:
        database.execute("UPDATE record SET sealed = ? WHERE id & 0xFFFFFFFF = 5", (b"x" * 90,))
    code, out, err = vitalpost("verify", "--json")
    found = json.loads(out)
    assert (code, found["is_sound"], found["damaged"]) == (1, False, 1)
    assert found["damaged_records"] == [{"kid": KID.hex(), "sequence": 5}]
    assert err == "opened with a loss: 1 rows\n"
    code, out, _ = vitalpost("verify")
    assert code == 1
    assert f"\n    {KID.hex()} 5\n" in out
    assert vitalpost("requeue")[0] == 1


def test_an_outbox_that_another_process_has_open_is_left_alone(stopped, vitalpost):
    async def hold():
        outbox = await Outbox.open(stopped.outbox, quota_bytes=QUOTA)
        try:
            return await asyncio.to_thread(vitalpost, "stats")
        finally:
            await outbox.close()

    code, _, err = asyncio.run(hold())
    assert code == 1
    assert OutboxLocked.hint in err


def test_without_hub_and_outbox_nothing_is_made(stopped, vitalpost):
    for file in stopped.outbox.parent.iterdir():
        file.unlink()
    code, _, err = vitalpost("stats")
    assert code == 1
    assert "systemctl start vitalpost" in err
    assert list(stopped.outbox.parent.iterdir()) == []


@pytest.mark.parametrize("wrong", [["--kid", "xyz"], ["--sequence", "0"], ["--sequence", "3"]])
def test_what_names_no_record_is_refused(vitalpost, wrong):
    code, _, err = vitalpost("requeue", *wrong)
    assert code == 1
    assert err


@pytest.mark.parametrize("action", ["stats", "verify", "requeue"])
def test_an_outbox_of_a_later_version_is_left_to_that_and_ends_with_78(stopped, vitalpost, action):
    with closing(sqlite3.connect(stopped.outbox)) as database, database:
        database.execute("CREATE TABLE later (id INTEGER PRIMARY KEY)")
        database.execute(f"PRAGMA user_version = {VERSION + 1}")
    before = stopped.outbox.read_bytes()
    code, out, err = vitalpost(action)
    assert (code, out) == (78, "")
    assert f"found format {VERSION + 1}, this version knows up to {VERSION}\n" in err
    assert "Install the later version again" in err
    assert stopped.outbox.read_bytes() == before
