"""Each driver on the virtual radio, end to end: device, bleak, driver, pipeline, outbox."""

from decimal import Decimal

import pytest

from drivers.metrics import Metric
from simulator.devices.dispenser import FROM_DEVICE
from simulator.devices.nonin_ble import OXIMETRY
from simulator.dispenser import DISPENSED, JAMMED, OPENED
from tests.simulator.household import Household
from uplink.records import EventRecord, ReadingRecord, SeriesRecord

PASSKEY = 271_828


@pytest.fixture
async def home(tmp_path):
    async with Household(tmp_path) as home:
        yield home


async def test_the_devices_of_a_home_are_read_by_one_hub(home):
    cuff = await home.add("cuff=shared-cuff")
    oximeter = await home.add("oximeter=pulse-oximeter")
    scale = await home.add("scale=scale")
    thermometer = await home.add("thermometer=thermometer")
    pressures = {"systolic": 125, "diastolic": 80, "mean": 102, "pulse": 64}
    for user in (1, 2):
        await cuff.obey("measure", {**pressures, "user": user})
    await oximeter.obey("measure", {"spo2": 97, "pulse": 71})
    await scale.obey("measure", {"weight_g": 81_405, "user": 2})
    await thermometer.obey("measure", {"centi_celsius": 3684})
    home.start_hub()
    await home.delivered(cuff, oximeter, scale, thermometer)

    shared = await home.readings("2A35")
    assert [reading.attributes["user_id"] for reading in shared] == [1, 2]
    assert {reading.link for reading in shared} == {2}
    [weighed] = await home.readings("2A9D")
    assert weighed.observations[0].value == Decimal("81.405")
    assert weighed.attributes["user_id"] == 2
    [warm] = await home.readings("2A1C")
    assert warm.observations[0].value == Decimal("36.84")
    for name in ("cuff", "scale", "thermometer"):
        assert home.logged(name, "confirmed") == home.logged(name, "measured")


async def test_a_dispenser_tells_what_happened_on_a_cable_and_on_the_air(home):
    wired = await home.add("wired=dispenser")
    aired = await home.add("aired=dispenser-ble")
    home.start_hub()
    for device in (wired, aired):
        await device.obey("measure", {"kind": DISPENSED, "compartment": 4, "doses": 2})
        await device.obey("measure", {"kind": JAMMED, "compartment": 5})
        await device.obey("measure", {"kind": OPENED})
    await home.delivered(wired, aired)
    for name, source in (("wired", "rx"), ("aired", FROM_DEVICE)):
        readings = await home.readings(source)
        told = home.logged(name, "measured")
        assert [reading.raw[0][1].hex() for reading in readings] == told
        assert home.logged(name, "confirmed") == told
        assert [reading.status for reading in readings] == [("dispensed",), ("opened",)]
    assert [event.facts["what"] for event in await home.events("device-event")] == ["jammed"] * 2


async def test_a_generic_health_sensor_is_started_and_its_segments_are_one_reading(home):
    dispenser = await home.add("dispenser=health-sensor")
    await dispenser.obey("measure", {"doses": 2})
    home.start_hub()
    await home.delivered(dispenser)
    [reading] = await home.readings("2B8B")
    [seen] = reading.observations
    assert (seen.metric, seen.value) == (Metric.MDC_AI_MED_DISPENSED_FIXED, 2)
    assert len(reading.raw) == 2
    value = b"".join(data[1:] for _, data in reading.raw)
    assert [value.hex()] == home.logged("dispenser", "measured")
    assert reading.device_time == dispenser.tell(value).device_time


async def test_a_nonin_gives_one_spot_check_and_what_it_repeats_without_a_finger_is_none(home):
    oximeter = await home.add("oximeter=nonin-ble")
    await oximeter.obey("measure", {"spo2": 97, "pulse": 71})
    home.start_hub()
    await home.delivered(oximeter)
    await home.ended("oximeter")
    [reading] = await home.readings(OXIMETRY)
    assert [reading.raw[0][1].hex()] == home.logged("oximeter", "measured")
    assert [event.facts["what"] for event in await home.events("device-event")] == ["sensor-alarm"]
    assert sum(series.count for series in await home.records(SeriesRecord)) == 9


