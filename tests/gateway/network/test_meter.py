import pytest
from structlog.testing import capture_logs

from gateway.cli.networked import describe
from gateway.clock import Moment
from tests.fakes.mobile_home import MobileHome

MB = 1_000_000
WWAN = "DEVTYPE=wwan\n"
ROUTE = "wwan0 00000000 0100000A 0003 0 0 700 00000000 0 0 0\n"


@pytest.fixture
def home(tmp_path):
    return MobileHome(tmp_path)


async def look(home, network, megabytes):
    home.plug("wwan0", megabytes * MB - 1000, 1000, uevent=WWAN)
    home.clock.wait(60)
    await network.look()
    return [problem.what for problem in network.problems()]


async def test_data_is_told_by_interface_against_the_budget_at_80_percent_and_when_it_is_used(home):
    network = home.network(watch=False, budget_mb=10)
    with capture_logs() as logs:
        assert await look(home, network, 7) == []
        assert await look(home, network, 8) == ["8 of 10 MB of mobile data are used this month"]
        assert "used up" in (await look(home, network, 10))[0]
        await look(home, network, 11)
    assert [(each["event"], each["used"]) for each in logs] == [
        ("data-budget", "nearly"),
        ("data-budget", "all"),
    ]
    assert not any(problem.needs_help for problem in network.problems())
    facts = network.facts()
    assert (facts["mobile_mb"], facts["budget_mb"], facts["month"]) == (11, 10, "2026-06")


async def test_without_a_budget_nothing_is_said(home):
    assert await look(home, home.network(watch=False), 10_000) == []


async def test_the_count_is_kept_when_the_hub_ends_and_goes_on_in_the_next(home):
    network = home.network(watch=False)
    await look(home, network, 3)
    await network.aclose()
    again = home.network(watch=False)
    await look(home, again, 5)
    assert again.facts()["mobile_mb"] == 5


async def test_ethernet_is_not_the_modems_and_its_address_is_not_told(home):
    home.plug("enx001122aabbcc", 5 * MB, 0)
    network = home.network(watch=False, budget_mb=1)
    await network.look()
    facts = network.facts()
    assert facts["carried"] == {"enx": {"kind": "ethernet", "received": 5 * MB, "sent": 0}}
    assert facts["mobile_mb"] == 0


async def test_a_count_that_cannot_be_kept_goes_on_in_memory(home, tmp_path):
    (tmp_path / "state").write_text("in the way")
    network = home.network(watch=False)
    await look(home, network, 3)
    with capture_logs() as logs:
        await network.aclose()
    assert [each["event"] for each in logs] == ["data-count-not-kept"]
    assert network.facts()["mobile_mb"] == 3


async def test_a_hub_without_modem_says_so_in_words_with_the_way_out(home):
    (home.roots.proc / "route").write_text(ROUTE)
    network = home.network(watch=False, budget_mb=30)
    await look(home, network, 3)
    assert list(describe(network.facts())) == [
        "network  no modem (no ModemManager, no NetworkManager); the way out is cellular",
        "data     2026-06: wwan0 3.0 MB, mobile 3.0 of 30 MB",
    ]


async def test_the_month_is_by_whoever_knows_the_time_best_in_the_zone_of_the_home(home):
    network = home.network(watch=False)
    home.clock.level = 0
    home.best = Moment(0, 1_782_878_400_000, 18)  # midnight of 1 July in UTC minus four hours
    await look(home, network, 1)
    assert network.facts()["month"] == "2026-07"
    home.best = Moment(0, 1_782_878_399_000, 18)
    await look(home, network, 1)
    assert network.facts()["month"] == "2026-06"


@pytest.mark.parametrize("utc_ms", [-(10**18), 10**18, 253_402_300_799_000])
async def test_a_clock_out_of_this_era_names_no_new_month(home, utc_ms):
    network = home.network(watch=False)
    await look(home, network, 1)
    home.best = Moment(0, utc_ms, 3)
    await look(home, network, 2)
    assert network.facts()["month"] in ("2026-06", "9999-12")
