import json
from typing import get_args

import pytest
from structlog.testing import capture_logs

from gateway.clock import read_moment
from gateway.requests import (
    REQUESTS,
    DeviceRequest,
    Devices,
    Hello,
    SetupClose,
    SetupOpen,
    SetupStatus,
    Status,
)
from gateway.sessions import Outcome
from tests.fakes.asked_hub import AskedHub
from uplink.errors import BrokerRefused, BrokerUnreachable

ASKED = [kind for kind in REQUESTS.values() if kind not in get_args(DeviceRequest)]


@pytest.fixture
async def hub(tmp_path):
    hub = await AskedHub.open(tmp_path)
    yield hub
    await hub.storage.outbox.close()


async def test_every_request_is_answered_with_what_json_can_say(hub):
    for kind in ASKED:
        assert json.dumps(await hub.ask(kind()))


async def test_hello_says_which_hub_this_is_and_what_it_can_be_asked(hub):
    assert await hub.ask(Hello()) == {
        "protocol": 1,
        "hub": "hub-1",
        "software": "vitalpost 0.1.0",
        "requests": list(REQUESTS),
    }


async def test_times_are_told_as_how_long_ago_whatever_the_wall_clock_did(hub):
    device = hub.sessions.device
    assert (await hub.ask(Devices()))["devices"][0]["heard_s"] is None
    device.heard_at = read_moment(hub.clock)
    hub.clock.wait(90)
    device.reading_at = read_moment(hub.clock)
    hub.clock.wait(30)
    hub.clock.utc_s += 1_000_000
    [told] = (await hub.ask(Devices()))["devices"]
    assert (told["heard_s"], told["reading_s"]) == (120, 30)
    assert (await hub.ask(Status()))["running_s"] == 120


async def test_a_device_is_told_with_its_bond_its_battery_and_its_last_session(hub):
    device, sessions = hub.sessions.device, hub.sessions
    device.battery, device.has_bond, sessions.failures = 80, False, 2
    sessions.last = Outcome("pairing-refused", "Open set-up.")
    [told] = (await hub.ask(Devices()))["devices"]
    assert told == {
        "name": "cuff",
        "driver": "sig-blood-pressure",
        "bond": True,
        "bonded": False,
        "heard_s": None,
        "reading_s": None,
        "battery": 80,
        "last_session": "pairing-refused",
        "failures": 2,
    }


async def test_a_bond_that_is_lost_later_is_told_in_a_technicians_words(hub):
    hub.sessions.device.bond_lost = True
    hub.sessions.last = Outcome("bond-lost", "…")
    [problem] = (await hub.ask(Status()))["problems"]
    assert problem["what"] == (
        "cuff: This blood pressure monitor must be added again. Nothing is lost."
    )
    assert "vitalpost devices add" in problem["hint"]


async def test_a_device_that_is_silent_for_a_day_is_told_with_what_to_do(hub):
    hub.sessions.device.heard_at = read_moment(hub.clock)
    hub.clock.wait(24 * 60 * 60)
    assert (await hub.ask(Status()))["problems"] == []
    hub.clock.wait(2)
    assert (await hub.ask(Status()))["problems"] == [
        {
            "what": "cuff: Nothing from the blood pressure monitor since yesterday.",
            "hint": "Bring it closer; it will send by itself.",
            "needs_help": False,
        }
    ]


async def test_a_hub_that_has_just_started_has_no_problem(hub):
    assert (await hub.ask(Status()))["problems"] == []


async def test_each_problem_is_told_with_what_to_do(hub):
    hub.standing.disconnected(BrokerUnreachable("broker:8883"))
    hub.standing.refusal = BrokerRefused(0x87, "publish")
    hub.standing.is_office_silent = True
    hub.clock.level = 0
    hub.sessions.last = Outcome("pairing-refused", "Open set-up.")
    await hub.storage.start_recorder().record([])
    kid, last = hub.storage.outbox.previous()[:2]
    await hub.storage.outbox.refuse(kid, last, "conflict")
    status = await hub.ask(Status())
    assert [problem["what"] for problem in status["problems"]] == [
        "broker not reached: broker:8883: no answer",
        "the office does not answer",
        "the broker refuses records: publish: reason code 0x87",
        "records in quarantine: 1",
        "the hub's clock is not synchronised",
        "cuff: pairing-refused",
    ]
    assert all(problem["hint"] for problem in status["problems"])
    assert status["uplink"]["trouble"] == "broker:8883: no answer"
    hub.standing.connected()
    assert (await hub.ask(Status()))["uplink"]["trouble"] is None


async def test_a_device_that_only_went_away_is_no_problem(hub):
    hub.sessions.last = Outcome("device-away", "Nothing to do.")
    assert (await hub.ask(Status()))["problems"] == []


async def test_who_opens_and_closes_set_up_is_logged_and_devices_need_not_wait(hub):
    hub.sessions._not_before = float("inf")
    with capture_logs() as lines:
        assert await hub.ask(SetupOpen()) == {"open": True, "left_s": 900}
        hub.clock.wait(60)
        assert await hub.ask(SetupStatus()) == {"open": True, "left_s": 840}
        assert await hub.ask(SetupClose()) == {"open": False, "left_s": 0}
    assert [(line["event"], line["uid"]) for line in lines] == [
        ("setup-opened", 1000),
        ("setup-closed", 1000),
    ]
    assert hub.sessions.claim()


async def test_nothing_that_is_told_names_an_address_or_a_serial(hub):
    told = [json.dumps(await hub.ask(kind())) for kind in ASKED]
    assert not [line for line in told if "F0:00" in line or b"i".hex() * 16 in line]
