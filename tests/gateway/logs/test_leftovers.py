import asyncio
import gc

from structlog.testing import capture_logs

from gateway.logs.leftovers import HINT, tell_leftover

SECRET = "153/91"


async def fail():
    raise ValueError(SECRET)


async def wait():
    await asyncio.get_running_loop().create_future()


def leave(scenario):
    """What is logged of what `scenario` leaves behind on its loop."""

    async def run():
        asyncio.get_running_loop().set_exception_handler(tell_leftover)
        await scenario()

    with capture_logs() as lines:
        asyncio.run(run())
        gc.collect()
    return lines


def test_an_error_for_which_nobody_waits_is_one_line_without_its_message(capfd):
    async def scenario():
        asyncio.ensure_future(fail())  # noqa: RUF006  nobody waits for it
        await asyncio.sleep(0)

    at = f"{__name__}:{fail.__code__.co_firstlineno + 1}"
    told = {"event": "error-left-over", "log_level": "warning", "hint": HINT}
    assert leave(scenario) == [{**told, "what": "ValueError", "at": at}]
    assert capfd.readouterr() == ("", "")


def test_what_was_given_up_before_its_end_is_told_too(capfd):
    async def scenario():
        asyncio.ensure_future(wait())  # noqa: RUF006  nobody waits for it
        await asyncio.sleep(0)
        gc.collect()

    [line] = leave(scenario)
    assert (line["what"], line["at"]) == ("unfinished", "")
    assert capfd.readouterr() == ("", "")
