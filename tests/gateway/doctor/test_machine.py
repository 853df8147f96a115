from pathlib import Path

import msgspec
import pytest

from gateway.config import load_settings
from gateway.doctor.devices import look_at_adapter, look_at_bluetoothd, look_at_ports
from gateway.doctor.finding import Mark, NotSeen
from gateway.doctor.installation import look_at_watchdog
from gateway.doctor.machine import look_at_clock, look_at_power, look_at_temperature
from gateway.doctor.site import Site
from gateway.doctor.storing import look_at_disk, look_at_storage, look_at_wear
from tests.fakes.hub_folder import HubFolder

THROTTLED = "sys/devices/platform/soc/soc:firmware/get_throttled"
WIRED = """
[[devices]]
name = "oximeter"
driver = "contec-cms50"
{where}
maker = "Contec"
model = "CMS50D+"
serial = "1"
"""


@pytest.fixture
def machine(tmp_path):
    return tmp_path / "machine"


def told(machine, path, text):
    file = machine / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"{text}\n")


def found(look, machine, settings=None, **more):
    finding = look(Site(Path("gateway.toml"), settings, machine=machine, **more))
    return finding.mark.value, finding.tell()[0]


def settings_of(tmp_path, more=""):
    (tmp_path / "hub").mkdir()
    return load_settings(HubFolder(tmp_path / "hub", more).settings)


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({}, ("ok", "not told by this machine")),
        ({"0": "41200", "1": "x"}, ("ok", "41 °C")),
        ({"0": "41200", "1": "75999"}, ("warn", "75 °C")),
        ({"0": "83000"}, ("fail", "83 °C")),
        ({"0": "-5000"}, ("ok", "-5 °C")),
    ],
)
def test_the_hottest_part_counts(machine, files, expected):
    for zone, text in files.items():
        told(machine, f"sys/class/thermal/thermal_zone{zone}/temp", text)
    assert found(look_at_temperature, machine) == expected


@pytest.mark.parametrize(
    ("files", "mark"),
    [
        ({}, "ok"),
        ({THROTTLED: "0"}, "ok"),
        ({THROTTLED: "50005"}, "fail"),
        ({THROTTLED: "50000"}, "warn"),
        ({THROTTLED: "2"}, "warn"),
        ({"sys/class/hwmon/hwmon1/name": "rpi_volt"}, "ok"),
        (
            {
                "sys/class/hwmon/hwmon1/name": "rpi_volt",
                "sys/class/hwmon/hwmon1/in0_lcrit_alarm": "1",
            },
            "fail",
        ),
        (
            {
                "sys/class/hwmon/hwmon1/name": "nvme",
                "sys/class/hwmon/hwmon1/in0_lcrit_alarm": "1",
            },
            "ok",
        ),
    ],
)
def test_too_little_voltage_is_told_by_either_way_the_kernel_has(machine, files, mark):
    for path, text in files.items():
        told(machine, path, text)
    assert found(look_at_power, machine)[0] == mark


@pytest.mark.parametrize(
    ("life", "expected"),
    [
        (None, ("ok", "not told by this flash")),
        ("0x00 0x00", ("ok", "not told by this flash")),
        ("0x01 0x02", ("ok", "up to 20 % of its life is used")),
        ("0x01 0x09", ("warn", "up to 90 % of its life is used")),
        ("0x0b 0x01", ("fail", "the flash is past the life its maker gives it")),
    ],
)
def test_the_worse_half_of_an_emmc_counts(machine, life, expected):
    if life:
        told(machine, "sys/block/mmcblk0/device/life_time", life)
    assert found(look_at_wear, machine) == expected


def test_an_adapter_is_missing_there_or_switched_off(machine):
    assert found(look_at_adapter, machine)[0] == "fail"
    (machine / "sys/class/bluetooth/hci0").mkdir(parents=True)
    assert found(look_at_adapter, machine)[0] == "ok"
    for switch, value in (("type", "bluetooth"), ("soft", "0"), ("hard", "1")):
        told(machine, f"sys/class/rfkill/rfkill0/{switch}", value)
    assert found(look_at_adapter, machine) == ("fail", "Bluetooth is switched off by rfkill")


