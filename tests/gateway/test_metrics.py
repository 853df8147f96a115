import re
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from gateway.clock import read_moment
from gateway.metrics import _label
from gateway.reports import Problem
from gateway.requests import Metrics
from tests.fakes.asked_hub import AskedHub
from tests.fakes.told_part import ToldPart

PAGE = Path(__file__).parents[2] / "docs" / "operations.md"


@pytest.fixture
async def hub(tmp_path):
    counts = Counter({"clients": 1, "answered": 2})
    hub = await AskedHub.open(tmp_path, counts)
    yield hub
    await hub.storage.outbox.close()


def parse(text):
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


async def scrape(hub):
    return parse((await hub.ask(Metrics()))["text"])


async def test_what_prometheus_reads_is_how_the_hub_stands(hub):
    hub.sessions.device.heard_at = read_moment(hub.clock)
    hub.sessions.device.battery = 80
    hub.standing.receipted(1_780_315_200_500)
    hub.clock.wait(90)
    seen = await scrape(hub)
    assert seen["vitalpost_info", "hub-1", "vitalpost 0.1.0"] == 1
    assert seen["vitalpost_running_seconds",] == 90
    assert seen["vitalpost_clock_synchronised",] == 1
    assert seen["vitalpost_clock_error_bound_seconds",] == 0.008
    assert seen["vitalpost_uplink_connected",] == 0
    assert seen["vitalpost_last_receipt_timestamp_seconds",] == 1_780_315_200.5
    assert seen["vitalpost_uplink_events_total", "receipts"] == 1
    assert seen["vitalpost_device_heard_age_seconds", "cuff"] == 90
    assert seen["vitalpost_device_battery_ratio", "cuff"] == 0.8
    assert seen["vitalpost_outbox_quota_bytes",] == 4 << 20
    assert seen["vitalpost_needs_help",] == 0


async def test_what_nobody_knows_is_left_out(hub):
    hub.clock.level = 0
    seen = await scrape(hub)
    assert seen["vitalpost_clock_synchronised",] == 0
    assert not {name for name, *_ in seen} & {
        "vitalpost_clock_error_bound_seconds",
        "vitalpost_last_receipt_timestamp_seconds",
        "vitalpost_device_reading_age_seconds",
    }


async def test_what_parts_report_is_told_by_part_and_key_in_seconds(hub):
    facts = {
        "silent_s": 90,
        "lag_ms": 250,
        "is_away": True,
        "word": "good",
        "nothing": None,
        "restarts_total": 2,
        "counts": {"power-cycle": 3},
        "month_bytes": {"wwan0": 10_000, "eth0": 7},
    }
    radio = ToldPart("radio", facts)
    radio.amiss = [Problem("stuck", "Swap it.", needs_help=True)]
    hub.reporters.append(radio)
    seen = {key: value for key, value in (await scrape(hub)).items() if "radio" in key[0]}
    assert seen == {
        ("vitalpost_radio_silent_seconds",): 90,
        ("vitalpost_radio_lag_seconds",): 0.25,
        ("vitalpost_radio_is_away",): 1,
        ("vitalpost_radio_restarts_total",): 2,
        ("vitalpost_radio_events_total", "power-cycle"): 3,
        ("vitalpost_radio_month_bytes", "wwan0"): 10_000,
        ("vitalpost_radio_month_bytes", "eth0"): 7,
    }
    assert (await scrape(hub))["vitalpost_needs_help",] == 1


async def test_each_name_is_told_once_with_its_kind_and_its_unit(hub):
    hub.reporters.append(ToldPart("outbox", {"used_bytes": 1}))
    text = (await hub.ask(Metrics()))["text"]
    told = re.findall(r"^# TYPE (\S+) (\S+)$", text, re.MULTILINE)
    names = [name for name, _ in told]
    assert len(names) == len(set(names))
    for name, kind in told:
        assert re.fullmatch(r"vitalpost_[a-z_]+", name)
        assert (kind == "counter") == name.endswith("_total")
    assert text.endswith("\n")


async def test_every_metric_that_a_hub_has_is_on_the_page_of_operations(hub):
    hub.sessions.device.heard_at = hub.sessions.device.reading_at = read_moment(hub.clock)
    hub.sessions.device.battery = 80
    hub.standing.receipted(1)
    names = {name for name, *_ in await scrape(hub)}
    reported = {"vitalpost_clock_utc_seconds", "vitalpost_clock_quality"}
    page = PAGE.read_text()
    told = set(re.findall(r"`(vitalpost_[a-z_]+)`", page.split("| metric |")[1]))
    assert names - reported == told


@given(st.text())
def test_any_text_is_a_label(text):
    line = f"some_metric{_label({'of': text})} 1\n"
    [family] = text_string_to_metric_families(line)
    assert family.samples[0].labels == {"of": text}
