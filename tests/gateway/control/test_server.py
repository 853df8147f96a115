import asyncio
import json
import os
from collections import Counter
from contextlib import suppress
from functools import partial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.requests import REQUESTS, Hello, Status
from tests.fakes.asked_hub import AskedHub
from tests.fakes.control_desk import ControlDesk
from uplink.errors import OutboxDamaged, OutboxFull

HELLO = b'{"id": 7, "do": "hello"}'
KNOWN = {"id": 7, "ok": True, "hub": "hub-1"}


async def test_each_line_is_answered_by_one_line_with_its_id(tmp_path):
    async with ControlDesk(tmp_path) as desk:
        client = await desk.connect()
        assert await client.ask(HELLO) == KNOWN
        assert (await client.ask(b'{"id": "a", "do": "status"}'))["id"] == "a"
        assert desk.asked == [(Hello(id=7), os.geteuid()), (Status(id="a"), os.geteuid())]
        assert desk.counts == Counter({"clients": 1, "answered": 2})


async def test_what_is_no_request_is_refused_and_the_client_may_go_on(tmp_path):
    async with ControlDesk(tmp_path) as desk:
        client = await desk.connect()
        for line in (b"", b"GET / HTTP/1.1", b'{"id": 3, "do": "dance"}', b"\xff\x00"):
            refusal = await client.ask(line)
            assert not refusal["ok"]
            assert refusal["error"]
            assert refusal["hint"]
        assert await client.ask(HELLO) == KNOWN
        assert desk.counts == Counter({"clients": 1, "answered": 1, "refused": 4})
        assert len(desk.asked) == 1


@settings(max_examples=60, deadline=None)
@given(sent=st.lists(st.binary(max_size=300), max_size=5).map(b"\n".join))
def test_whatever_comes_in_each_whole_line_is_answered_and_the_others_are_served(
    tmp_path_factory, sent
):
    async def meet():
        async with ControlDesk(tmp_path_factory.mktemp("desk"), pause_s=0) as desk:
            rude, polite = await desk.connect(), await desk.connect()
            rude.writer.write(sent)
            rude.writer.write_eof()
            assert len(await rude.hear_all()) == sent.count(b"\n")
            assert await polite.ask(HELLO) == KNOWN
            assert desk.counts["crashed"] == 0

    asyncio.run(meet())


async def test_half_a_line_is_waited_for_only_so_long(tmp_path):
    async with ControlDesk(tmp_path, line_s=0.05) as desk:
        slow = await desk.connect()
        slow.writer.write(HELLO)
        [told] = await slow.hear_all()
        assert "no whole line within 0.05 s" in told["error"]
        assert desk.counts == Counter({"clients": 0, "too-slow": 1})
        assert await (await desk.connect()).ask(HELLO) == KNOWN


async def test_a_line_without_end_is_cut_off_and_the_others_are_served(tmp_path):
    async with ControlDesk(tmp_path) as desk:
        endless, polite = await desk.connect(), await desk.connect()
        sent = 0
        with suppress(ConnectionError):
            while sent < 1_000_000_000:
                endless.writer.write(b"x" * 65_536)
                await endless.writer.drain()
                sent += 65_536
        assert sent < 16 * 65_536  # what the system holds for a socket, and no more
        assert await polite.ask(HELLO) == KNOWN
        assert desk.counts == Counter({"clients": 1, "overlong": 1, "answered": 1})


async def test_a_line_of_just_the_limit_is_read(tmp_path):
    async with ControlDesk(tmp_path, line_bytes=100) as desk:
        client = await desk.connect()
        assert await client.ask(HELLO.ljust(100)) == KNOWN
        client.writer.write(HELLO.ljust(101) + b"\n")
        [told] = await client.hear_all()
        assert told["error"] == "a line of more than 100 bytes"


async def test_who_floods_the_hub_waits_for_the_others(tmp_path):
    async with ControlDesk(tmp_path) as desk:
        flooding, polite = await desk.connect(), await desk.connect()
        flooding.writer.write((HELLO + b"\n") * 100_000)
        await flooding.hear()
        for _ in range(3):
            assert await polite.ask(HELLO) == KNOWN
        assert desk.counts["answered"] < 1000
        assert await polite.ask(HELLO) == KNOWN


