import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.spi import DriverInfo
from gateway.errors import DriverTie, SettingsError
from gateway.matching import find_driver, refuse_ties
from gateway.registry import load_drivers

NORDIC_UART = "6e400001-b5a3-f393-e0a9-e50e24dcca9e"
FULL_1810 = "00001810-0000-1000-8000-00805f9b34fb"


def some(**described):
    """Drivers by id, each with (names, match)."""
    drivers = {}
    for word, (names, match) in described.items():
        id_ = word.replace("_", "-")
        info = DriverInfo(id_, "1", "ble", match, (), names=names)
        drivers[id_] = type("Driver", (), {"info": info})()
    return drivers


def found(drivers, name, *services):
    driver = find_driver(drivers, name, services)
    return driver and driver.info.id


def test_a_service_of_the_sig_is_known_by_its_short_and_its_full_uuid():
    drivers = some(cuff=((), ("1810",)))
    assert found(drivers, "", FULL_1810) == "cuff"
    assert found(drivers, "", "1810") == "cuff"
    assert found(drivers, "", "1808") is None
    assert found(drivers, "cuff") is None


def test_the_longest_prefix_of_the_name_comes_before_any_service():
    drivers = some(
        any_cuff=((), ("1810",)), fora=(("FORA",), (NORDIC_UART,)), p20=(("FORA P20",), ())
    )
    assert found(drivers, "FORA P20", "1810", NORDIC_UART) == "p20"
    assert found(drivers, "fora p30", "1810", NORDIC_UART) == "fora"
    assert found(drivers, "A&D", "1810") == "any-cuff"


def test_a_vendors_own_service_comes_before_one_of_the_sig():
    drivers = some(oximeter=((), ("1822",)), nonin=((), (NORDIC_UART,)))
    assert found(drivers, "", "1822", NORDIC_UART.upper()) == "nonin"


def test_a_driver_for_all_of_a_kind_comes_before_one_that_is_for_others_by_name():
    drivers = some(glucose=((), ("1808",)), contour=(("Contour",), ("1808",)))
    assert found(drivers, "meter", "1808") == "glucose"
    assert found(drivers, "Contour7", "1808") == "contour"
    refuse_ties(drivers)


def test_who_is_for_two_kinds_at_once_is_a_tie_that_names_both_drivers():
    drivers = some(cuff=((), ("1810",)), glucose=((), ("1808",)))
    with pytest.raises(DriverTie, match="cuff and glucose are both for") as tie:
        found(drivers, "both", "1808", "1810")
    assert tie.value.drivers == ("cuff", "glucose")
    assert "--driver" in tie.value.hint


@pytest.mark.parametrize(
    ("one", "other", "what"),
    [
        (((), ("1810",)), ((), (FULL_1810,)), "the service 1810"),
        ((("A&D",), ("1810",)), (("a&d",), ()), "a name that begins with 'a&d'"),
    ],
)
def test_drivers_that_nothing_tells_apart_are_refused_at_start(one, other, what):
    with pytest.raises(DriverTie) as tie:
        refuse_ties(some(one=one, other=other))
    assert tie.value.what == what
    assert isinstance(tie.value, SettingsError)


def test_our_own_drivers_are_told_apart():
    refuse_ties(load_drivers())


def test_a_serial_driver_is_for_nothing_in_the_air():
    assert find_driver({"contec-cms50": load_drivers()["contec-cms50"]}, "CMS50", ["1822"]) is None


@given(st.text(), st.lists(st.text()))
def test_whatever_is_advertised_is_matched_or_not(name, services):
    drivers = some(cuff=(("A&D",), ("1810",)), nonin=(("Nonin",), (NORDIC_UART,)))
    assert found(drivers, name, *services) in {"cuff", "nonin", None}
