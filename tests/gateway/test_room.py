import pytest
from structlog.testing import capture_logs

from gateway.cli.lines import describe as describe_status
from gateway.room import LEAST_CARD_BYTES, Room, Storage, judge
from tests.fakes.hand_clock import HandClock
from tests.fakes.hub_storage import NOW, HubStorage
from uplink.errors import OutboxFull
from uplink.flash import Written
from uplink.outbox import Loss, Usage
from uplink.records import EventRecord, Stamp

QUOTA = 256 << 10
MB = 1_000_000
CARD = 100 * MB


def usage(used, quota=512 * MB, card=CARD, *, has_room=True):
    return Usage(used, quota, card, has_room, None)


@pytest.mark.parametrize(
    ("seen", "before", "room"),
    [
        (usage(0), Room.ENOUGH, Room.ENOUGH),
        (usage(409 * MB, card=900 * MB), Room.ENOUGH, Room.ENOUGH),
        (usage(410 * MB, card=900 * MB), Room.ENOUGH, Room.NEARLY_FULL),
        (usage(380 * MB, card=900 * MB), Room.NEARLY_FULL, Room.NEARLY_FULL),
        (usage(350 * MB, card=900 * MB), Room.NEARLY_FULL, Room.ENOUGH),
        (usage(90 * MB, card=20 * MB), Room.ENOUGH, Room.CARD_NEARLY_FULL),
        (usage(70 * MB, card=20 * MB), Room.ENOUGH, Room.ENOUGH),
        (usage(1 * MB, card=LEAST_CARD_BYTES - 1), Room.ENOUGH, Room.CARD_NEARLY_FULL),
        (usage(1 * MB, card=LEAST_CARD_BYTES + 1), Room.CARD_NEARLY_FULL, Room.CARD_NEARLY_FULL),
        (usage(1 * MB, card=2 * LEAST_CARD_BYTES), Room.CARD_NEARLY_FULL, Room.ENOUGH),
        (usage(512 * MB, has_room=False), Room.NEARLY_FULL, Room.FULL),
        (usage(1 * MB, card=0, has_room=False), Room.ENOUGH, Room.CARD_FULL),
    ],
)
def test_room_is_judged_by_quota_and_by_card_and_is_nearly_full_until_there_is_more(
    seen, before, room
):
    assert judge(seen, before) is room


class Home:
    """A recorder on a small quota, and the watch over its room."""

    def __init__(self, storage):
        self.outbox = storage.outbox
        self.recorder = storage.start_recorder()
        self.watch = Storage(storage.outbox)

    async def record(self, count):
        for _ in range(count):
            await self.recorder.record([fill])

    async def fill(self, share):
        while (await self.outbox.usage()).used_bytes < share * QUOTA:
            await self.record(1)

    async def refused(self):
        try:
            await self.recorder.check_room()
        except OutboxFull:
            return True
        return False

    async def receipt(self, rows):
        """The office has the oldest of what waits."""
        batch = await self.outbox.peek(0, rows, 1 << 30)
        stored = {run.kid: [(run.first, run.first + len(run.sealed) - 1)] for run in batch.runs}
        await self.outbox.release(stored, NOW)

    async def look(self):
        """What is logged, and what the status says."""
        with capture_logs() as lines:
            await self.watch.look()
            await self.watch.look()
        said = [(problem.what, problem.needs_help) for problem in self.watch.problems()]
        return [line["event"] for line in lines], said


def fill(place):
    return EventRecord(Stamp(0, place.start.utc_ms, 3), "battery", facts={"x": "x" * 900})


@pytest.fixture
async def home(tmp_path):
    storage = await HubStorage.open(tmp_path, HandClock(), quota_bytes=QUOTA)
    yield Home(storage)
    await storage.outbox.close()


