"""What must not grow: descriptors, connections to the bus and objects, counted; and bad company."""

import asyncio
import gc
import os
import sys
from collections import Counter

import pytest

from tests.fakes.bluez_device import FakeDevice
from tests.fakes.bluez_home import FRAME, soon
from tests.fakes.lively_home import DAY, count_descriptors, play

__all__ = ["play"]  # a fixture

DAYS = int(os.environ.get("RADIO_DAYS", "4"))  # `make test-faults` takes 30
SLACK = 50  # objects: what a set or a dict grows by


def count():
    """Open descriptors, and live objects of our own and of what is under us."""
    descriptors = count_descriptors()
    kinds = Counter(str(type(each).__module__).partition(".")[0] for each in gc.get_objects())
    owned = sum(kinds[name] for name in ("gateway", "drivers", "bleak", "dbus_fast", "_asyncio"))
    return descriptors, owned


async def visit(home):
    """The cuff is heard, sends what it has, and hangs up."""
    home.sessions_.hasten()
    path = home.bluez.sight(home.cuff)
    await home.bluez.called("StartNotify", home.bluez.calls["StartNotify"] + 1)
    home.bluez.drop(path)
    assert await home.sessions_.outcome() == "ok"


@pytest.mark.long
def test_descriptors_and_objects_are_flat_over_a_thousand_links_that_devices_end(play):
    async def scenario(home):
        for _ in range(20):
            await visit(home)
        names, (descriptors, objects) = await home.names(), count()
        for _ in range(1000):
            await visit(home)
            await asyncio.sleep(1)
        assert await home.names() == names
        assert count()[0] == descriptors
        assert count()[1] <= objects + SLACK

    play(scenario, listened_s=60)


@pytest.mark.long
def test_descriptors_and_objects_are_flat_over_days_with_a_fault_each(play):
    async def scenario(home):
        for day in range(DAYS):
            await visit(home)
            home.bluez.fault = ("scan", "power", "service")[day % 3]
            assert await home.within(600, lambda: not home.bluez.fault)
            if day == 2:
                names, (descriptors, objects) = await home.names(), count()
            await asyncio.sleep(600)
            assert not list(home.ladder.problems())
            await asyncio.sleep(DAY - 1800)
        assert home.used["scan"] >= DAYS
        assert home.used["service"] == DAYS // 3
        assert await home.names() == names
        assert count()[0] == descriptors
        assert count()[1] <= objects + SLACK
        sys.stdout.write(
            f"{DAYS} days, rungs {home.used}, {names} bus names, {descriptors} descriptors, "
            f"{objects} objects before and {count()[1]} after\n"
        )

    play(scenario, neighbour_s=85)


def test_a_device_that_nobody_enrolled_may_shout_and_is_neither_connected_nor_remembered_long(play):
    async def scenario(home):
        for number in range(300):
            address = f"C0:00:00:00:{number // 256:02X}:{number % 256:02X}"
            home.bluez.sight(FakeDevice(address, "shouter" * 30, {"1810": []}))
            for _ in range(3):
                home.bluez.sight(home.television)
            await asyncio.sleep(0.02)  # the bus takes no more at once than a socket holds
        await home.settle()
        assert len(await home.central.sightings()) == 64
        assert home.bluez.calls["Connect"] == 0
        assert await home.hears_the_cuff()

    play(scenario, listened_s=60)


def test_a_device_that_connects_and_says_nothing_is_let_go_and_others_are_heard(play):
    async def scenario(home):
        home.cuff.find("2A35").answer = ()
        for _ in range(10):
            assert await home.hears_the_cuff()
            assert not home.central.is_linked()
        assert await home.readings() == []
        home.cuff.find("2A35").answer = (FRAME,)
        assert await home.hears_the_cuff()
        assert len(await home.readings()) == 1

    play(scenario, listened_s=60)


@pytest.mark.parametrize("is_bonded", [False, True])
def test_a_twin_of_an_enrolled_device_is_not_taken_for_it(play, is_bonded):
    async def scenario(home):
        twin = home.make_cuff("F0:00:00:12:34:99", is_bonded=is_bonded)
        home.bluez.sight(twin)
        imitation = home.make_cuff(is_bonded=False)
        home.bluez.sight(imitation)
        if not is_bonded:
            assert await soon(home.sessions_.outcome()) == "pairing-refused"
        await home.settle()
        assert home.bluez.calls["Connect"] == 0
        assert await home.readings() == []

    play(scenario, listened_s=60)
