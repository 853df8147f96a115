import json
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.config import load_control, load_settings, make_schema, parse_settings
from gateway.devices import Socket, enrol
from gateway.errors import ConfigErrors
from gateway.registry import load_drivers

ROOT = Path(__file__).parents[2]
LEAST = """
[hub]
id = "hub-1"
site_zone = "America/New_York"
[broker]
host = "broker.example.org"
"""
CUFF = """
[[devices]]
name = "cuff"
driver = "sig-blood-pressure"
address = "f0:12:34:56:78:9a"
maker = "A&D"
model = "UA-651BLE"
serial = "1"
"""
OXIMETER = """
[[devices]]
name = "oximeter"
driver = "contec-cms50"
port = "/dev/ttyUSB0"
id = "00000000000000000000000000000001"
"""


def faults_of(text):
    with pytest.raises(ConfigErrors) as caught:
        parse_settings(text.encode())
    return [str(fault) for fault in caught.value.faults]


def test_the_example_is_valid():
    assert load_settings(ROOT / "config/gateway.toml").hub.id == "hub-1"


def test_the_example_is_valid_with_its_device_as_well():
    text = (ROOT / "config/gateway.toml").read_text()
    begun = text.index("# [[devices]]")
    table = text[begun : text.index("\n\n", begun)].replace("\n# ", "\n").removeprefix("# ")
    [device] = parse_settings((text + table).encode()).devices
    assert (device.driver, device.bond, device.history) == ("sig-blood-pressure", True, "all")


def test_a_socket_path_that_is_too_long_for_the_system_is_named_with_what_to_do():
    long = f'[control]\nsocket = "/{"ü" * 53}"\n'
    parse_settings((LEAST + long).encode())
    with pytest.raises(ConfigErrors) as caught:
        parse_settings((LEAST + long.replace("ü", "üx", 1)).encode())
    [fault] = caught.value.faults
    assert str(fault) == "control.socket: found 108 bytes, wanted a path of at most 107 bytes"
    assert "/run/vitalpost" in fault.hint


def test_the_schema_in_the_repository_is_made_from_the_code():
    made = json.dumps(make_schema(), indent=2) + "\n"
    found = (ROOT / "config/gateway.schema.json").read_text()
    assert found == made, "vitalpost config schema > config/gateway.schema.json"


def test_the_first_lines_are_enough():
    settings = parse_settings(LEAST.encode())
    assert (settings.broker.port, settings.devices, settings.radio.backend) == (8883, (), "bluez")


def test_every_fault_is_named_by_its_path():
    text = """
        color = "blue"
        [hub]
        id = "Hub 1"
        [broker]
        host = "h"
        port = "8883"
        keepalive = 3
        [outbox]
        quota_mb = true
        [[devices]]
        name = "cuff"
        driver = "sig-blood-pressure"
        address = "F0-12"
        bond = "yes"
    """
    tables = "hub, broker, outbox, radio, clock, network, control, devices"
    assert faults_of(text) == [
        f"color: found 'blue', wanted one of {tables}",
        "hub.id: found 'Hub 1', wanted 1 to 32 of a-z, 0-9 and -, as enrolled at the office",
        'hub.site_zone: found nothing, wanted a zone of tzdata, such as "America/New_York"',
        "broker.keepalive: found 3, wanted one of host, port, prefix, keepalive_s",
        "broker.port: found '8883', wanted a port from 1 to 65535",
        "outbox.quota_mb: found true, wanted megabytes from 1 up",
        "devices[0].address: found 'F0-12', wanted an address such as \"F0:12:34:56:78:9A\"",
        "devices[0].bond: found 'yes', wanted true or false",
    ]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("hub = 3", "hub: found 3, wanted a table"),
        ("devices = 'x'", "devices: found 'x', wanted tables under [[devices]]"),
        (LEAST + 'id = "x"', "broker.id: found 'x', wanted one of host, port, prefix, keepalive_s"),
        (LEAST.replace("New_York", "Nowhere"), "hub.site_zone: found 'America/Nowhere', wanted"),
        (LEAST + CUFF + CUFF, "devices[0].name: found 'cuff', wanted a name of its own"),
        (LEAST + CUFF + CUFF, "devices[1].address: found 'f0:12:34:56:78:9a', wanted one device"),
        (LEAST + CUFF.replace('"1"', '""'), "devices[0]: found maker and model, wanted"),
        (
            LEAST + CUFF + f'id = "{"0" * 32}"',
            "devices[0]: found maker and model and serial and id",
        ),
        (
            LEAST + CUFF + 'usb = "10C4:ea60"',
            "devices[0].usb: found '10C4:ea60', wanted vendor and",
        ),
        (
            LEAST + CUFF + 'port = "/dev/ttyUSB0"',
            "devices[0]: found address and port, wanted one of",
        ),
        (
            LEAST + OXIMETER.replace("port", "# port"),
            "devices[0]: found nothing that finds the dev",
        ),
        (LEAST + OXIMETER + OXIMETER, "devices[0].port: found '/dev/ttyUSB0', wanted one device"),
        (
            LEAST + OXIMETER + 'usb_serial = "1"',
            "devices[0].usb_serial: found port, wanted usb beside it",
        ),
        ("[hub", "settings: found Expected ']' at the end of a table declaration"),
    ],
)
def test_a_fault_says_what_was_found_and_what_is_wanted(text, fault):
    assert any(found.startswith(fault) for found in faults_of(text))


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    for path in (tmp_path / "missing.toml", tmp_path):
        with pytest.raises(ConfigErrors, match=str(path)) as caught:
            load_settings(path)
        assert caught.value.hint


