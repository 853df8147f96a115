"""A period over two years whose signed rule sets differ in other ways than 2025 and 2026 do."""

from datetime import date

import msgspec

from backend.billing.case import parse_case
from backend.billing.node import Node
from backend.billing.policy import DEFAULT
from backend.billing.published import PUBLISHED
from backend.billing.rule_sets import RuleSets
from backend.billing.verdict import judge
from tests.backend.billing.made import case, days

FIRST = date(2026, 12, 10)


def next_year(*supply):
    last = PUBLISHED.sets[-1]
    rpm = msgspec.structs.replace(last.programs["RPM"], supply={"": supply})
    programs = last.programs | {"RPM": rpm}
    made = msgspec.structs.replace(
        last, id="us-2027", first=date(2027, 1, 1), last=date(2027, 12, 31), programs=programs
    )
    return RuleSets((*PUBLISHED.sets, made))


def reasons(count, rule_sets, **policy):
    began = {key: FIRST.isoformat() for key in ("order_date",)}
    facts = began | {
        "consent": {"date": FIRST.isoformat()},
        "setup": {"date": FIRST.isoformat(), "education_done": True},
    }
    made = case(days(count, since=FIRST), facts=facts, as_of="2027-02-10T12:00:00-05:00")
    parsed = parse_case(Node(made, "case"))
    chosen = msgspec.structs.replace(DEFAULT, **policy)
    return {c.code: c.reason for c in judge(parsed.facts, parsed.question, chosen, rule_sets).codes}


def short_and_long():
    return PUBLISHED.sets[-1].programs["RPM"].supply[""]


def test_a_code_with_fewer_days_next_year_is_held_though_another_code_would_have_done_before():
    short, long = short_and_long()
    fewer = (
        msgspec.structs.replace(short, most=10),
        msgspec.structs.replace(long, least=11),
    )
    assert reasons(12, next_year(*fewer))["99454"] == "SPANS_RULE_CHANGE"
    assert reasons(12, next_year(*fewer), span="dos")["99454"] is None
    assert reasons(16, next_year(*fewer))["99454"] is None


def test_a_code_that_comes_next_year_is_held_in_the_period_that_crosses_into_it():
    short, long = short_and_long()
    added = msgspec.structs.replace(long, code="99999")
    found = reasons(16, next_year(short, long, added))
    assert (found["99454"], found["99999"]) == (None, "SPANS_RULE_CHANGE")


def test_where_no_set_is_signed_the_codes_are_those_of_the_last_one_known():
    _, long = short_and_long()
    added = msgspec.structs.replace(long, code="99999")
    made = case(days(0), as_of="2028-02-10T12:00:00-05:00")
    made["evaluate"]["month"] = "2028-01"
    parsed = parse_case(Node(made, "case"))
    found = judge(parsed.facts, parsed.question, DEFAULT, with_management(added))
    told = {c.code: c.reason for c in found.codes}
    assert told == dict.fromkeys(("99453", "99999", "99888"), "RULESET_UNVERIFIED")


def with_management(*supply):
    *sets, last = next_year(*supply).sets
    rpm = last.programs["RPM"]
    base = msgspec.structs.replace(rpm.management[1], code="99888")
    programs = last.programs | {"RPM": msgspec.structs.replace(rpm, management=(base,))}
    return RuleSets((*sets, msgspec.structs.replace(last, programs=programs)))


def test_a_period_that_begins_in_a_year_nobody_has_signed_rules_for_is_held():
    short, long = short_and_long()
    [_, _, made] = next_year(short, long).sets
    assert reasons(16, RuleSets((made,)))["99454"] == "SPANS_RULE_CHANGE"
