from datetime import datetime

import pytest

from simulator.clock import DeviceClock, ScriptClock

DAY_NS = 86_400 * 1_000_000_000
NOON = datetime.fromisoformat("2026-03-08T12:00")


def test_whoever_maps_the_file_sees_the_conductors_jump(tmp_path):
    conductor = ScriptClock.create(tmp_path / "clock")
    hub = ScriptClock(str(tmp_path / "clock"))
    utc, boottime = hub.utc_ns(), hub.boottime_ns()
    conductor.set_offset(DAY_NS)
    conductor.set_quality(5)
    assert hub.utc_ns() >= utc + DAY_NS
    assert hub.boottime_ns() >= boottime + DAY_NS
    assert hub.quality() == 5
    assert hub.boot_id() == conductor.boot_id()


def test_a_script_of_the_past_is_after_the_boot(tmp_path):
    clock = ScriptClock.create(tmp_path / "clock")
    clock.jump_to(0)
    assert 0 <= clock.utc_ns() < DAY_NS
    assert clock.boottime_ns() > 0


@pytest.mark.parametrize("content", [b"", bytes(15), bytes(17)])
def test_a_file_that_is_no_clock_is_refused(tmp_path, content):
    (tmp_path / "clock").write_bytes(content)
    with pytest.raises(OSError, match="no script clock"):
        ScriptClock(tmp_path / "clock")


def test_a_devices_clock_drifts_from_when_it_was_set(tmp_path):
    script = ScriptClock.create(tmp_path / "clock")
    device = DeviceClock(script, NOON, ppm=1_000_000)
    script.set_offset(DAY_NS)
    assert (device.now() - NOON).days == 2
    device.set(NOON)
    assert device.now() == NOON


def test_a_year_that_no_device_knows_is_refused(tmp_path):
    device = DeviceClock(ScriptClock.create(tmp_path / "clock"), NOON, ppm=0)
    with pytest.raises(ValueError, match="9999"):
        device.set(datetime.fromisoformat("9999-12-31"))
