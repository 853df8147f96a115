import json
import re
from pathlib import Path

from gateway.control.server import COUNTED, Limits
from gateway.requests import REQUESTS
from tests.fakes.asked_hub import AskedHub
from tests.fakes.control_desk import ControlDesk

PAGE = (Path(__file__).parents[2] / "docs/control.md").read_text()


def session():
    """Each line that is sent, with what is answered."""
    said = re.search(r"```text\n(.+?)```", PAGE, re.DOTALL)[1]
    for exchange in said.split("\n> "):
        asked, answered = exchange.removeprefix("> ").split("\n< ")
        yield asked, json.loads(answered)


async def test_the_session_on_the_page_is_what_a_hub_answers(tmp_path):
    desk = ControlDesk(tmp_path, lambda request: hub.answers.answer(request, 1000))
    hub = await AskedHub.open(tmp_path, desk.counts)
    async with desk:
        client = await desk.connect()
        for asked, answered in session():
            assert await client.ask(asked.encode()) == answered
    await hub.storage.outbox.close()


def test_every_request_counter_and_limit_is_on_the_page():
    assert {name for name in (*REQUESTS, *COUNTED) if f"`{name}`" not in PAGE} == {
        "clients",
        "answered",
        "refused",
    }
    limits = Limits()
    assert f"| clients at a time | {limits.clients} |" in PAGE
    assert f"| a line | {limits.line_bytes // 1024} KiB |" in PAGE
    assert f"last answer | {limits.line_s:g} s |" in PAGE
    assert f"take an answer | {limits.answer_s:g} s |" in PAGE
    assert f"one at a time, {1 / limits.pause_s:g} a second" in PAGE
