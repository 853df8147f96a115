import asyncio
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from drivers.blood_pressure import BloodPressure
from gateway.clock import Moment
from gateway.devices import Device
from gateway.memory import FILE, Memory

THEN, NOW = Moment(1_000, 1_790_000_000_000, 3), Moment(9_000, 1_790_000_008_000, 3)
OLDER = Path(__file__).parent / "older"
BOOT, LATER_BOOT = b"b" * 16, b"c" * 16


def device(**known):
    return Device("cuff", "F0", ("A&D", "UA-651BLE", "51"), BloodPressure(), True, **known)


def recalled(folder, now=NOW, boot=LATER_BOOT, **known):
    found = device(**known)
    Memory(folder).recall([found], now, boot)
    return found


async def test_what_was_learnt_of_a_device_outlives_the_hub(tmp_path):
    memory, cuff = Memory(tmp_path), device()
    memory.recall([cuff], THEN, BOOT)
    assert (cuff.is_met, cuff.bookmark, cuff.has_bond) == (False, "", None)
    cuff.bookmark, cuff.is_met, cuff.has_bond = "17", True, True
    await cuff.remember(cuff)
    again = recalled(tmp_path)
    assert (again.bookmark, again.is_met, again.has_bond) == ("17", True, True)
    assert again.since == (THEN, False)


async def test_a_device_is_enrolled_since_it_was_first_known(tmp_path):
    memory = Memory(tmp_path)
    memory.recall([device()], THEN, BOOT)
    await memory.save()
    assert recalled(tmp_path, boot=BOOT).since == (THEN, True)
    assert recalled(tmp_path, wants_all=True).since is None


async def test_a_forgotten_device_is_met_first_once_more(tmp_path):
    memory, cuff = Memory(tmp_path), device()
    memory.recall([cuff], THEN, BOOT)
    cuff.bookmark, cuff.is_met = "17", True
    await cuff.remember(cuff)
    memory.forget(cuff)
    await memory.save()
    again = recalled(tmp_path)
    assert (again.bookmark, again.is_met, again.since) == ("", False, (NOW, True))


async def test_a_hub_that_ran_before_it_could_remember_has_met_its_devices(tmp_path):
    cuff = device()
    Memory(tmp_path, is_new_hub=False).recall([cuff], THEN, BOOT)
    assert cuff.is_met


async def test_nothing_is_written_where_nothing_has_changed(tmp_path):
    memory, cuff = Memory(tmp_path), device()
    memory.recall([cuff], THEN, BOOT)
    await memory.save()
    (tmp_path / FILE).unlink()
    await cuff.remember(cuff)
    assert not (tmp_path / FILE).exists()


async def test_devices_that_are_remembered_at_once_are_all_remembered(tmp_path):
    memory = Memory(tmp_path)
    devices = [Device(f"d{n}", "F0", bytes([n]) * 16, BloodPressure(), False) for n in range(20)]
    memory.recall(devices, THEN, BOOT)
    for number, one in enumerate(devices):
        one.bookmark = str(number)
    await asyncio.gather(*(one.remember(one) for one in devices))
    for one in devices:
        one.bookmark = ""
    Memory(tmp_path).recall(devices, NOW, BOOT)
    assert [one.bookmark for one in devices] == [str(number) for number in range(20)]


@pytest.mark.parametrize("text", [b"", b"{", b"[1]", b'{"a": {"bookmark": 7}}', b"\xff"])
def test_what_cannot_be_read_is_said_and_then_nothing_is_left_out(tmp_path, text):
    (tmp_path / FILE).write_bytes(text)
    with capture_logs() as lines:
        found = recalled(tmp_path)
    assert [line["event"] for line in lines] == ["memory-lost"]
    assert found.is_met


async def test_a_memory_of_the_first_format_is_taken_over_and_written_anew(tmp_path):
    old = (OLDER / "memory-1" / FILE).read_bytes()
    (tmp_path / FILE).write_bytes(old)
    memory, cuff = Memory(tmp_path), device()
    memory.recall([cuff], NOW, LATER_BOOT)
    assert (cuff.bookmark, cuff.is_met, cuff.has_bond) == ("17", True, True)
    assert cuff.since == (THEN, False)
    await memory.save()
    assert json.loads((tmp_path / FILE).read_bytes()) == {"format": 2, "devices": json.loads(old)}
    assert recalled(tmp_path).bookmark == "17"


async def test_a_memory_of_a_later_format_is_kept_beside_and_everybody_counts_as_met(tmp_path):
    later = b'{"format":3,"houses":{}}'
    (tmp_path / FILE).write_bytes(later)
    memory, cuff = Memory(tmp_path), device()
    memory.recall([cuff], NOW, LATER_BOOT)
    await memory.save()
    assert cuff.is_met
    assert (tmp_path / f"{FILE}.before").read_bytes() == later


@given(st.binary())
def test_whatever_lies_there_no_hub_is_kept_from_starting(tmp_path_factory, text):
    folder = tmp_path_factory.mktemp("state")
    (folder / FILE).write_bytes(text)
    with capture_logs():
        recalled(folder)
