import pytest

from gateway.network.routes import read_route
from gateway.network.traffic import read_counters
from tests.fakes.mobile_home import MobileHome

HEAD = "Iface Destination Gateway Flags RefCnt Use Metric Mask MTU Window IRTT\n"
ANYWHERE = "{} 00000000 0100000A 0003 0 0 {} 00000000 0 0 0\n"
NEAR = "{} 0000000A 00000000 0001 0 0 {} 00FFFFFF 0 0 0\n"
ZERO = "0" * 32
V6 = "{0} 00 {0} 00 {0} {1:08x} 00000001 00000000 00000003 {2}\n"


@pytest.fixture
def home(tmp_path):
    return MobileHome(tmp_path)


def test_each_interface_is_counted_as_what_the_kernel_takes_it_for(home):
    home.plug("eth0", 1, 2)
    home.plug("wlan0", 3, 4, uevent="DEVTYPE=wlan\nINTERFACE=wlan0\n", number=3)
    home.plug("wwan0", 5, 6, uevent="DEVTYPE=wwan\nINTERFACE=wwan0\n", number=4)
    home.plug("ppp0", 7, 8)
    (home.roots.sys / "ppp0/type").write_text("512\n")
    (home.roots.sys / "ppp0/device").rmdir()
    assert {name: each[:3] for name, each in read_counters(home.roots.sys).items()} == {
        "eth0": ("ethernet", 1, 2),
        "wlan0": ("wifi", 3, 4),
        "wwan0": ("cellular", 5, 6),
        "ppp0": ("cellular", 7, 8),
    }


def test_what_leads_nowhere_is_not_counted(home):
    for name in ("lo", "br0", "tun0"):
        home.plug(name, 1, 1)
        (home.roots.sys / name / "device").rmdir()
    assert read_counters(home.roots.sys) == {}


@pytest.mark.parametrize("damage", ["", "many\n"])
def test_an_interface_that_is_pulled_while_it_is_read_is_left_out(home, damage):
    home.plug("eth0", 1, 2)
    (home.roots.sys / "eth0/statistics/tx_bytes").write_text(damage)
    assert read_counters(home.roots.sys) == {}


def test_a_machine_that_shows_no_interfaces_has_none(home):
    assert read_counters(home.roots.sys / "none") == {}
    assert read_route(home.roots.proc) == ""


def test_the_way_out_is_the_route_of_least_metric(home):
    lines = [NEAR.format("wlan0", 1), ANYWHERE.format("wwan0", 700), ANYWHERE.format("eth0", 100)]
    (home.roots.proc / "route").write_text(HEAD + "".join(lines))
    assert read_route(home.roots.proc) == "eth0"


def test_the_way_out_of_a_home_with_ipv6_alone_is_found(home):
    (home.roots.proc / "route").write_text(HEAD)
    lines = [V6.format(ZERO, 0xFFFFFFFF, "lo"), V6.format(ZERO, 1024, "wwan0")]
    (home.roots.proc / "ipv6_route").write_text("".join(lines))
    assert read_route(home.roots.proc) == "wwan0"
