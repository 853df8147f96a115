import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.enrolments import FILE, Ending, Enrolment, Enrolments
from gateway.errors import DeviceTaken, DeviceUnknown, EnrolmentsDamaged, FormatNewer, SettingsError
from gateway.settings import DeviceSettings

AT_MS = 1_790_000_000_000


def cuff(name="cuff", address="F0:00:00:12:34:56", serial="51"):
    return DeviceSettings(
        name, "sig-blood-pressure", address, maker="A&D", model="UA-651BLE", serial=serial
    )


def oximeter(name="oximeter", **place):
    return DeviceSettings(name, "contec-cms50", id="ab" * 16, **(place or {"port": "/dev/a"}))


def names(enrolments):
    return [one.name for one in enrolments.devices]


def test_what_was_added_is_there_after_a_restart(tmp_path):
    Enrolments(tmp_path).add(Enrolment(cuff(), AT_MS, "V-7", "spoken"))
    [found] = Enrolments(tmp_path).devices
    assert found == cuff()
    assert Enrolments(tmp_path).find("cuff") == Enrolment(cuff(), AT_MS, "V-7", "spoken")
    assert (tmp_path / FILE).stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    ("other", "field"),
    [
        (cuff(address="F0:00:00:00:00:01", serial="52"), "name"),
        (cuff("second", "f0:00:00:12:34:56", "52"), "address"),
        (cuff("second", "F0:00:00:00:00:01"), "serial"),
        (DeviceSettings("second", "contec-cms50", port="/dev/a", id="cd" * 16), "port"),
        (oximeter("second", port="/dev/b"), "id"),
    ],
)
@pytest.mark.parametrize("is_settled", [True, False])
def test_what_is_another_devices_is_refused_by_field_and_owner(tmp_path, other, field, is_settled):
    settled = [cuff(), oximeter()] if is_settled else []
    enrolments = Enrolments(tmp_path, settled)
    if not is_settled:
        enrolments.add(Enrolment(cuff(), AT_MS))
        enrolments.add(Enrolment(oximeter(), AT_MS))
        if field in ("serial", "id"):
            enrolments.add(Enrolment(other, AT_MS))  # it is the same device
            assert sorted(names(enrolments)) == sorted(
                {"cuff", "oximeter", "second"} - {"cuff" if field == "serial" else "oximeter"}
            )
            return
    with pytest.raises(DeviceTaken) as taken:
        enrolments.add(Enrolment(other, AT_MS))
    assert taken.value.field == field
    assert taken.value.owner in ("cuff", "oximeter")
    assert "devices list" in taken.value.hint


def test_a_usb_cable_is_one_devices(tmp_path):
    settled = [oximeter(usb="0403:6001", usb_serial="1")]
    enrolments = Enrolments(tmp_path, settled)
    other = DeviceSettings("two", "contec-cms50", usb="0403:6001", usb_serial="1", id="cd" * 16)
    with pytest.raises(DeviceTaken, match="this USB cable is that of the device oximeter"):
        enrolments.add(Enrolment(other, AT_MS))


def test_a_hub_whose_settings_claim_what_was_added_does_not_start(tmp_path):
    Enrolments(tmp_path).add(Enrolment(cuff(), AT_MS))
    with pytest.raises(DeviceTaken) as taken:
        Enrolments(tmp_path, [cuff("kitchen")])
    assert isinstance(taken.value, SettingsError)


def test_a_swap_ends_one_device_and_adds_the_other_in_one_step(tmp_path):
    enrolments = Enrolments(tmp_path)
    enrolments.add(Enrolment(cuff(), AT_MS))
    new = cuff(serial="52")
    enrolments.add(Enrolment(new, AT_MS + 1), "cuff", "broken")
    again = Enrolments(tmp_path)
    assert again.devices == [new]
    [old] = again.ended
    assert old.device == cuff()
    assert old.ended == Ending(AT_MS + 1, "broken", replaced_by="cuff")


def test_a_device_that_comes_back_is_the_same_device(tmp_path):
    enrolments = Enrolments(tmp_path)
    enrolments.add(Enrolment(cuff(), AT_MS))
    enrolments.end("cuff", Ending(AT_MS + 1, "removed"))
    assert names(enrolments) == []
    enrolments.add(Enrolment(cuff("again", "F0:00:00:00:00:09"), AT_MS + 2))
    assert names(Enrolments(tmp_path)) == ["again"]
    assert Enrolments(tmp_path).ended == []


