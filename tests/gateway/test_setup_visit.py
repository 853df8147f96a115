import asyncio
import json
from datetime import timedelta

import pytest

from simulator.frames import FAILED
from simulator.oximeter import Oximeter
from tests.fakes.visited_home import ADDRESS, LIMITS, SERIAL, VALUES, VisitedHome
from uplink.records import EventRecord, ReadingRecord

OTHER, OTHER_SERIAL = "F0:00:00:77:31:00", "5100007731"


@pytest.fixture
async def home(tmp_path):
    async with VisitedHome(tmp_path) as home:
        yield home


async def add(home, cuff, **facts):
    """Pair and confirm; the job, which awaits its test reading."""
    cuff.switch_on()
    begun = await home.add(**{"yes": True, "visit": "V-7", **facts})
    told = await home.until(begun["job"], "testing", "done", "failed")
    assert told["error"] is None
    return begun["job"]


async def deliver(home, cuff, job):
    cuff.keep(cuff.build(VALUES))
    return await home.until(job, "sending", "done", "failed")


async def test_a_cuff_is_found_paired_confirmed_enrolled_tried_out_and_delivered(home):
    cuff = await home.bring()
    cuff.switch_on()
    begun = await home.add(kind="blood-pressure", visit="V-7")
    assert (begun["ok"], begun["stage"]) == (True, "looking")
    asked = await home.until(begun["job"], "confirm")
    assert asked["found"] == {
        "driver": "sig-blood-pressure",
        "maker": "A&D Medical",
        "model": "UA-651BLE",
        "serial": SERIAL,
        "address": ADDRESS,
    }
    assert home.premises.enrolments.devices == []
    await home.ask("device-confirm", job=begun["job"], yes=True)
    waiting = await home.until(begun["job"], "testing")
    assert waiting["steps"] == {"measured": False, "gateway_ms": None, "office_ms": None}
    [enrolled] = home.premises.enrolments.devices
    assert (enrolled.name, enrolled.serial, enrolled.bond) == ("blood-pressure", SERIAL, True)
    sending = await deliver(home, cuff, begun["job"])
    assert sending["steps"]["measured"]
    assert sending["steps"]["gateway_ms"]
    assert sending["steps"]["office_ms"] is None
    assert [value for _, value, _ in sending["values"]] == ["128", "76", "93", "68"]
    kept = await home.storage.read()
    [reading] = [each for each in kept if isinstance(each.record, ReadingRecord)]
    [mark] = [each.record for each in kept if getattr(each.record, "name", "") == "setup-test"]
    assert mark.facts == {"kid": reading.kid.hex(), "sequence": reading.sequence, "visit": "V-7"}
    await home.receipt_all()
    done = await home.until(begun["job"], "done", "failed")
    assert done["error"] is None
    assert done["steps"]["office_ms"] == 1_790_000_000_000
    assert done["record"] == f"{reading.kid.hex()[:6]}-{reading.sequence}"


@pytest.mark.parametrize(
    ("is_connected", "network", "words"),
    [
        (False, {}, "No mobile signal here. Move the gateway near a window, then check again."),
        (
            False,
            {"recovery": {"trouble": "sim-not-active"}},
            "The gateway has signal but is not let in. Call us with hub-1.",
        ),
        (
            False,
            {"bars": 4, "recovery": {"trouble": None}},
            "Signal is good. The office did not answer. The reading is safe.",
        ),
        (True, {}, "Signal is good. The office did not answer. The reading is safe."),
    ],
)
async def test_delivered_is_not_said_without_a_receipt(tmp_path, is_connected, network, words):
    async with VisitedHome(tmp_path, LIMITS._replace(office_s=0.2)) as home:
        home.standing.is_connected = is_connected
        home.network.told = network
        cuff = await home.bring()
        job = await add(home, cuff)
        cuff.keep(cuff.build(VALUES))
        told = await home.until(job, "done", "failed")
        assert told["error"]["what"] == words
        assert "vitalpost devices test blood-pressure" in told["error"]["hint"]
        assert told["steps"]["office_ms"] is None
        assert len(await home.records(ReadingRecord)) == 1