async def test_one_client_more_than_there_is_room_for_is_told_and_let_go(tmp_path):
    async with ControlDesk(tmp_path) as desk:
        clients = [await desk.connect() for _ in range(16)]
        for client in clients:
            assert await client.ask(HELLO) == KNOWN
        [told] = await (await desk.connect()).hear_all()
        assert told == {
            "id": None,
            "ok": False,
            "error": "16 clients are connected already",
            "hint": "Close another one, or try again in a moment.",
        }
        clients[0].leave()
        await desk.counted("clients", 15)
        assert await (await desk.connect()).ask(HELLO) == KNOWN
        assert desk.counts == Counter({"clients": 16, "answered": 17, "turned-away": 1})


async def test_who_never_reads_is_held_one_answer_for_and_then_let_go(tmp_path):
    large = {"padding": "x" * 4_000_000}
    async with ControlDesk(tmp_path, lambda _: large, answer_s=0.1, pause_s=0) as desk:
        deaf, polite = await desk.connect(), await desk.connect()
        deaf.writer.transport.pause_reading()
        deaf.writer.write((HELLO + b"\n") * 50)
        await desk.counted("unread", 1)
        assert len(desk.asked) == 1
        assert (await polite.ask(HELLO))["ok"]
        assert desk.counts == Counter({"clients": 1, "answered": 2, "unread": 1})


async def test_who_leaves_before_the_answer_harms_nobody(tmp_path):
    is_asked, may_answer = asyncio.Event(), asyncio.Event()

    async def answer(_):
        is_asked.set()
        await may_answer.wait()
        return {"hub": "hub-1"}

    async with ControlDesk(tmp_path, answer) as desk:
        hasty, polite = await desk.connect(), await desk.connect()
        hasty.writer.write(HELLO + b"\n")
        await is_asked.wait()
        hasty.writer.transport.abort()
        may_answer.set()
        assert await polite.ask(HELLO) == KNOWN
        await desk.counted("vanished", 1)
        await desk.counted("clients", 1)


async def test_an_error_of_ours_is_answered_with_its_hint_and_a_mistake_without_details(tmp_path):
    def fail(request):
        if isinstance(request, Hello):
            raise OutboxFull(1, 1)
        raise KeyError("120")

    async with ControlDesk(tmp_path, fail) as desk:
        client = await desk.connect()
        assert (await client.ask(HELLO))["hint"] == OutboxFull.hint
        assert "120" not in str(await client.ask(b'{"do": "status"}'))
        assert desk.counts == Counter({"clients": 1, "refused": 1, "crashed": 1})


async def test_a_damaged_outbox_ends_the_hub_whoever_finds_it(tmp_path):
    def fail(_):
        raise OutboxDamaged("outbox.db", "SQLITE_IOERR")

    async with ControlDesk(tmp_path, fail) as desk:
        client = await desk.connect()
        client.writer.write(HELLO + b"\n")
        assert await client.hear_all() == []
        with pytest.raises(ExceptionGroup) as ended:
            await desk.running
        assert ended.group_contains(OutboxDamaged)


async def test_at_its_end_the_hub_lets_all_clients_go_and_its_socket_is_gone(tmp_path):
    async with ControlDesk(tmp_path) as desk:
        client = await desk.connect()
        await client.ask(HELLO)
        desk.running.cancel()
        assert await client.hear_all() == []
    assert not desk.path.exists()


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=70),
    lambda each: (
        st.lists(each, max_size=3) | st.dictionaries(st.text(max_size=8), each, max_size=3)
    ),
    max_leaves=5,
)
FIELDS = sorted({field for kind in REQUESTS.values() for field in kind.__struct_fields__})


@settings(max_examples=60, deadline=None)
@given(
    do=st.sampled_from(sorted(REQUESTS)),
    facts=st.dictionaries(st.sampled_from(FIELDS), ANYTHING, max_size=4),
)
def test_whatever_stands_in_a_request_the_hub_has_an_answer_for_it(tmp_path_factory, do, facts):
    async def meet():
        hub = await AskedHub.open(tmp_path_factory.mktemp("hub"))
        answer = partial(hub.answers.answer, uid=1000)
        async with ControlDesk(tmp_path_factory.mktemp("desk"), answer, pause_s=0) as desk:
            client = await desk.connect()
            told = await client.ask(json.dumps({**facts, "do": do}).encode())
            assert told["ok"] or (told["error"] and told["hint"])
            assert desk.counts["crashed"] == 0
        await hub.storage.outbox.close()

    asyncio.run(meet())