def test_who_is_not_here_is_neither_ended_nor_replaced(tmp_path):
    enrolments = Enrolments(tmp_path, [cuff()])
    with pytest.raises(DeviceUnknown):
        enrolments.end("cuff", Ending(AT_MS, "removed"))
    with pytest.raises(DeviceUnknown):
        enrolments.add(Enrolment(oximeter(), AT_MS), "elsewhere", "lost")
    assert not (tmp_path / FILE).exists()


def test_a_free_name_has_the_next_number(tmp_path):
    enrolments = Enrolments(tmp_path)
    assert enrolments.free_name("cuff") == "cuff"
    enrolments.add(Enrolment(cuff(), AT_MS))
    enrolments.add(Enrolment(cuff("cuff-2", "F0:00:00:00:00:02", "52"), AT_MS))
    assert enrolments.free_name("cuff") == "cuff-3"


def damage(path, how):
    path.write_bytes(how(path.read_bytes()))


@pytest.mark.parametrize(
    "how",
    [
        lambda text: text[:-7],
        lambda _: b"",
        lambda text: text.replace(b'"format": 1', b'"format": 0'),
        lambda text: text.replace(b'"enrolled_ms"', b'"color"'),
        lambda _: b"[" * 100_000,
        lambda _: b"\xff\xfe",
    ],
)
def test_a_damaged_file_is_said_with_the_copy_of_before_and_left_as_it_is(tmp_path, how):
    enrolments = Enrolments(tmp_path)
    enrolments.add(Enrolment(cuff(), AT_MS))
    enrolments.add(Enrolment(oximeter(), AT_MS))
    path = tmp_path / FILE
    damage(path, how)
    damaged = path.read_bytes()
    with pytest.raises(EnrolmentsDamaged) as caught:
        Enrolments(tmp_path)
    assert f"Copy {path}.before" in caught.value.hint
    assert path.read_bytes() == damaged
    (tmp_path / f"{FILE}.before").rename(path)
    assert names(Enrolments(tmp_path)) == ["cuff"]


def test_a_file_of_a_later_format_is_refused_and_left_as_it_is(tmp_path):
    Enrolments(tmp_path).add(Enrolment(cuff(), AT_MS))
    damage(tmp_path / FILE, lambda text: text.replace(b'"format": 1,', b'"format": 2, "new": 1,'))
    later = (tmp_path / FILE).read_bytes()
    with pytest.raises(FormatNewer, match="found format 2, this version knows up to 1"):
        Enrolments(tmp_path)
    assert (tmp_path / FILE).read_bytes() == later


def test_a_file_that_is_gone_is_not_taken_for_a_hub_without_devices(tmp_path):
    enrolments = Enrolments(tmp_path)
    enrolments.add(Enrolment(cuff(), AT_MS))
    enrolments.add(Enrolment(oximeter(), AT_MS))
    (tmp_path / FILE).unlink()
    with pytest.raises(EnrolmentsDamaged, match="it is gone"):
        Enrolments(tmp_path)


@pytest.mark.parametrize("torn", [b"", b'{"format": 1, "dev', b"\xff"])
def test_what_a_killed_hub_was_writing_is_passed_over(tmp_path, torn):
    enrolments = Enrolments(tmp_path)
    enrolments.add(Enrolment(cuff(), AT_MS))
    for ending in (".new", ".before.new"):
        (tmp_path / (FILE + ending)).write_bytes(torn)
    assert names(Enrolments(tmp_path)) == ["cuff"]
    Enrolments(tmp_path).add(Enrolment(oximeter(), AT_MS))
    assert names(Enrolments(tmp_path)) == ["cuff", "oximeter"]


@given(st.binary() | st.recursive(st.none() | st.integers() | st.text(), st.lists).map(json.dumps))
def test_whatever_lies_there_is_read_or_refused(tmp_path_factory, text):
    folder = tmp_path_factory.mktemp("state")
    (folder / FILE).write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(EnrolmentsDamaged):
        Enrolments(folder)
