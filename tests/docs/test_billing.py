import re
from pathlib import Path

from backend.billing.policy import AMBIGUITIES, CHOICES, SETTABLE
from backend.billing.published import PUBLISHED
from backend.billing.reasons import ROWS, WORDS, Block, Exclusion

PAGE = (Path(__file__).parents[2] / "docs" / "billing.md").read_text()


def test_the_first_paragraph_says_what_a_person_must_confirm():
    paragraph = PAGE.split("\n\n")[1]
    for what in ("99453", "2027", "RULESET_UNVERIFIED", "setup_min_2026=2"):
        assert what in paragraph


def test_the_page_tells_every_reason_in_the_words_of_the_product():
    told = re.findall(r"^\| `([A-Z0-9_]+)` \| (.+) \| (.+) \|$", PAGE, re.MULTILINE)
    reasons = (*Exclusion, *Block)
    assert told == [(name, WORDS[name], ROWS.get(name, "the code's")) for name in reasons]


def test_the_page_tells_every_switch_with_its_values():
    told = re.findall(r"^\| `(\w+)` \| (.+?) \| .+ \| (AMB-.+) \|$", PAGE, re.MULTILINE)
    assert told == [
        (name, ", ".join(CHOICES[name]), ", ".join(AMBIGUITIES[name])) for name in SETTABLE
    ]


def test_the_page_tells_every_row_that_is_cited():
    first_cells = re.findall(r"^\| ((?:R-|1d).*?) \|", PAGE, re.MULTILINE)
    told = {row for cell in first_cells for row in cell.split(", ")}
    cited = {*ROWS.values()}
    for known in PUBLISHED.sets:
        for program in known.programs.values():
            supply = [rule for rules in program.supply.values() for rule in rules]
            cited |= {rule.row for rule in (program.setup, *supply, *program.management)}
    assert cited - told == set()


def test_every_ambiguity_is_told():
    assert {f"AMB-{number}" for number in range(1, 23)} <= set(re.findall(r"AMB-\d+", PAGE))


def test_the_page_names_every_code_and_every_rule_set():
    for known in PUBLISHED.sets:
        assert known.id in PAGE
        for program in known.programs.values():
            supply = [rule for rules in program.supply.values() for rule in rules]
            for rule in (program.setup, *supply, *program.management):
                assert rule.code in PAGE
