import pytest

from drivers.errors import DeviceHeld, LinkError, LinkLost, PairingRefused
from gateway.enrolments import Enrolments
from gateway.errors import DeviceTaken, DeviceUnknown, RequestRefused
from gateway.requests import DeviceConfirm, DeviceJob, DeviceRemove, DeviceTest, Scan
from gateway.settings import DeviceSettings
from tests.fakes.quiet_room import CUFF, METER, QUICK, QuietRoom
from uplink.outbox import Loss
from uplink.records import EventRecord

ONE, TWO = "F0:00:00:00:04:12", "F0:00:00:00:77:31"


@pytest.fixture
async def room(tmp_path):
    room = await QuietRoom.open(tmp_path)
    yield room
    await room.close()


async def failed(room, **facts):
    told = await room.until(await room.add(**facts), "failed", "done", "confirm")
    assert told["stage"] == "failed"
    return told["error"]["what"]


async def test_where_nothing_is_found_it_is_said_what_to_hold_where(room):
    assert await failed(room, kind="blood-pressure") == (
        "No blood pressure monitor found. Is P blinking? Hold it next to the gateway."
    )
    assert await failed(room, kind="glucose") == (
        "No glucose meter found. Is it blinking? Hold it next to the gateway."
    )


async def test_who_was_heard_long_ago_or_is_of_another_kind_is_not_meant(room):
    room.central.show(ONE, ago_s=60)
    room.central.show(TWO, services=(METER,))
    assert (await failed(room, kind="blood-pressure")).startswith("No blood pressure monitor")


async def test_of_two_nobody_guesses_and_the_last_digits_choose(room):
    room.central.show(ONE, "A&D_UA-651BLE_000412")
    room.central.show(TWO, "A&D_UA-651BLE_007731")
    two = "Two found. Turn one off, or choose by the last four digits."
    assert await failed(room) == two
    asked = await room.until(await room.add(ends="7731"), "confirm")
    assert asked["found"]["address"] == TWO


async def test_a_model_without_a_driver_is_not_supported_and_the_others_are_named(room):
    room.central.show(ONE, "Toothbrush", services=())
    words = await failed(room, address=ONE)
    assert words.startswith("This model is not supported. Supported models: ")
    assert words.removeprefix("This model is not supported. Supported models: ")


@pytest.mark.parametrize("fault", [DeviceHeld("new"), LinkLost("new")])
async def test_a_device_that_takes_no_connection_may_be_held_by_another_phone(room, fault):
    room.central.show(ONE)
    room.central.says = fault
    assert await failed(room) == (
        "Another phone may be using it. Turn off Bluetooth there, or remove it there."
    )
    assert room.central.adopted == {}


async def test_a_device_that_does_not_pair_is_said_to_want_its_button(room):
    room.central.show(ONE)
    room.central.says = PairingRefused("new", "rejected")
    assert await failed(room) == (
        "The blood pressure monitor did not pair. Is P blinking? Hold it next to the gateway."
    )


async def test_nothing_is_enrolled_before_the_label_is_confirmed_nor_after_a_no(room, tmp_path):
    room.central.show(ONE)
    job = await room.add()
    asked = await room.until(job, "confirm")
    assert asked["question"]["what"] == "Is this on the label?"
    assert asked["found"]["serial"] == "51"
    assert room.names() == []
    await room.confirm(job, yes=False)
    told = await room.until(job, "failed")
    assert told["error"]["what"] == "Nothing was added."
    assert Enrolments(tmp_path / "state").devices == []
    assert room.central.forgotten == [ONE]
    assert await room.records(EventRecord) == []


async def test_the_serial_of_the_label_confirms_and_another_one_is_asked_about(room):
    room.central.show(ONE)
    job = await room.add(serial="52", test=False)
    asked = await room.until(job, "confirm")
    assert asked["question"]["what"] == "This serial is not in this kit. Use it anyway?"
    await room.confirm(job, yes=False)
    assert (await room.until(job, "failed"))["error"]["event"] == "wrong-serial"
    assert room.names() == []
    assert (await room.enrol(ONE, serial="51", yes=False))["stage"] == "done"
    assert room.names() == ["blood-pressure"]


async def test_consent_comes_first_and_a_no_enrols_nothing(room):
    room.central.show(ONE)
    told = await room.add(consent="no", visit="V-7")
    assert (told["stage"], told["error"]["event"]) == ("failed", "declined")
    [event] = await room.records(EventRecord)
    assert (event.name, event.facts) == ("consent-declined", {"visit": "V-7"})
    with pytest.raises(RequestRefused, match="consent comes before the test reading"):
        await room.add(consent="")
    assert room.names() == []
    assert room.central.adopted == {}


