import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.network.traffic import CELLULAR, Counter
from gateway.network.usage import INTERFACES, MONTHS, Carried, Usage

BOOT, LATER_BOOT = b"a" * 16, b"b" * 16
MONTH = "2026-06"


def wwan0(received, sent=0, number=2):
    return {"wwan0": Counter(CELLULAR, received, sent, number)}


@pytest.fixture
def usage(tmp_path):
    return Usage(tmp_path, BOOT)


def test_what_came_and_went_since_the_last_look_is_added(usage):
    for received, sent in ((100, 10), (150, 10), (150, 35)):
        usage.count(wwan0(received, sent), MONTH)
    assert usage.carried == {"wwan0": Carried(CELLULAR, 150, 35)}
    assert usage.total(CELLULAR) == 185


def test_a_hub_that_starts_again_goes_on_where_the_last_one_was_killed(usage, tmp_path):
    usage.count(wwan0(100), MONTH)
    usage.save(0)
    usage.count(wwan0(500), MONTH)
    again = Usage(tmp_path, BOOT)
    again.count(wwan0(700), MONTH)
    assert again.total(CELLULAR) == 700


def test_after_a_reboot_the_kernel_counts_from_0(usage, tmp_path):
    usage.count(wwan0(100), MONTH)
    usage.save(0)
    again = Usage(tmp_path, LATER_BOOT)
    again.count(wwan0(700), MONTH)
    assert again.total(CELLULAR) == 800


def test_an_interface_that_was_pulled_and_is_back_counts_from_0(usage):
    usage.count(wwan0(100, number=2), MONTH)
    usage.count({}, MONTH)
    usage.count(wwan0(700, number=9), MONTH)
    assert usage.total(CELLULAR) == 800


def test_an_interface_that_could_not_be_read_once_is_not_counted_twice(usage):
    usage.count(wwan0(100), MONTH)
    usage.count({}, MONTH)
    usage.count(wwan0(110), MONTH)
    assert usage.total(CELLULAR) == 110


def test_a_counter_of_32_bits_that_wraps_goes_on(usage):
    usage.count(wwan0((1 << 32) - 100), MONTH)
    usage.count(wwan0(50), MONTH)
    assert usage.total(CELLULAR) == (1 << 32) + 50


@pytest.mark.parametrize("before", [10_000, 1 << 33])
def test_a_counter_that_the_driver_has_set_to_0_is_no_wrap(usage, before):
    usage.count(wwan0(before), MONTH)
    usage.count(wwan0(50), MONTH)
    assert usage.total(CELLULAR) == before + 50


@settings(deadline=None)
@given(st.lists(st.integers(0, 1 << 29), max_size=30), st.data())
def test_whatever_is_carried_is_counted_once_over_wraps_restarts_and_reboots(
    tmp_path_factory, steps, data
):
    folder = tmp_path_factory.mktemp("state")
    boot, raw = 0, 0
    usage = Usage(folder, bytes(16))
    for step in steps:
        raw = (raw + step) % (1 << 32)
        usage.count(wwan0(raw), MONTH)
        match data.draw(st.sampled_from(["run", "restart", "reboot"])):
            case "restart":
                usage.save(0)
                usage = Usage(folder, boot.to_bytes(16, "big"))
            case "reboot":
                usage.save(0)
                boot, raw = boot + 1, 0
                usage = Usage(folder, boot.to_bytes(16, "big"))
    assert usage.total(CELLULAR) == sum(steps)


def test_each_month_begins_at_0_and_a_clock_that_was_wrong_leads_back_to_its_month(usage):
    for month, received in (("2026-06", 100), ("2036-06", 130), ("2026-06", 150)):
        usage.count(wwan0(received), month)
    assert (usage.month, usage.total(CELLULAR)) == ("2026-06", 120)


def test_without_a_clock_the_last_known_month_is_counted(usage, tmp_path):
    usage.count(wwan0(100), "")
    assert usage.month == ""
    usage.count(wwan0(150), MONTH)
    assert (usage.month, usage.total(CELLULAR)) == (MONTH, 150)
    usage.save(0)
    again = Usage(tmp_path, LATER_BOOT)
    again.count(wwan0(5), "")
    assert (again.month, again.total(CELLULAR)) == (MONTH, 155)


def test_names_and_months_without_end_do_not_fill_the_flash(usage, tmp_path):
    for at in range(100):
        counters = {f"usb{at}": Counter(CELLULAR, 1000, 0, at + 2)}
        usage.count(counters, MONTH)
    assert len(usage.carried) == INTERFACES + 1
    assert usage.total(CELLULAR) == 100_000
    for at in range(100):
        usage.count(wwan0(1000 * at), f"{2026 + at}-01")
    usage.save(0)
    assert (tmp_path / "network.json").stat().st_size < 4096
    assert (tmp_path / "network.json").read_text().count("-01") == MONTHS


def test_an_idle_day_is_one_write_and_a_day_of_traffic_144_at_most(usage):
    writes, now_s = [], 0
    for each_minute in (10, 1_000_000):
        before, received = usage.writes, 0
        for _ in range(24 * 60):
            now_s += 60
            received += each_minute
            usage.count(wwan0(received, number=each_minute), MONTH)
            if usage.is_due(now_s):
                usage.save(now_s)
        writes.append(usage.writes - before)
    assert writes[0] in (0, 1)
    assert writes[1] <= 144


def test_nothing_new_is_not_written(usage, tmp_path):
    usage.count(wwan0(0), MONTH)
    usage.save(0)
    assert usage.writes == 0
    assert not (tmp_path / "network.json").exists()


@settings(deadline=None)
@given(st.binary(max_size=60) | st.just(b'{"months": {"2026-06": {"wwan0": {"kind": 3}}}}'))
def test_a_damaged_file_is_counted_anew_and_crashes_nobody(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("state")
    (folder / "network.json").write_bytes(data)
    usage = Usage(folder, BOOT)
    usage.count(wwan0(7), MONTH)
    assert usage.total(CELLULAR) == 7
