import pytest

from uplink.outbox import Outbox
from uplink.reserve import RESERVE_BYTES, Reserve


@pytest.fixture
def path(tmp_path):
    return tmp_path / "outbox.db"


def test_room_is_held_once_and_given_up_whole(path):
    reserve, file = Reserve(path), path.with_name("outbox.reserve")
    assert reserve.hold(0)
    assert not file.exists()
    assert reserve.hold(5000)
    assert reserve.hold(3000)
    assert file.stat().st_size == 5000
    assert file.stat().st_blocks * 512 >= 5000
    reserve.give_up()
    reserve.give_up()
    assert not file.exists()
    assert reserve.hold(1)


def test_a_later_process_finds_the_room_held(path):
    assert Reserve(path).hold(5000)
    assert Reserve(path).hold(4000)
    assert path.with_name("outbox.reserve").stat().st_size == 5000


async def test_an_outbox_holds_room_before_it_takes_a_reading(path):
    outbox = await Outbox.open(path, quota_bytes=4 << 20)
    await outbox.room()
    held = path.with_name("outbox.reserve").stat().st_size
    await outbox.close()
    assert RESERVE_BYTES - 16 * 1024 < held <= RESERVE_BYTES