async def test_a_reading_that_the_office_refuses_is_not_delivered(home):
    cuff = await home.bring()
    job = await add(home, cuff)
    sent = await deliver(home, cuff, job)
    assert sent["stage"] == "sending"
    for each in await home.storage.read():
        await home.storage.outbox.refuse(each.kid, each.sequence, "conflict")
    told = await home.until(job, "done", "failed")
    assert told["error"]["what"] == "The office did not take this reading. The reading is safe."


async def test_where_no_reading_comes_the_device_stays_added(tmp_path):
    async with VisitedHome(tmp_path, LIMITS._replace(reading_s=0.2)) as home:
        job = await add(home, await home.bring())
        told = await home.until(job, "failed")
        assert told["error"]["what"] == (
            "No reading has come. Ask the patient to take a reading now."
        )
        assert [one.name for one in home.premises.enrolments.devices] == ["blood-pressure"]


async def test_a_failed_measurement_is_no_test_reading_and_the_next_one_is(home):
    cuff = await home.bring()
    job = await add(home, cuff)
    cuff.keep(cuff.build(FAILED))
    await cuff.idle.wait()
    assert (await home.ask("device-job", job=job))["stage"] == "testing"
    assert (await deliver(home, cuff, job))["stage"] == "sending"


async def test_a_wrong_clock_is_told_and_set(home):
    cuff = await home.bring()
    cuff.set_clock(cuff.clock.now() - timedelta(days=400), by="home")
    job = await add(home, cuff)
    told = await deliver(home, cuff, job)
    assert told["notes"] == [
        "The blood pressure monitor's clock is wrong. The gateway will set it."
    ]


async def test_a_returned_cuff_brings_no_former_patients_history(home):
    cuff = await home.bring()
    now = cuff.clock.now()
    for days in (40, 39, 38):
        cuff.set_clock(now - timedelta(days=days), by="home")
        cuff.keep(cuff.build(VALUES._replace(systolic=190)))
    cuff.set_clock(now, by="home")
    job = await add(home, cuff)
    told = await deliver(home, cuff, job)
    assert told["values"][0][1] == "128"
    readings = await home.records(ReadingRecord)
    assert [int(record.observations[0].value) for record in readings] == [128]
    [left] = [each for each in await home.records(EventRecord) if each.name == "history-left"]
    assert left.facts == {"count": 3}


async def test_all_of_a_cuffs_history_comes_where_it_is_asked_for(home):
    cuff = await home.bring()
    now = cuff.clock.now()
    cuff.set_clock(now - timedelta(days=40), by="home")
    cuff.keep(cuff.build(VALUES._replace(systolic=190)))
    cuff.set_clock(now, by="home")
    await add(home, cuff, history="all")
    await cuff.idle.wait()
    assert len(await home.records(ReadingRecord)) == 1


async def test_a_swapped_cuff_is_not_connected_any_more_and_its_bond_is_gone(home):
    old = await home.bring()
    await home.receipt_all()
    job = await add(home, old, test=False)
    await home.until(job, "done")
    old._off_at_ns = 0
    new = await home.bring(OTHER, OTHER_SERIAL)
    job = await add(home, new, instead_of="blood-pressure", why="broken")
    assert (await deliver(home, new, job))["stage"] in ("sending", "done")
    assert (await home.until(job, "done", "failed"))["error"] is None
    bonds = (home.folder / "bonds").read_text()
    assert OTHER in bonds
    assert ADDRESS not in bonds
    assert [one.serial for one in home.premises.enrolments.devices] == [OTHER_SERIAL]


async def test_a_test_reading_that_was_not_the_patients_is_marked(home):
    await home.receipt_all()
    cuff = await home.bring()
    job = await add(home, cuff)
    cuff.keep(cuff.build(VALUES))
    done = await home.until(job, "done", "failed")
    marked = await home.ask("device-not-patient", name="blood-pressure")
    assert f"{marked['kid'][:6]}-{marked['sequence']}" == done["record"]
    refused = await home.ask("device-not-patient", name="scale")
    assert not refused["ok"]


