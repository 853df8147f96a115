import multiprocessing
import tempfile
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest

from tests.faults.homes import Home
from tests.faults.play import import_from
from tests.faults.quarter import live_through
from tests.faults.rig import write_plugin

SEED = 11


class FewDays(Home):
    """All that befalls a home in a month befalls this one sooner."""

    days = 3


@pytest.fixture
def process(tmp_path, monkeypatch):
    """One of its own: what breaks a card breaks every file of the process."""
    for name in ("PYTHONPATH", "PYTHONPYCACHEPREFIX", "PYTHONDONTWRITEBYTECODE"):
        monkeypatch.setenv(name, "")  # so that all are again as they were
    plugin = tmp_path / "plugin"
    write_plugin(plugin)
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, context, import_from, (plugin,)) as pool:
        yield pool


@pytest.mark.long
def test_a_hub_lives_through_days_of_faults_and_needs_no_hand(process):
    with tempfile.TemporaryDirectory() as made:  # the path of a socket is short
        result = process.submit(live_through, SEED, Path(made) / "home", FewDays).result()
    assert result.violation is None
    assert result.stored
    assert result.faults["hub killed"]
    assert result.faults["radio link lost"]