async def test_a_taidoc_meter_is_read_and_switched_off(home):
    meter = await home.add("meter=taidoc-ble")
    home.start_hub()
    for mg_dl, meal in ((104, 1), (131, 2), (110, 3)):
        await meter.obey("measure", {"mg_dl": mg_dl, "meal": meal})
        await home.delivered(meter)
        home.pass_seconds(3600)
    readings = {r.raw: r for r in await home.records(ReadingRecord)}.values()
    assert [int(reading.observations[0].value) for reading in readings] == [104, 131]
    assert {event.facts["what"] for event in await home.events("device-event")} == {
        "control-solution"
    }


async def test_an_oximeter_whose_clock_was_never_set_has_a_time_once_the_hub_has_set_it(home):
    oximeter = await home.add("oximeter=pulse-oximeter")
    await oximeter.obey("measure", {"spo2": 97, "pulse": 71})
    home.start_hub()
    await home.delivered(oximeter)
    await oximeter.obey("measure", {"spo2": 96, "pulse": 72})
    await home.delivered(oximeter)
    unset, known = await home.readings("2A5E")
    assert unset.device_time is None
    assert "clock_not_set" in unset.status
    assert known.device_time is not None
    assert home.logged("oximeter", "clock-set", "by") == ["hub"]


async def test_a_glucose_meter_is_paired_by_its_passkey_and_asked_only_for_what_is_new(home):
    meter = await home.add(f"meter=glucose-meter passkey={PASSKEY}", passkey=PASSKEY)
    await meter.obey("measure", {"mg_dl": 104, "meal": 1})
    await meter.obey("measure", {"mg_dl": 131})
    await meter.obey("measure", {"mg_dl": 110, "type": 10})
    home.start_hub()
    await home.delivered(meter)
    await home.ended("meter")
    await meter.obey("measure", {"mg_dl": 98})
    await home.delivered(meter)

    readings = await home.readings("2A18")
    assert [reading.record_number for reading in readings] == [1, 2, 4]
    assert [len(reading.raw) for reading in readings] == [2, 1, 1]
    assert readings[0].link == 2
    checked = (await home.events("device-event"))[0]
    assert checked.facts["what"] == "control-solution"
    asked = home.logged("meter", "asked", "request")
    assert "0101" in asked
    assert asked[-1].startswith("010301")


async def test_a_meter_that_was_cleared_begins_its_numbers_anew_and_nothing_is_missed(home):
    meter = await home.add("meter=glucose-meter")
    for mg_dl in (104, 131):
        await meter.obey("measure", {"mg_dl": mg_dl})
    home.start_hub()
    await home.delivered(meter)
    await home.ended("meter")
    await meter.obey("clear", None)
    home.pass_seconds(3600)
    await meter.obey("measure", {"mg_dl": 98})
    await home.delivered(meter)
    frames = {reading.raw[0][1].hex() for reading in await home.readings("2A18")}
    assert frames == set(home.logged("meter", "measured"))


async def test_a_wrong_passkey_makes_no_bond_and_moves_no_reading(home):
    meter = await home.add(f"meter=glucose-meter passkey={PASSKEY}", passkey=PASSKEY + 1)
    await meter.obey("measure", {"mg_dl": 104})
    home.start_hub()
    await home.ended("meter", "pairing-refused")
    assert await home.readings("2A18") == []
    assert home.sessions["meter"].device.has_bond is False


async def test_a_bond_that_the_device_has_lost_is_said_and_made_again_in_set_up(home):
    scale = await home.add("scale=scale")
    await scale.obey("measure", {"weight_g": 81_400, "user": 1})
    home.start_hub()
    await home.delivered(scale)
    await home.ended("scale")
    home.setup.close()
    await scale.obey("lose-bonds", None)
    await scale.obey("measure", {"weight_g": 81_600, "user": 1})
    await home.ended("scale", "bond-lost")
    assert len(await home.readings("2A9D")) == 1

    await home.forget("scale")
    home.setup.open()
    await scale.obey("pair", None)
    await home.delivered(scale)
    assert len(await home.readings("2A9D")) == 2
    made_and_lost = [e.name for e in await home.records(EventRecord) if e.name.startswith("bond")]
    assert made_and_lost == ["bond-made", "bond-lost", "bond-made"]
