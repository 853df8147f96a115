import os
from contextlib import suppress

import pytest
from dbus_fast import Variant
from structlog.testing import capture_logs

from gateway.cli.networked import describe
from gateway.network.health import SIMS
from gateway.network.modem import MODEM, MODEM_3GPP, Sim, State
from gateway.network.routes import DEVICE, NETWORKS, NETWORKS_PATH
from tests.fakes.mobile_home import AT, DEVICES, GSM, REFUSE, MobileHome

DENIED = "org.freedesktop.{}".format
WWAN = "DEVTYPE=wwan\n"


@pytest.fixture
async def home(tmp_path, monkeypatch):
    home = MobileHome(tmp_path)
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", home.daemon.address)
    async with home:
        yield home


async def climbed(home):
    """What was asked of modem and NetworkManager to mend it, in words."""
    asked = [f"{name}({', '.join(map(str, args))})" for name, args in await home.modems.calls(AT)]
    reconnects = await home.networks.calls(NETWORKS_PATH)
    return [name for name, _ in reconnects if name == "ActivateConnection"], asked


async def lose_bus(home, network):
    """dbus-daemon is killed, and the hub's connection has noticed."""
    bus = network._managers._bus._bus
    home.daemon.kill()
    with suppress(EOFError):
        await bus.wait_for_disconnect()


def whats(network):
    return [problem.what for problem in network.problems()]


async def test_without_a_bus_the_status_says_plainly_that_there_is_none_and_nothing_is_amiss(home):
    home.daemon.kill()
    network = home.network()
    await home.live(network, 3)
    facts = network.facts()
    assert (facts["modemmanager"], facts["networkmanager"], facts["modem"]) == (False, False, None)
    assert facts["signal"] is None
    assert whats(network) == []


async def test_without_either_service_nothing_is_amiss_and_neither_is_started(home):
    network = home.network()
    await home.live(network, 3)
    assert not network.facts()["modemmanager"]
    assert whats(network) == []


async def test_registration_operator_signal_and_sim_are_told_in_words(home):
    await home.start_modem()
    await home.start_networks()
    network = home.network()
    await network.look()
    facts = network.facts()
    assert (facts["signal"], facts["bars"]) == ("good", 4)
    assert facts["modem"] == {
        "state": "connected",
        "sim": "ready",
        "registration": "home",
        "operator": "Example Mobile",
        "technology": "LTE",
    }
    assert whats(network) == []


@pytest.mark.parametrize(
    ("state", "why", "lock", "sim"),
    [
        (State.FAILED, 2, 0, Sim.MISSING),
        (State.FAILED, 3, 0, Sim.FAILED),
        (State.LOCKED, 0, 2, Sim.PIN),
        (State.LOCKED, 0, 4, Sim.PUK),
        (State.LOCKED, 0, 17, Sim.LOCKED),
    ],
)
async def test_a_sim_that_cannot_be_used_is_told_with_what_to_do(home, state, why, lock, sim):
    await home.start_modem()
    network = home.network()
    reasons = {"StateFailedReason": Variant("u", why), "UnlockRequired": Variant("u", lock)}
    await home.ail(state, 0, **reasons)
    await home.live(network, 4)
    assert network.facts()["modem"]["sim"] == sim
    [problem] = network.problems()
    assert (problem.what, problem.hint) == (SIMS[sim].what, SIMS[sim].hint)
    assert problem.needs_help is (sim is not Sim.FAILED)


async def test_no_signal_is_told_after_two_minutes_in_the_words_of_the_visit(home):
    await home.start_modem()
    await home.start_networks()
    network = home.network()
    await home.ail(State.SEARCHING, 2, SignalQuality=Variant("(ub)", [0, True]))
    await home.live(network, 2)
    assert whats(network) == []
    await home.live(network, 1)
    [problem] = network.problems()
    assert f"{problem.what} {problem.hint}" == (
        "No mobile signal here. Move the gateway near a window, then check again."
    )
    assert network.facts()["signal"] == "none"


