"""The page that firmware is written from: its session is what driver and emulator really say."""

import re
from datetime import datetime
from pathlib import Path

from drivers import dispenser_protocol
from drivers.dispenser_frame import HEAD, check
from drivers.dispenser_record import FIELDS, KINDS
from drivers.dispenser_serial import DispenserSerial
from simulator.dispenser import DISPENSED, MISSED, OPENED, Dispenser
from tests.fakes.talking_link import TalkingLink

PAGE = (Path(__file__).parents[2] / "docs" / "dispenser-protocol.md").read_text()
LINE = re.compile(r"^(hub|device) +(56[ 0-9a-f]+)$", re.MULTILINE)
DAY = datetime(2026, 6, 1)  # noqa: DTZ001  a device states no zone


class Wall:
    """A clock on the wall, moved by hand."""

    def __init__(self):
        self.time = DAY

    def show(self, *at):
        self.time = DAY.replace(hour=at[0], minute=at[1], second=at[2])
        return self.time


async def test_the_worked_session_is_what_the_two_say():
    wall = Wall()
    device = Dispenser(lambda: wall.time)
    device.last = 16
    wall.show(8, 0, 12)
    device.set_clock(DAY.replace(hour=7, minute=58, second=2))
    device.happen(OPENED, compartment=3)
    wall.show(8, 0, 40)
    device.happen(MISSED, compartment=4)
    now = wall.show(8, 30, 0)
    said = []

    def hear(data):
        answer = device.hear(data)
        said.extend([("hub", data), ("device", answer)])
        return answer

    def gives_out():
        wall.show(9, 1, 5)
        frame = device.happen(DISPENSED, compartment=4, doses=2)
        said.append(("device", frame))
        return frame

    await TalkingLink(hear, now=now, later=[gives_out]).play(DispenserSerial())
    assert [(who, bytes.fromhex(line)) for who, line in LINE.findall(PAGE)] == said


def test_every_frame_of_the_page_is_whole():
    for _, line in LINE.findall(PAGE):
        check(bytes.fromhex(line))


def test_the_page_has_every_kind_field_type_and_uuid():
    for kind, word in KINDS.items():
        assert re.search(rf"^\| {kind} \| {word}\b", PAGE, re.MULTILINE), word
    for tag in (*FIELDS, 3):
        assert re.search(rf"^\| {tag} \| ", PAGE, re.MULTILINE), tag
    asked = (command[HEAD - 1] for command in dispenser_protocol.COMMANDS)
    for type_ in asked:
        assert f"`{type_:02x}`" in PAGE
        assert f"`{type_ | 0x80:02x}`" in PAGE
    for uuid in (
        dispenser_protocol.SERVICE,
        dispenser_protocol.TO_DEVICE,
        dispenser_protocol.FROM_DEVICE,
    ):
        assert f"`{uuid}`" in PAGE