async def test_an_oximeter_at_a_port_is_added_served_tried_out_and_removed(home):
    oximeter = Oximeter(home.folder / "ttyUSB0")
    oximeter.plug()
    port = str(oximeter.port)
    label = {"maker": "Contec", "model": "CMS50D+", "serial": "1"}
    begun = await home.add(driver="contec-cms50", port=port, **label)
    await home.until(begun["job"], "testing")
    while True:
        oximeter.beat(60)
        told = await home.ask("device-job", job=begun["job"])
        if told["stage"] != "testing":
            break
        await asyncio.sleep(0.01)
    assert (told["stage"], told["noun"]) == ("sending", "oximeter")
    await home.receipt_all()
    told = await home.until(begun["job"], "done", "failed")
    assert told["error"] is None
    assert told["values"][0][0].startswith("MDC_PULS_OXIM")
    assert (await home.ask("device-remove", name="oximeter"))["ok"]
    assert home.fleet.sessions == []
    oximeter.unplug()


# The commands, as processes of their own at the same socket.


async def test_scan_says_who_is_in_range_how_strong_and_whether_enrolled(home):
    code, out, err = await home.call("scan", "--for", "0")
    assert (code, out) == (1, "")
    assert err.startswith("No device is in range.")
    cuff = await home.bring()
    cuff.switch_on()
    await home.heard()
    code, out, err = await home.call("scan", "--for", "0")
    assert (code, err) == (0, "")
    titles, row = out.splitlines()
    assert titles.split() == ["ADDRESS", "NAME", "DEVICE", "SIGNAL", "HEARD", "HERE"]
    assert row.startswith(ADDRESS)
    assert "blood pressure monitor (sig-blood-pressure)" in row
    assert row.endswith("new")
    [seen] = json.loads((await home.call("scan", "--for", "0", "--json"))[1])
    assert (seen["address"], seen["enrolled"], seen["bonded"]) == (ADDRESS, None, False)


async def test_a_whole_visit_on_the_command_line(home):
    await home.receipt_all()
    cuff = await home.bring()
    cuff.switch_on()
    words = ("--consent", "spoken", "--visit", "V-7", "--serial", SERIAL)
    adding = asyncio.create_task(home.call("devices", "add", "blood-pressure", *words))
    await home.enrolled()
    cuff.keep(cuff.build(VALUES))
    code, out, err = await adding
    assert code == 0
    assert out.startswith("The office has the reading. Received ")
    told = [line for line in err.splitlines() if not line.startswith("Hold its button")]
    assert told[:4] == [
        "Found a blood pressure monitor.",
        "Model  UA-651BLE",
        f"Serial {SERIAL}",
        "Ask the patient to take a reading now.",
    ]
    assert told[4] == "1 Measured      done"
    assert told[5].startswith("2 At gateway ")
    assert told[6] == "Same numbers on the device?  128 / 76 / 93 / 68"
    assert told[-1].startswith("3 At office ")
    code, out, _ = await home.call("devices", "list")
    assert "blood-pressure  sig-blood-pressure  yes" in out
    code, out, err = await home.call("devices", "remove", "blood-pressure")
    assert (code, out) == (2, "")
    assert "--yes" in err
    code, out, _ = await home.call("devices", "remove", "blood-pressure", "--yes", "--json")
    assert (code, json.loads(out)) == (0, {"name": "blood-pressure", "why": "removed"})
    assert home.fleet.sessions == []


async def test_without_a_terminal_nothing_is_enrolled_that_nobody_confirmed(home):
    cuff = await home.bring()
    cuff.switch_on()
    code, out, err = await home.call("devices", "add", "--consent", "signed")
    assert (code, out) == (1, "")
    assert "Is this on the label?\nNobody is here to confirm it" in err
    assert err.endswith("Nothing was added.\nTurn the other one off, then look again.\n")
    assert home.premises.enrolments.devices == []