async def test_a_sim_that_is_not_active_is_told_with_the_name_to_call_with(home):
    await home.start_modem()
    network = home.network()
    await home.ail(State.ENABLED, 3)
    await home.live(network, 4)
    [problem] = network.problems()
    assert f"{problem.what} {problem.hint}" == (
        "The gateway has signal but is not let in. Call us with g-4f2a."
    )


async def test_the_rungs_come_in_order_are_counted_and_end_in_a_call_for_help(home):
    await home.start_modem()
    await home.start_networks()
    network = home.network()
    await home.ail(State.REGISTERED)
    seen = []
    for minute in range(40):
        await home.live(network, 1)
        reconnects, asked = await climbed(home)
        seen += [(minute, each) for each in [*reconnects, *asked][len(seen) :]]
        assert [each.needs_help for each in network.problems()] in ([], [minute >= 23])
    assert seen == [
        (5, "ActivateConnection"),
        (8, "Enable(False)"),
        (8, "Enable(True)"),
        (13, "Reset()"),
    ]
    counted = {"wait": 2, "reconnect": 1, "restart": 1, "reset": 1}
    assert network.facts()["recovery"]["climbs"] == counted
    [call] = await home.networks.calls(NETWORKS_PATH)
    assert call[1] == [GSM, DEVICES + "wwan0", "/"]


@pytest.mark.parametrize(("rung", "minutes"), [("reconnect", 6), ("restart", 9), ("reset", 14)])
async def test_each_rung_is_the_last_one_where_it_heals(home, rung, minutes):
    await home.start_modem()
    await home.start_networks()
    network = home.network()
    await home.ail(State.FAILED)
    await home.live(network, minutes)
    assert network.facts()["recovery"]["rung"] == rung
    before = await climbed(home)
    await home.heal()
    await home.live(network, 60)
    assert network.facts()["recovery"]["rung"] is None
    assert await climbed(home) == before
    assert whats(network) == []


@pytest.mark.parametrize("is_reached", [True, False])
async def test_nothing_is_done_to_a_modem_while_data_flows(home, is_reached):
    await home.start_modem()
    await home.start_networks()
    home.is_reached = is_reached
    network = home.network()
    await home.ail(State.REGISTERED)
    for minute in range(60):
        home.plug("wwan0", 1000 * (1 + minute * (not is_reached)), 1000, uevent=WWAN)
        await home.live(network, 1)
    assert await climbed(home) == ([], [])
    assert [each.needs_help for each in network.problems()] == [False]


async def test_a_connection_that_takes_everything_and_brings_nothing_is_mended(home):
    await home.start_modem()
    await home.start_networks()
    network = home.network()
    for minute in range(21):
        home.plug("wwan0", 1000, 1000 * minute, uevent=WWAN)
        await home.live(network, 1)
        assert (whats(network) == []) is (minute < 20)
    await home.live(network, 6)
    assert (await climbed(home))[0] == ["ActivateConnection"]


async def test_an_interface_that_goes_while_the_modem_is_reset_is_no_flow_of_data(home):
    await home.start_modem()
    await home.start_networks()
    network = home.network()
    home.plug("wwan0", 5000, 1000, uevent=WWAN)
    await home.ail(State.FAILED)
    await home.live(network, 14)
    home.unplug("wwan0")
    await home.live(network, 11)
    assert [each.needs_help for each in network.problems()] == [True]
    assert network.facts()["recovery"]["climbs"]["reset"] == 1


async def test_an_idle_connection_is_left_alone(home):
    await home.start_modem()
    await home.start_networks()
    network = home.network()
    home.plug("wwan0", 1000, 1000, uevent=WWAN)
    await home.live(network, 120)
    assert await climbed(home) == ([], [])
    assert whats(network) == []


@pytest.mark.parametrize("settings", [{"recover": False}, {"watch": False}])
async def test_a_hub_that_may_not_mend_does_not(home, settings):
    await home.start_modem()
    await home.start_networks()
    network = home.network(**settings)
    await home.ail(State.FAILED)
    await home.live(network, 60)
    assert await climbed(home) == ([], [])