def test_a_device_with_an_unknown_driver_is_named():
    settings = parse_settings((LEAST + CUFF).encode())
    with pytest.raises(ConfigErrors, match=r"devices\[0\].driver: found 'sig-blood-pressure'"):
        enrol(settings.devices, {})


def test_a_device_is_looked_for_as_its_driver_speaks():
    drivers = load_drivers()
    settings = parse_settings((LEAST + CUFF + OXIMETER).encode())
    cuff, oximeter = enrol(settings.devices, drivers)
    assert (cuff.socket, oximeter.socket) == (None, Socket(port="/dev/ttyUSB0"))
    crossed = (LEAST + CUFF + OXIMETER).replace("sig-blood-pressure", "contec")
    crossed = crossed.replace("contec-cms50", "sig-blood-pressure").replace(
        '"contec"', '"contec-cms50"'
    )
    with pytest.raises(ConfigErrors) as caught:
        enrol(parse_settings(crossed.encode()).devices, drivers)
    assert [str(fault) for fault in caught.value.faults] == [
        "devices[0].address: found address of a device over serial, wanted port or usb",
        "devices[1].port: found port of a device over ble, wanted address",
    ]


TOML_VALUES = st.sampled_from(['"x"', "1", "-1", "1.5", "nan", "true", "[]", "{}", "2026-01-01"])
FIELDS = ("id", "site_zone", "host", "port", "options", "name", "address", "serial", "bond", "x")
TABLES = ("[hub]", "[broker]", "[outbox]", "[radio]", "[clock]", "[[devices]]", "[x]")


@given(
    st.lists(
        st.one_of(
            st.sampled_from(TABLES),
            st.builds("{} = {}".format, st.sampled_from(FIELDS), TOML_VALUES),
        ),
        max_size=12,
    ).map("\n".join)
    | st.text()
)
@example(LEAST + "x = " + "[" * 5000)
@example(LEAST + "x = " + "9" * 5000)
def test_no_text_raises_anything_but_its_faults(text):
    with suppress(ConfigErrors):
        parse_settings(text.encode("utf-8", "surrogatepass"))


def test_a_command_asks_the_hub_where_its_settings_say_and_no_other_hub_in_its_place(tmp_path):
    settings = tmp_path / "gateway.toml"
    settings.write_text(LEAST + '[control]\nsocket = "/tmp/here.sock"\n')
    assert load_control(settings).socket == "/tmp/here.sock"
    settings.write_text("[control")
    with pytest.raises(ConfigErrors):
        load_control(settings)
