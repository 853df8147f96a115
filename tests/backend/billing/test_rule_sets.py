from datetime import date

import msgspec
import pytest

from backend.billing.published import PUBLISHED
from backend.billing.reasons import ROWS, WORDS, Block, Exclusion
from backend.billing.rule_sets import RuleSet


@pytest.mark.parametrize(
    ("day", "name"),
    [
        ("2019-06-01", "us-medicare-2025"),
        ("2025-12-31", "us-medicare-2025"),
        ("2026-01-01", "us-medicare-2026"),
        ("2026-12-31", "us-medicare-2026"),
        ("2027-01-01", None),
    ],
)
def test_the_date_of_service_chooses_the_rules(day, name):
    found = PUBLISHED.on(date.fromisoformat(day))
    assert (found and found.id) == name


@pytest.mark.parametrize("day", ["2024-02-29", "2025-12-31", "2026-01-01", "2026-12-31"])
def test_one_published_set_and_no_other_covers_a_date_of_service(day):
    assert sum(known.covers(date.fromisoformat(day)) for known in PUBLISHED.sets) == 1


def test_a_set_without_a_last_date_is_open():
    last = msgspec.structs.replace(PUBLISHED.sets[-1], last=None)
    assert last.covers(date(2031, 5, 1))
    assert not last.covers(date(2025, 12, 31))


def test_the_published_sets_are_first_versions_and_name_the_readings_that_are_unsettled():
    assert {known.version for known in PUBLISHED.sets} == {1}
    of_2026 = PUBLISHED.on(date(2026, 7, 1)).programs
    assert (of_2026["RPM"].setup.unsettled, of_2026["RTM"].setup.unsettled) == ((2,), (16,))


def test_a_rule_set_travels_as_json_and_keeps_its_hash():
    for known in PUBLISHED.sets:
        again = msgspec.json.decode(msgspec.json.encode(known), type=RuleSet)
        assert (again, again.hash) == (known, known.hash)


def test_another_number_is_another_hash():
    assert len({known.hash for known in PUBLISHED.sets}) == len(PUBLISHED.sets)
    changed = msgspec.structs.replace(PUBLISHED.sets[1], version=2)
    assert changed.hash != PUBLISHED.sets[1].hash


def test_every_rule_cites_its_row():
    for known in PUBLISHED.sets:
        for program in known.programs.values():
            supply = [rule for rules in program.supply.values() for rule in rules]
            for rule in (program.setup, *supply, *program.management, *known.payers):
                assert rule.row.startswith("R-")


def test_every_reason_has_its_words_and_a_row_unless_the_code_has():
    assert WORDS.keys() == {*Exclusion, *Block}
    of_code = {reason for reason in Block if "BELOW" in reason}
    of_code |= {Block.CODE_NOT_EFFECTIVE, Block.SETUP_MIN_UNCONFIRMED}
    assert ROWS.keys() == WORDS.keys() - of_code