async def test_mobile_that_somebody_switched_off_stays_off(home):
    await home.start_modem()
    await home.start_networks()
    network = home.network()
    await home.networks.change(NETWORKS_PATH, NETWORKS, WwanEnabled=Variant("b", False))
    await home.ail(State.DISABLED, 0)
    await home.live(network, 60)
    assert await climbed(home) == ([], [])
    assert whats(network) == ["Mobile is switched off."]


async def test_a_modem_without_a_connection_to_make_is_not_reset(home):
    await home.start_modem()
    await home.start_networks()
    network = home.network()
    await home.networks.change(DEVICES + "wwan0", DEVICE, AvailableConnections=Variant("ao", []))
    await home.ail(State.REGISTERED)
    await home.live(network, 60)
    assert await climbed(home) == ([], [])
    assert whats(network) == ["No mobile connection is set up."]


async def test_without_networkmanager_a_registered_modem_is_connected_by_nobody(home):
    await home.start_modem()
    network = home.network()
    await home.ail(State.REGISTERED)
    await home.live(network, 4)
    assert whats(network) == ["NetworkManager is missing: nobody connects the modem."]


async def test_a_hub_that_may_not_restart_its_modem_says_which_file_lets_it(home):
    refuse = REFUSE.format(DENIED("ModemManager1.Error.Core.Unauthorized"))
    await home.start_modem(Enable=refuse, Reset=refuse)
    network = home.network()
    await home.ail(State.FAILED)
    with capture_logs() as logs:
        await home.live(network, 15)
    assert any("vitalpost-network.rules" in each.hint for each in network.problems())
    failed = [each["rung"] for each in logs if each["event"] == "modem-recovery-failed"]
    assert failed == ["restart", "reset"]


async def test_modemmanager_that_goes_and_comes_back_is_seen_to(home):
    await home.start_modem()
    network = home.network()
    await network.look()
    await home.modems.stop()
    await home.live(network, 9)
    assert (whats(network), network.facts()["bars"]) == ([], None)
    await home.live(network, 2)
    assert whats(network) == ["ModemManager is missing, and with it the modem."]
    await home.start_modem()
    await network.look()
    assert (whats(network), network.facts()["bars"]) == ([], 4)


async def test_a_modem_that_is_pulled_is_told_and_one_that_restarts_is_not(home):
    await home.start_modem()
    network = home.network()
    await network.look()
    await home.modems.mock("/", "RemoveObject", "s", AT)
    await home.live(network, 9)
    assert whats(network) == []
    await home.live(network, 2)
    assert whats(network) == ["The modem is gone."]


async def test_a_bus_that_is_restarted_is_found_again(home):
    await home.start_modem()
    network = home.network()
    await network.look()
    await home.modems.stop()
    await lose_bus(home, network)
    await network.look()
    assert not network.facts()["modemmanager"]
    home.daemon.start()
    await home.start_modem()
    await network.look()
    assert network.facts()["bars"] == 4


async def test_the_preferred_network_gets_the_lowest_metric_once_for_each_connection(home):
    await home.start_networks()
    network = home.network(prefer=("cellular", "ethernet"))
    await home.live(network, 3)
    for name, metric in (("wwan0", 20), ("eth0", 30)):
        calls = await home.networks.calls(DEVICES + name)
        assert [member for member, _ in calls] == ["GetAppliedConnection", "Reapply"]
        settings, version, flags = calls[1][1]
        families = [settings[each]["route-metric"].value for each in ("ipv4", "ipv6")]
        assert (families, version, flags) == ([metric, metric], 7, 0)
        assert settings["gsm"]["apn"].value == "internet"
    assert await home.networks.calls(DEVICES + "wlan0") == []
    await home.activate("wwan0", "2")
    await home.live(network, 2)
    members = [member for member, _ in await home.networks.calls(DEVICES + "wwan0")]
    assert members[2:] == ["GetAppliedConnection"]


async def test_without_a_preference_no_route_is_touched(home):
    await home.start_networks()
    await home.live(home.network(), 3)
    for name in ("eth0", "wlan0", "wwan0"):
        assert await home.networks.calls(DEVICES + name) == []


