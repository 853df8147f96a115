import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.network.health import judge
from gateway.network.modem import (
    MODEM,
    MODEM_3GPP,
    STRENGTHS,
    Registration,
    Sim,
    State,
    find_modem,
)
from gateway.network.network_time import parse
from gateway.network.picture import Picture
from gateway.network.routes import ACTIVE, DEVICE, NETWORKS, NETWORKS_PATH, read_networks

PATHS = st.sampled_from(["/", "/a", "/b", NETWORKS_PATH])
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64) | st.floats() | st.text() | PATHS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
MODEM_NAMES = [
    "State",
    "StateFailedReason",
    "UnlockRequired",
    "SignalQuality",
    "AccessTechnologies",
    "Ports",
    "RegistrationState",
    "OperatorName",
    "OperatorCode",
]
NETWORK_NAMES = [
    "DeviceType",
    "State",
    "Interface",
    "IpInterface",
    "ActiveConnection",
    "AvailableConnections",
    "Connection",
    "WwanEnabled",
]


def objects(interfaces, names):
    properties = st.dictionaries(st.sampled_from(names), ANYTHING)
    each = st.dictionaries(st.sampled_from(interfaces), properties)
    return st.dictionaries(PATHS, each)


def modem(state=State.CONNECTED, in_3gpp=None, **properties):
    told = {MODEM: {"State": state, **properties}, MODEM_3GPP: in_3gpp or {}}
    found = find_modem({"/modem": told})
    assert found
    return found


@settings(deadline=None)
@given(
    objects([MODEM, MODEM_3GPP], MODEM_NAMES),
    objects([DEVICE, ACTIVE, NETWORKS], NETWORK_NAMES),
    st.booleans(),
)
def test_whatever_d_bus_brings_becomes_a_picture_that_can_be_judged(modems, networks, is_dead):
    picture = Picture(True, find_modem(modems), read_networks(networks))
    assert all(isinstance(each, str) for each in picture.mobile_interfaces)
    if picture.modem:
        trouble = judge(picture.modem, picture.networks, is_dead=is_dead)
        assert trouble is None or trouble.what.endswith((".", "tried too often."))
        assert picture.modem.operator.isprintable()
        assert picture.modem.bars is None or STRENGTHS[picture.modem.bars]


@settings(deadline=None)
@given(st.text() | st.datetimes().map(str))
def test_whatever_is_said_of_the_time_is_a_number_or_nothing(told):
    assert isinstance(parse(told), int | None)


@pytest.mark.parametrize(
    ("percent", "word"),
    [
        (0, "none"),
        (1, "very weak"),
        (20, "very weak"),
        (21, "weak"),
        (41, "fair"),
        (80, "good"),
        (81, "strong"),
        (100, "strong"),
        (200, "strong"),
    ],
)
def test_signal_is_told_in_bars_and_words(percent, word):
    bars = modem(SignalQuality=[percent, True]).bars
    assert bars is not None
    assert STRENGTHS[bars] == word


def test_a_modem_that_is_off_has_no_signal_rather_than_none():
    assert modem(State.DISABLED, SignalQuality=[0, False]).bars is None


@pytest.mark.parametrize(
    ("number", "registration"),
    [
        (0, Registration.NONE),
        (1, Registration.HOME),
        (5, Registration.ROAMING),
        (3, Registration.DENIED),
        (6, Registration.LIMITED),
        (8, Registration.LIMITED),
    ],
)
def test_registration_is_told_as_modemmanager_counts_it(number, registration):
    assert modem(in_3gpp={"RegistrationState": number}).registration is registration


@pytest.mark.parametrize(
    ("bits", "name"),
    [
        (1 << 14, "LTE"),
        (1 << 15 | 1 << 14, "5G"),
        (1 << 17, "LTE"),
        (1 << 9, "3G"),
        (1 << 4, "2G"),
        (0, ""),
        (1, ""),
    ],
)
def test_the_newest_technology_in_use_is_told(bits, name):
    assert modem(AccessTechnologies=bits).technology == name


def test_a_second_pin_that_nobody_needs_locks_nothing():
    assert modem(UnlockRequired=3).sim is Sim.READY


def test_of_two_modems_the_one_that_has_come_further_is_meant():
    idle, busy = {MODEM: {"State": State.DISABLED}}, {MODEM: {"State": State.CONNECTED}}
    found = find_modem({"/a": idle, "/b": busy, "/c": idle})
    assert found
    assert found.path == "/b"


def test_the_modems_interfaces_are_its_network_ports():
    ports = [["cdc-wdm0", 6], ["wwan0", 2], ["ttyUSB2", 3], ["usb0", 2]]
    assert modem(Ports=ports).interfaces == {"wwan0", "usb0"}
