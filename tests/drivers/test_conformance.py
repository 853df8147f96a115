"""What every registered driver keeps to, told by its golden frames."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from drivers.replay import replay
from drivers.spi import Frame, Reading, Undecodable
from gateway.registry import load_drivers

DRIVERS = load_drivers()
GOLDEN = {
    id_: tomllib.loads((Path(__file__).parents[1] / "golden" / f"{id_}.toml").read_text())
    for id_ in DRIVERS
}
CASES = [
    pytest.param(id_, {**golden, **case}, id=case["id"])
    for id_, golden in GOLDEN.items()
    for case in golden["case"]
]
every_case = pytest.mark.parametrize(("id_", "case"), CASES)
every_driver = pytest.mark.parametrize("id_", DRIVERS)


def items(id_, case, frames):
    sent = [Frame(case["characteristic"], bytes(frame)) for frame in frames]
    return list(replay(DRIVERS[id_], case.get("name", ""), sent))


def frames_of(case):
    return [bytes.fromhex(frame) for frame in case["frames"]]


@every_case
def test_a_golden_frame_says_what_its_source_says(id_, case):
    said = [_said(item) for item in items(id_, case, frames_of(case))]
    assert said == [
        {
            "device_time": None,
            "status": [],
            "origin": "unknown",
            "failed": False,
            "observations": {},
            "attributes": {},
        }
        | expected
        if "error_at" not in expected
        else expected
        for expected in case["expected"]
    ]
    assert case["source"]


def _said(item):
    if isinstance(item, Undecodable):
        return {"error_at": item.error.at}
    return {
        "device_time": item.device_time,
        "status": list(item.status),
        "origin": item.origin,
        "failed": item.failed,
        "observations": {o.metric.name: f"{o.value} {o.unit}" for o in item.observations},
        "attributes": item.attributes,
    }


@every_case
def test_every_frame_travels_with_what_was_made_of_it(id_, case):
    frames = frames_of(case)
    assert [item.raw[0].data for item in items(id_, case, frames)] == frames


@every_case
def test_every_cut_frame_is_a_decode_error_and_nothing_else(id_, case):
    for frame in frames_of(case):
        cuts = [frame[:size] for size in range(len(frame))]
        made = items(id_, case, cuts)
        assert [(type(item), item.error.frame) for item in made] == [
            (Undecodable, cut) for cut in cuts
        ]


@every_driver
def test_only_promised_metrics_come_out(id_):
    seen = {
        observation.metric
        for case in GOLDEN[id_]["case"]
        for item in items(id_, GOLDEN[id_] | case, frames_of(case))
        if isinstance(item, Reading)
        for observation in item.observations
    }
    assert seen <= set(DRIVERS[id_].info.metrics)


@every_driver
def test_a_driver_says_which_of_its_characteristics_it_writes(id_):
    info = DRIVERS[id_].info
    assert set(info.writes) <= set(info.characteristics)
    assert GOLDEN[id_]["characteristic"] == info.characteristics[0]


@every_driver
def test_a_driver_reaches_for_no_radio_port_clock_or_log(id_):
    module = type(DRIVERS[id_]).__module__
    found = subprocess.run(
        [sys.executable, "-c", f"import sys, {module}; print(*sys.modules)"],
        check=True,
        capture_output=True,
        text=True,
    )
    assert not {"asyncio", "bleak", "logging", "serial", "socket"} & set(found.stdout.split())