async def test_consent_is_asked_before_anything_else(home):
    code, out, err = await home.call("devices", "add")
    assert (code, out) == (2, "")
    assert err.startswith("Patient agreed to this service? ")
    code, out, err = await home.call("devices", "add", "--consent", "no", "--visit", "V-7")
    assert (code, out) == (1, "")
    assert err == ("The patient does not want this service.\nNothing was added. You can leave.\n")
    home.setup.close()
    code, out, err = await home.call("devices", "add", "--depot", "--yes")
    assert (code, out) == (1, "")
    assert err.startswith("Setup has closed to keep this gateway safe.")


async def test_in_the_depot_a_kit_is_paired_without_a_reading(home):
    cuff = await home.bring()
    cuff.switch_on()
    code, out, _ = await home.call("devices", "add", "--depot", "--yes")
    assert (code, out) == (0, "blood-pressure added.\n")
    cuff.switch_on()
    code, out, _ = await home.call("devices", "list", "--json")
    assert [device["bonded"] for device in json.loads(out)] == [True]


async def test_what_cannot_be_delivered_yet_is_said_to_be_in_the_gateway(tmp_path):
    async with VisitedHome(tmp_path, LIMITS._replace(office_s=0.2)) as home:
        cuff = await home.bring()
        cuff.switch_on()
        adding = asyncio.create_task(home.call("devices", "add", "--consent", "spoken", "--yes"))
        await home.enrolled()
        cuff.keep(cuff.build(VALUES))
        code, out, err = await adding
        assert (code, out) == (1, "")
        assert "Saved in the gateway.\nNOT at the office yet.\nSafe for 90 days.\n" in err
        assert "The office has the reading." not in err
        assert err.splitlines()[-2] == (
            "No mobile signal here. Move the gateway near a window, then check again."
        )


async def test_a_swap_on_the_command_line_says_what_becomes_of_the_old_one(home):
    await home.receipt_all()
    old = await home.bring()
    await home.until(await add(home, old, test=False), "done")
    new = await home.bring(OTHER, OTHER_SERIAL)
    new.switch_on()
    code, _, err = await home.call("devices", "swap", "blood-pressure", "--consent", "spoken")
    assert code == 2
    words = ("--why", "old", "--consent", "spoken", "--serial", OTHER_SERIAL, "--address", OTHER)
    swapping = asyncio.create_task(home.call("devices", "swap", "blood-pressure", *words))
    await home.enrolled(OTHER_SERIAL)
    new.keep(new.build(VALUES))
    code, out, err = await swapping
    assert (code, out[:27]) == (0, "The office has the reading.")
    assert err.startswith("The old one stops now. History and days stay.\n")
    code, out, _ = await home.call("devices", "test", "blood-pressure", "--not-the-patient")
    assert (code, out[:20]) == (0, "name blood-pressure ")
    code, _, err = await home.call("devices", "test", "scale")
    assert code == 1
    assert err.startswith("scale: no such device was added here\n")


async def test_a_second_test_reading_is_followed_to_the_office_as_well(home):
    await home.receipt_all()
    cuff = await home.bring()
    await home.until(await add(home, cuff, test=False), "done")
    testing = asyncio.create_task(home.call("devices", "test", "blood-pressure", "--json"))
    await home.so(lambda: home.fleet.sessions[0].device.watch)
    cuff.keep(cuff.build(VALUES))
    code, out, err = await testing
    assert (code, err) == (0, "")
    assert json.loads(out)["steps"]["office_ms"] == 1_790_000_000_000


async def test_set_up_counts_down_until_it_closes(home):
    watching = asyncio.create_task(home.call("setup", "open", "--watch"))
    await home.so(lambda: home.control.counts["answered"])
    home.setup.close()
    code, out, err = await watching
    assert code == 0
    assert err.splitlines()[0].startswith("Set-up closes in 1")
    assert out.startswith("Set-up is closed to keep this hub safe.")
