import pytest

from gateway.network.health import TROUBLES
from gateway.network.modem import State
from gateway.visit.unreached import explain
from tests.fakes.mobile_home import MobileHome


def facts(trouble=None, bars=None, route=None):
    return {"bars": bars, "route": route, "recovery": {"trouble": trouble}}


@pytest.mark.parametrize(
    ("network", "event"),
    [
        ({}, "no-signal"),
        (facts(), "no-signal"),
        (facts("no-signal"), "no-signal"),
        (facts("no-signal", bars=4), "no-signal"),
        (facts(bars=0), "no-signal"),
        (facts(bars=2, route="cellular"), "no-signal"),
        (facts(bars=3, route="cellular"), "office-silent"),
        (facts(bars=5), "office-silent"),
        (facts("sim-not-active", bars=4), "sim-not-active"),
        (facts("sim-not-active", route="wifi"), "office-silent"),
        (facts("sim-missing", route="ethernet"), "office-silent"),
        (facts("a trouble of a later version", bars=4), "no-signal"),
    ],
)
def test_the_network_decides_what_is_said_where_the_broker_is_not_reached(network, event):
    assert explain(network, is_reached=False).event == event
    assert explain(network, is_reached=True).event == "office-silent"


@pytest.mark.parametrize("name", sorted(TROUBLES.keys() - {"no-signal", "sim-not-active"}))
def test_what_else_ails_the_modem_is_said_in_its_own_words(name):
    said = explain(facts(name), is_reached=False)
    assert (said.event, said.what) == (name, TROUBLES[name].what)
    assert said.hint.startswith(TROUBLES[name].hint)
    assert said.hint.format(name="cuff", hub="G-1").endswith("`vitalpost devices test cuff`.")


@pytest.fixture
async def home(tmp_path, monkeypatch):
    home = MobileHome(tmp_path)
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", home.daemon.address)
    async with home:
        yield home


@pytest.mark.parametrize(
    ("state", "registration", "event"),
    [
        (State.SEARCHING, 2, "no-signal"),
        (State.ENABLED, 3, "sim-not-active"),
        (State.REGISTERED, 1, "no-networkmanager"),
        (State.CONNECTED, 1, "office-silent"),
    ],
)
async def test_what_the_hub_sees_of_a_real_modem_decides_at_once(home, state, registration, event):
    await home.start_modem()
    network = home.network()
    await home.ail(state, registration)
    await network.look()
    assert explain(network.facts(), is_reached=False).event == event