async def test_outside_the_window_nothing_is_added_and_what_is_under_way_ends(room):
    room.central.show(ONE)
    job = await room.add()
    await room.until(job, "confirm")
    room.setup.close()
    closed = "Setup has closed to keep this gateway safe. Hold the button for 3 seconds."
    assert (await room.until(job, "failed"))["error"]["what"] == closed
    with pytest.raises(RequestRefused) as refused:
        await room.add()
    assert refused.value.error == closed
    assert "vitalpost setup open" in refused.value.hint


async def test_of_two_technicians_the_second_is_told_to_wait(room):
    job = await room.add()
    for request in ({}, {"consent": "signed", "visit": "V-8"}):
        with pytest.raises(RequestRefused, match="Another phone is connected"):
            await room.add(**request)
    with pytest.raises(RequestRefused, match="Another phone is connected"):
        await room.desk.answer(DeviceRemove(name="cuff"), 1000)
    assert (await room.until(job, "failed"))["error"]["event"] == "not-found"
    assert (await room.enrol())["stage"] == "done"


async def test_whoever_does_not_ask_any_more_makes_room_for_the_next(tmp_path):
    room = await QuietRoom.open(tmp_path, QUICK._replace(unasked_s=0.01, look_s=20))
    await room.add()
    await room.desk._task
    assert room.desk._progress.error.event == "abandoned"
    await room.close()


async def test_a_job_that_is_over_or_was_never_begun_is_not_told(room):
    with pytest.raises(RequestRefused, match="there is no job 7 any more"):
        await room.desk.answer(DeviceJob(job=7), 1000)
    job = await room.add()
    with pytest.raises(RequestRefused, match="nothing is asked"):
        await room.desk.answer(DeviceConfirm(job=job["job"], yes=True), 1000)


async def test_a_device_that_says_nothing_of_itself_gets_an_identity_of_its_own(room):
    room.central.says = {"2A29": "", "2A24": "", "2A25": ""}
    assert (await room.enrol(ONE))["stage"] == "done"
    [entry] = room.premises.enrolments.devices
    assert len(entry.id) == 32
    assert (entry.maker, entry.serial) == ("", "")
    await room.enrol(ONE)
    assert room.premises.enrolments.devices == [entry]


async def test_the_same_serial_is_the_same_device_whatever_its_address(room):
    await room.enrol(ONE, visit="V-1")
    first = room.premises.enrolments.find("blood-pressure")
    room.central.show(TWO)
    assert (await room.enrol(TWO, visit="V-2"))["stage"] == "done"
    again = room.premises.enrolments.find("blood-pressure")
    assert room.names() == ["blood-pressure"]
    assert (again.device.address, again.visit) == (TWO, "V-1")
    assert again.enrolled_ms == first.enrolled_ms


async def test_a_bond_that_was_lost_is_made_again_with_the_same_device(room):
    await room.enrol(ONE)
    room.fleet.sessions[0].device.bond_lost = True
    assert (await room.until(await room.add(yes=True, test=False), "done", "failed"))[
        "error"
    ] is None
    assert room.central.forgotten == [ONE]
    assert room.names() == ["blood-pressure"]
    assert not room.fleet.sessions[0].device.bond_lost


async def test_a_device_that_is_enrolled_and_well_is_not_found_again(room):
    await room.enrol(ONE)
    assert (await failed(room)).startswith("No device found.")


async def test_a_known_device_whose_adding_fails_goes_on_being_served(room):
    await room.enrol(ONE)
    sessions = room.fleet.sessions[0]
    room.central.says = PairingRefused("new", "rejected")
    await failed(room, address=ONE)
    assert room.central.adopted == {ONE: sessions}
    room.central.says = {}
    job = await room.add(address=ONE)
    await room.confirm(job, yes=False)
    await room.until(job, "failed")
    assert room.central.adopted == {ONE: sessions}
    assert room.central.forgotten == []


async def test_another_device_at_the_address_of_an_enrolled_one_is_refused(room):
    await room.enrol(ONE)
    room.central.says = {"2A25": "66"}
    told = await room.enrol(ONE)
    assert told["error"]["event"] == DeviceTaken.__name__
    assert room.premises.enrolments.find("blood-pressure").device.serial == "51"
    assert room.central.adopted[ONE] is room.fleet.sessions[0]


async def test_a_swap_stops_the_old_one_forgets_its_bond_and_tells_both(room):
    await room.enrol(ONE)
    room.central.says = {"2A25": "52"}
    told = await room.enrol(TWO, instead_of="blood-pressure", why="broken", visit="V-9")
    assert told["error"] is None
    assert room.names() == ["blood-pressure"]
    assert room.central.forgotten == [ONE]
    assert set(room.central.adopted) == {TWO}
    [old] = room.premises.enrolments.ended
    assert (old.device.serial, old.ended.why) == ("51", "broken")
    told = [(event.name, event.facts) for event in await room.records(EventRecord)]
    assert told[1:] == [
        ("device-ended", {"why": "broken"}),
        (
            "device-enrolled",
            {"visit": "V-9", "consent": "spoken", "instead_of": "blood-pressure", "why": "broken"},
        ),
    ]