@pytest.mark.parametrize(
    ("error", "hint"),
    [("PermissionDenied", "49-vitalpost-network.rules"), ("Device.Failed", "ipv4.route-metric")],
)
async def test_an_order_that_is_refused_is_a_problem_with_what_to_do(home, error, hint):
    await home.start_networks(Reapply=REFUSE.format(DENIED(f"NetworkManager.{error}")))
    network = home.network(prefer=("wifi", "ethernet"))
    with capture_logs() as logs:
        await home.live(network, 3)
    assert [each["event"] for each in logs] == ["network-order-refused"]
    [problem] = network.problems()
    assert "network.prefer" in problem.what
    assert hint in problem.hint
    assert len(await home.networks.calls(DEVICES + "eth0")) == 6
    assert len(await home.networks.calls(DEVICES + "wlan0")) == 6


async def test_the_time_of_the_mobile_network_is_handed_on_while_the_hub_has_none(home):
    await home.start_modem(GetNetworkTime='ret = "2026-06-01T08:00:00-04"')
    network = home.network()
    await network.look()
    assert home.believed == []
    home.clock.level = 0
    await home.live(network, 10)
    [(utc_ms, boottime_ms, error_ms, source)] = home.believed
    assert (utc_ms, boottime_ms, source) == (1_780_315_200_000, 160_000, "modem")
    assert error_ms == 120_000


async def test_a_modem_whose_time_is_not_believed_is_asked_again(home):
    await home.start_modem(GetNetworkTime='ret = "1980-01-06T00:00:00+00"')
    home.clock.level, home.trusts_modem = 0, False
    await home.live(home.network(), 3)
    assert [said[0] for said in home.believed] == [315_964_800_000] * 3


@pytest.mark.parametrize("told", ["", "2026-06-01T08:00:00", "yesterday", "9999-12-31T23:59:59-23"])
async def test_a_time_that_is_none_is_not_believed(home, told):
    await home.start_modem(GetNetworkTime=f'ret = "{told}"')
    home.clock.level = 0
    await home.live(home.network(), 2)
    assert home.believed == []


async def test_a_modem_that_never_saw_the_time_fails_quietly(home):
    await home.start_modem(GetNetworkTime=REFUSE.format("org.freedesktop.ModemManager1.Error"))
    home.clock.level = 0
    await home.live(home.network(), 2)
    assert home.believed == []


async def test_properties_of_other_types_are_taken_for_missing(home):
    await home.start_modem()
    network = home.network()
    wrong = {name: Variant("s", "\x1b[31m") for name in ("State", "SignalQuality", "Ports")}
    await home.modems.change(AT, MODEM, **wrong)
    await home.modems.change(AT, MODEM_3GPP, OperatorName=Variant("s", "\x1b[31mEvil\n" * 9))
    await network.look()
    assert network.facts()["modem"]["operator"] == "[31mEvil[31mEvil[31mEvil[31mEvil"
    assert network.facts()["bars"] is None


async def test_a_modem_that_comes_and_goes_for_a_day_is_told_in_few_lines(home):
    await home.start_modem()
    await home.start_networks()
    network = home.network()
    with capture_logs() as logs:
        for _ in range(48):
            await home.ail(State.REGISTERED)
            await home.live(network, 15)
            await home.heal()
            await home.live(network, 15)
    assert len(logs) < 50


async def test_modem_and_signal_are_told_in_a_line_for_a_person(home):
    await home.start_modem()
    await home.start_networks()
    network = home.network()
    await network.look()
    assert list(describe(network.facts())) == [
        (
            "network  modem connected, SIM ready, mobile signal good ####., Example Mobile, LTE;"
            " the way out is not known"
        )
    ]


async def test_a_bus_that_comes_and_goes_leaves_no_descriptor_open(home):
    network = home.network()
    await network.look()
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208  not a path of the product
    for _ in range(20):
        await network.look()
        await lose_bus(home, network)
        for _ in range(10):
            await network.look()
        home.daemon.start()
    await network.aclose()
    assert len(os.listdir("/proc/self/fd")) <= before  # noqa: PTH208  the same