async def test_at_80_percent_the_hub_says_so_once_and_at_100_it_refuses_until_receipts_make_room(
    home,
):
    await home.fill(0.7)
    assert await home.look() == ([], [])
    await home.fill(0.8)
    nearly = ["storage-nearly-full"]
    assert await home.look() == (nearly, [("the outbox is nearly full: 80 % of its quota", False)])
    with pytest.raises(OutboxFull):
        await home.fill(2)
    assert await home.refused()
    waiting = home.outbox.depth
    full = ("the outbox is full: new readings are refused", True)
    assert await home.look() == (["outbox-full"], [full])
    assert home.watch.facts()["room"] == "full"

    await home.receipt(waiting // 2)
    assert not await home.refused()
    assert await home.look() == (["storage-has-room"], [])
    await home.record(10)
    sealed_before = 1  # and refused: the same bytes are kept now, under the same name
    assert home.outbox.depth == waiting - waiting // 2 + sealed_before + 10


async def test_what_receipts_have_named_makes_way_before_anything_is_said(home):
    await home.fill(0.75)
    rows = home.outbox.depth
    await home.receipt(rows)
    await home.record(rows // 2)
    assert await home.look() == ([], [])
    assert (await home.outbox.stats()).released < rows
    assert home.outbox.depth == rows // 2
    assert (await home.outbox.usage()).used_bytes <= 0.8 * QUOTA


class Card:
    """An outbox of which only this is known."""

    losses = ()
    upgraded_from = None

    def __init__(self, seen):
        self.seen = seen

    async def usage(self):
        return self.seen


@pytest.mark.parametrize(
    ("seen", "event", "what", "needs_help"),
    [
        (usage(MB, card=9 * MB), "storage-nearly-full", "room for 9 MB more", False),
        (usage(MB, card=0, has_room=False), "outbox-full", "the card is full", True),
    ],
)
async def test_a_card_that_others_fill_is_told_as_such_though_the_quota_is_not_used_up(
    seen, event, what, needs_help
):
    watch = Storage(Card(seen))
    with capture_logs() as lines:
        await watch.look()
    assert [line["event"] for line in lines] == [event]
    [problem] = watch.problems()
    assert what in problem.what
    assert "journalctl --disk-usage" in problem.hint
    assert problem.needs_help is needs_help


async def test_what_opening_found_damaged_stays_in_the_status(home):
    home.outbox.losses += [Loss("log-frames", 3), Loss("rows", 1)]
    said = [(problem.what, problem.needs_help) for problem in home.watch.problems()]
    assert said == [
        ("storage was damaged: 3 log-frames", False),
        ("storage was damaged: 1 rows", True),
    ]


async def test_facts_name_room_and_what_was_written_beside_what_is_planned(home):
    assert home.watch.facts() == {}
    await home.record(3)
    await home.watch.look()
    facts = home.watch.facts()
    assert 0 < facts["used_bytes"] < facts["quota_bytes"] == QUOTA
    assert facts["card_bytes"] > LEAST_CARD_BYTES
    assert facts["written"]["budget_bytes"] == 520_000


@pytest.mark.parametrize(
    ("written", "words"),
    [
        (None, "25.0 % of 512 MB in use"),
        (
            Written(7 * MB, 9_000, None, 2 * MB, 9_000),
            "25.0 % of 512 MB in use, 2.0 MB in 2 h written to the card",
        ),
        (
            Written(7 * MB, 99_000, 3 * MB, 2 * MB, 9_000),
            "25.0 % of 512 MB in use, 3.0 MB a day written to the card",
        ),
    ],
)
async def test_the_status_says_it_in_a_line(written, words):
    watch = Storage(Card(usage(128 * MB)._replace(written=written)))
    await watch.look()
    status = {
        "hub": "hub-1",
        "software": "vitalpost",
        "running_s": 1,
        "uplink": {"connected": True, "office_silent": False, "last_receipt_s": None},
        "outbox": {"waiting": 0, "oldest_s": None, "quarantined": 0},
        "clock": {"quality": 3},
        "setup": {"open": False},
        "devices": [],
        "control": {},
        "storage": watch.facts(),
    }
    assert f"storage  {words}" in list(describe_status(status))