async def test_what_is_swapped_must_be_here(room):
    told = await room.enrol(ONE, instead_of="scale", why="lost")
    assert told["error"]["event"] == DeviceUnknown.__name__


async def test_a_removed_device_is_heard_no_more_and_comes_back_as_the_same(room):
    await room.enrol(ONE)
    room.fleet.sessions[0].device.bookmark = "17"
    await room.premises.memory.keep(room.fleet.sessions[0].device)
    await room.desk.answer(DeviceRemove(name="blood-pressure", why="moved"), 1000)
    assert (room.names(), room.central.adopted, room.central.forgotten) == ([], {}, [ONE])
    with pytest.raises(DeviceUnknown):
        await room.desk.answer(DeviceRemove(name="blood-pressure"), 1000)
    await room.enrol(ONE)
    device = room.fleet.sessions[0].device
    assert (device.bookmark, device.is_met) == ("", False)
    assert room.premises.enrolments.ended == []


async def test_a_device_of_the_settings_file_is_paired_and_nothing_is_written(tmp_path):
    entry = DeviceSettings(
        "kitchen",
        "sig-blood-pressure",
        ONE,
        maker="A&D Medical",
        model="UA-651BLE",
        serial="51",
        bond=True,
    )
    room = await QuietRoom.open(tmp_path, settled=[entry])
    told = await room.enrol(ONE)
    assert (told["error"], told["name"]) == (None, "kitchen")
    assert room.names() == ["kitchen"]
    assert not (tmp_path / "state" / "devices.json").exists()
    await room.close()


async def test_two_drivers_for_one_device_are_both_named_and_one_can_be_said(room):
    room.central.show(ONE, services=(CUFF,))
    both = dict(room.premises.drivers)
    info = both["sig-blood-pressure"].info
    other = type("Other", (), {"info": type(info)("other", "1", "ble", ("1810",), info.metrics)})
    both["other"] = other()
    object.__setattr__(room.premises, "drivers", both)
    told = await room.enrol(ONE)
    assert told["error"]["event"] == "DriverTie"
    assert "other and sig-blood-pressure are both for" in told["error"]["what"]
    [seen] = (await room.desk.answer(Scan(), 1000))["found"]
    assert seen["drivers"] == ("other", "sig-blood-pressure")
    assert (await room.enrol(ONE, driver="sig-blood-pressure"))["error"] is None
    with pytest.raises(RequestRefused, match="no driver 'third'"):
        await room.add(driver="third")


async def test_scan_tells_how_each_stands_with_this_hub(room):
    room.central.show(TWO, services=())
    await room.enrol(ONE)
    found = {seen["address"]: seen for seen in (await room.desk.answer(Scan(), 1000))["found"]}
    assert found[ONE]["enrolled"] == "blood-pressure"
    assert (found[ONE]["noun"], found[ONE]["drivers"]) == (
        "blood pressure monitor",
        ("sig-blood-pressure",),
    )
    assert (found[TWO]["enrolled"], found[TWO]["drivers"]) == (None, ())


async def test_a_serial_device_is_added_by_its_port_with_what_the_label_says(room):
    facts = {"port": "/dev/ttyUSB0", "kind": "oximeter", "yes": True, "test": False}
    label = {"maker": "Contec", "model": "CMS50D+", "serial": "1"}
    told = await room.until(
        await room.add(driver="contec-cms50", **facts, **label), "done", "failed"
    )
    assert told["error"] is None
    [entry] = room.premises.enrolments.devices
    assert (entry.name, entry.port, entry.serial) == ("oximeter", "/dev/ttyUSB0", "1")
    told = await room.until(await room.add(driver="contec-cms50", **facts), "done", "failed")
    assert told["error"]["what"] == "this port is that of the device oximeter already"


async def test_a_gateway_whose_card_has_lost_something_is_not_to_be_left(room):
    room.storage.outbox.losses.append(Loss("rows", 1))
    told = await room.enrol(ONE)
    assert told["notes"] == ["This gateway has a fault. Do not leave it here. Swap it."]


async def test_what_breaks_ends_the_job_and_not_the_hub(room):
    room.central.show(ONE)

    async def crash():
        raise ZeroDivisionError

    room.central.sightings = crash
    assert await failed(room) == "This gateway has failed at it."
    with pytest.raises(DeviceUnknown):
        await room.desk.answer(DeviceTest(name="x"), 1000)


async def test_a_bond_that_cannot_be_forgotten_does_not_keep_a_device_here(room):
    await room.enrol(ONE)

    async def refuse(_address):
        raise LinkError("the device", "no")

    room.central.forget = refuse
    await room.desk.answer(DeviceRemove(name="blood-pressure"), 1000)
    assert room.names() == []
