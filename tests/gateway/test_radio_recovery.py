"""Each rung heals the fault it is for: real bleak over the fake bluetoothd, in virtual time."""

import asyncio

import pytest
from structlog.testing import capture_logs

from gateway.links.ladder import Rung
from tests.fakes.bluez import BUILT_IN, HCI, PLUGGED
from tests.fakes.lively_home import DAY, HOUR, count_descriptors, play

__all__ = ["play"]  # a fixture

OTHER = "F0:00:00:12:34:57"


@pytest.mark.parametrize(
    ("fault", "rungs", "seconds"),
    [
        ("scan", ["scan"], 100),
        ("power", ["scan", "links", "power"], 300),
        ("service", ["scan", "links", "power", "service"], 400),
    ],
)
def test_a_scan_that_hears_nothing_is_mended_by_the_lowest_rung_that_can(
    play, fault, rungs, seconds
):
    async def scenario(home):
        assert home.used == {}
        with capture_logs() as lines:
            home.bluez.fault = fault
            assert await home.within(seconds, lambda: not home.bluez.fault)
            assert await home.within(60, lambda: not list(home.ladder.problems()))
        assert home.used == dict.fromkeys(rungs, 1)
        assert await home.hears_the_cuff()
        assert home.cuff.is_bonded
        assert home.bluez.calls["RemoveDevice"] == 0
        told = [line["event"] for line in lines if line["event"].startswith("radio")]
        mending = ["radio-mending"] * (len(rungs) - 1)
        assert told == (["radio-silent", *mending, "radio-back"] if mending else [])

    play(scenario)


def test_a_link_that_nobody_holds_and_that_hides_a_device_is_ended(play):
    async def scenario(home):
        path = home.bluez.sight(home.cuff)
        await home.sessions_.outcome()
        home.bluez.leave_linked(path)
        readings = len(await home.readings())
        home.sessions_.hasten()
        home.bluez.sight(home.cuff)
        await asyncio.sleep(100)
        assert len(await home.readings()) == readings
        assert home.used == {"links": 1}
        assert not home.bluez.is_connected(path)
        assert await home.hears_the_cuff()
        await asyncio.sleep(100)
        assert home.used == {"links": 1}
        assert home.ladder.facts()["symptoms"] == []

    play(scenario)


def test_a_connect_that_was_left_pending_is_ended_and_the_next_one_is_made(play):
    async def scenario(home):
        meter = home.make_cuff(OTHER)
        sessions = home.sessions(home.device(OTHER))
        home.central.adopt(sessions)
        path = home.bluez.sight(meter)
        assert await sessions.outcome() == "ok"
        home.bluez.pending.add(path)
        tries = 1
        while not await home.hears_the_cuff():
            tries += 1
            await asyncio.sleep(30)
        assert tries == 5
        assert home.used == {"scan": 1, "links": 1}
        assert home.bluez.calls["Set"] == 0
        assert home.ladder.facts()["symptoms"] == []

    play(scenario)


def test_what_no_rung_mends_is_said_once_and_ever_less_is_tried(play):
    async def scenario(home):
        home.bluez.fault = "never"
        with capture_logs() as lines:
            await asyncio.sleep(480)
            assert home.used == {"scan": 1, "links": 1, "power": 1, "service": 1, "help": 1}
            assert home.needs_help
            await asyncio.sleep(DAY)
        assert home.used["service"] <= 8
        assert len([line for line in lines if line["event"] == "radio-needs-help"]) == 1
        assert len([line for line in lines if line["log_level"] != "debug"]) < 10
        home.bluez.fault = ""
        assert await home.within(60, lambda: not home.needs_help)
        assert await home.hears_the_cuff()

    play(scenario, listened_s=DAY + 60)


def test_a_hub_alone_where_nothing_speaks_does_not_call_for_help(play):
    async def scenario(home):
        await asyncio.sleep(8 * HOUR)
        assert home.used["service"] == 6
        assert not home.needs_help
        assert await home.hears_the_cuff()
        assert not list(home.ladder.problems())

    play(scenario, neighbour_s=100 * DAY)


def test_a_rung_that_polkit_forbids_is_said_and_the_ladder_goes_on(play):
    async def scenario(home):
        home.systemd.forbids = True
        home.bluez.fault = "service"
        with capture_logs() as lines:
            await asyncio.sleep(480)
        assert home.systemd.asked == [["RestartUnit", "bluetooth.service", "replace"]]
        assert home.ladder.facts()["failed"] == {Rung.SERVICE: 1}
        assert home.used["help"] == 1
        [line] = [line for line in lines if line["event"] == "radio-rung-failed"]
        assert "polkit" in line["hint"]

    play(scenario)


def test_an_adapter_that_was_switched_off_is_switched_on_in_the_end(play):
    async def scenario(home):
        home.bluez.power(on=False)
        await asyncio.sleep(5)
        assert await home.within(300, lambda: not home.ladder.facts()["symptoms"])
        assert home.used == {"scan": 1, "links": 1, "power": 1}
        assert await home.hears_the_cuff()

    play(scenario)


def test_an_adapter_that_is_pulled_out_is_known_again_under_another_number(play):
    async def scenario(home):
        assert await home.hears_the_cuff()
        home.bluez.unplug()
        assert await home.within(5, lambda: home.ladder.facts()["symptoms"] == ["away"])
        home.bluez.plug("/org/bluez/hci1", BUILT_IN)
        assert await home.within(60, lambda: home.ladder.facts()["symptoms"] == [])
        assert home.bluez._scanning == "/org/bluez/hci1"
        assert await home.hears_the_cuff()
        assert home.sessions_.device.has_bond
        assert home.bluez.calls["Set"] == 0

    play(scenario)


def test_another_adapter_takes_its_place_only_where_no_bond_is_at_stake(play):
    async def scenario(home):
        assert await home.hears_the_cuff()
        home.bluez.plug("/org/bluez/hci1", PLUGGED)
        home.bluez.unplug()
        await asyncio.sleep(600)
        assert not home.bluez.is_scanning
        assert home.needs_help
        assert not home.sessions_.device.bond_lost
        await home.central.release(home.cuff.address)
        assert await home.within(70, lambda: home.bluez.is_scanning)
        assert home.bluez._scanning == "/org/bluez/hci1"
        home.central.adopt(home.sessions_)
        home.bluez.plug(HCI, BUILT_IN)
        home.bluez.unplug("/org/bluez/hci1")
        assert await home.within(70, lambda: home.bluez._scanning == HCI)
        assert await home.hears_the_cuff()

    play(scenario)


def test_a_bus_that_goes_and_comes_back_is_found_again(play):
    async def scenario(home):
        assert await home.hears_the_cuff()
        before = count_descriptors()
        for _ in range(5):
            await home.bluez.stop()
            await home.systemd.stop()
            home.daemon.kill()
            assert await home.within(5, lambda: home.ladder.facts()["symptoms"] == ["away"])
            await asyncio.sleep(120)
            home.daemon.start()
            await home.bluez.start()
            await home.systemd.start()
            assert await home.within(70, lambda: not home.ladder.facts()["symptoms"])
            assert await home.hears_the_cuff()
        assert len(home.bluez.agents) == 1
        assert count_descriptors() <= before

    play(scenario)
