import json

import pytest

from simulator import script
from simulator.measured import read_log
from simulator.stage import Stage
from tests.interop.foreign import NODE, PYTHON, ForeignMonth


@pytest.mark.parametrize("consumer", [PYTHON, NODE], ids=lambda one: one.language)
async def test_a_stranger_counts_the_days_of_the_demo_as_the_ledger_does(tmp_path, consumer):
    month = script.load(script.CUFF)
    async with Stage(month, tmp_path) as stage:
        foreign = ForeignMonth(month, stage, consumer)
        await foreign.play()
        measured = read_log(stage.log, month)
        counted = await foreign.count_days(measured.count - measured.failed)
        await stage.hub.stop()
        await stage.backend.stop()
        foreign.give_to_ledger()
        verified = await stage.ask_office("verify")
        days = await stage.ask_office("days", "patient-1")

    said = [json.loads(line) for line in stage.hub.log.read_text().splitlines()]

    assert counted == {day["date"]: day["readings"] for day in days["days"] if day["counted"]}
    assert counted.keys() == measured.days("patient-1")
    assert len(counted) == 27
    assert sum(counted.values()) == measured.count - measured.failed == 49
    assert frozenset(verified["reading_ids"]) == measured.names
    assert (verified["gaps"], verified["doubles"], verified["problems"]) == ([], 0, [])
    assert foreign.kills == ["hub", "backend", "backend", "broker"]
    # A repeat may name rows that the hub has let go of; nothing else was wrong with any receipt.
    ignored = {line["what"] for line in said if line["event"] == "receipt-ignored"}
    assert ignored <= {"never-assigned"}
