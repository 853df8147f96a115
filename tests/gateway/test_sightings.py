from bleak.backends.device import BLEDevice
from bleak.backends.scanner import AdvertisementData

from gateway.links.sightings import KEPT_MS, MOST, Sightings
from tests.fakes.hand_clock import HandClock


class Air:
    """A radio that holds one bond."""

    def address(self, found):
        return found.address

    async def ties(self, found):
        return (found.address == "F0",) * 2 + (False,)


def advertise(name=None, rssi=-50):
    return AdvertisementData(name, {301: b"\x01"}, {}, ["1810"], None, rssi, ())


async def test_what_is_heard_is_listed_the_newest_first_with_how_it_stands_with_this_hub():
    heard = Sightings(Air(), HandClock())
    heard.note("F0", BLEDevice("F0", "cuff", None), advertise(rssi=-60))
    heard.note("F1", BLEDevice("F1", None, None), advertise("meter"))
    heard.note("F0", BLEDevice("F0", "cuff", None), advertise())
    cuff, meter = await heard.list()
    assert (cuff.address, cuff.name, cuff.rssi) == ("F0", "cuff", -50)
    assert (cuff.services, cuff.makers, cuff.ties) == (("1810",), (301,), (True, True, False))
    assert (meter.address, meter.name, meter.ties.is_bonded) == ("F1", "meter", False)
    assert "F0" not in repr(cuff)


async def test_a_street_full_of_phones_leaves_the_newest():
    heard = Sightings(Air(), HandClock())
    for number in range(3 * MOST):
        heard.note(str(number), BLEDevice(str(number), None, None), advertise())
    assert [each.address for each in await heard.list()] == [
        str(number) for number in reversed(range(2 * MOST, 3 * MOST))
    ]


async def test_what_was_heard_five_minutes_ago_is_forgotten():
    clock = HandClock()
    heard = Sightings(Air(), clock)
    heard.note("F0", BLEDevice("F0", "cuff", None), advertise())
    clock.wait(KEPT_MS / 1000 + 1)
    assert await heard.list() == []