@pytest.mark.parametrize(
    ("adapter", "mark"),
    [("any", "ok"), ("hci0", "ok"), ("hci1", "fail"), ("00:1A:7D:00:00:01", "ok")],
)
def test_the_adapter_of_the_settings_is_looked_for(tmp_path, machine, adapter, mark):
    (machine / "sys/class/bluetooth/hci0").mkdir(parents=True)
    settings = settings_of(tmp_path)
    radio = msgspec.structs.replace(settings.radio, backend="bluez", adapter=adapter)
    wanted = msgspec.structs.replace(settings, radio=radio)
    assert found(look_at_adapter, machine, wanted)[0] == mark


def test_bluetoothd_is_known_by_its_process(machine):
    told(machine, "proc/1/comm", "systemd")
    assert found(look_at_bluetoothd, machine)[0] == "fail"
    told(machine, "proc/200/comm", "bluetoothd")
    assert found(look_at_bluetoothd, machine) == ("ok", "it runs")


@pytest.mark.parametrize(
    ("where", "path"),
    [('port = "/dev/ttyUSB0"', "dev/ttyUSB0"), ('usb = "0403:6001"', None)],
)
def test_a_serial_device_that_is_not_plugged_in_is_named(tmp_path, machine, where, path):
    settings = settings_of(tmp_path, WIRED.format(where=where))
    mark, said = found(look_at_ports, machine, settings)
    assert mark == "warn"
    assert said.startswith("oximeter: ")
    if path:
        told(machine, path, "")
    else:
        told(machine, "sys/bus/usb/devices/1-1/idVendor", "0403")
        told(machine, "sys/bus/usb/devices/1-1/idProduct", "6001")
    assert found(look_at_ports, machine, settings) == ("ok", "1 serial devices, all plugged in")


def test_what_is_written_is_read_again_and_nothing_is_left(tmp_path, machine):
    settings = settings_of(tmp_path)
    state = Path(settings.hub.state)
    assert found(look_at_storage, machine, settings)[0] == "fail"
    state.mkdir()
    assert found(look_at_storage, machine, settings) == ("ok", "written, on flash, and read again")
    assert list(state.iterdir()) == []
    assert "MB are free" in found(look_at_disk, machine, settings)[1]


def test_a_card_that_takes_nothing_is_a_failure(tmp_path, machine):
    settings = settings_of(tmp_path)
    Path(settings.hub.state).symlink_to("/proc/self")
    assert found(look_at_storage, machine, settings)[0] == "fail"


@pytest.mark.parametrize(
    ("shown", "mark"),
    [
        ({"LoadState": "not-found"}, "fail"),
        ({"LoadState": "loaded", "WatchdogUSec": "0", "NRestarts": "0"}, "warn"),
        ({"LoadState": "loaded", "WatchdogUSec": "1min", "NRestarts": "3"}, "ok"),
    ],
)
def test_whether_the_unit_is_watched(machine, shown, mark):
    assert found(look_at_watchdog, machine, show_unit=lambda _: shown)[0] == mark


def test_of_a_hub_that_systemd_does_not_run_the_watchdog_is_not_judged(machine):
    shown = {"LoadState": "loaded", "ActiveState": "inactive", "WatchdogUSec": "infinity"}
    with pytest.raises(NotSeen):
        found(look_at_watchdog, machine, show_unit=lambda _: shown)


def test_the_clock_is_the_running_hubs_where_one_runs(machine):
    status = {"clock": {"quality": 3}}
    assert found(look_at_clock, machine, status_told=status)[1] == "synchronised to less than 8 ms"
    status = {"clock": {"quality": 0}}
    assert found(look_at_clock, machine, status_told=status)[0] == Mark.WARN
    assert found(look_at_clock, machine)[0] in {"ok", "warn"}


def test_without_settings_nothing_that_needs_them_is_looked_at(machine):
    with pytest.raises(NotSeen, match="the settings cannot be read"):
        found(look_at_storage, machine)
