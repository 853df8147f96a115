import contextlib
import json
import random
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from backend.billing.assess import assess
from backend.billing.case import parse_case
from backend.billing.node import Node
from backend.billing.policy import CHOICES, SETTABLE, parse_policy
from backend.billing.verdict import judge
from backend.errors import CaseFault
from tests.backend.billing.made import FIRST, case, entry, event, judged
from tests.backend.billing.test_cases import CASES

events = st.builds(
    lambda day, hour, minutes, device, rest: event(
        FIRST + timedelta(days=day), hour, device=device, after=timedelta(minutes=minutes), **rest
    ),
    st.integers(-3, 70),
    st.integers(0, 23),
    st.integers(-6, 3000),
    st.sampled_from(["cuff", "box", "watch", "paper"]),
    st.sampled_from(
        [
            {},
            {"mode": "manual"},
            {"valid": False},
            {"delivery": "stored", "clock": "wrong"},
            {"clock": "offset_known", "clock_offset_s": 10800},
            {"message_type": "alert_monitor_ok"},
            {"value": "120/80"},
        ]
    ),
)
entries = st.builds(
    lambda day, hour, minutes, rest: entry(
        minutes, f"{FIRST + timedelta(days=day)}T{hour:02}:30:00-04:00", **rest
    ),
    st.integers(-8, 30),
    st.integers(0, 23),
    st.integers(0, 90),
    st.sampled_from([{}, {"staff": "rn-9"}, {"service": "CCM"}, {"purpose": "logistics"}]),
)
policies = st.fixed_dictionaries({name: st.sampled_from(CHOICES[name]) for name in SETTABLE}).map(
    lambda chosen: [f"{name}={value}" for name, value in chosen.items()]
)
zones = st.sampled_from(["America/New_York", "Pacific/Honolulu", "Asia/Kathmandu", "UTC"])
moves = st.lists(
    st.fixed_dictionaries(
        {
            "from": st.integers(0, 60).map(lambda n: str(FIRST + timedelta(days=n))),
            "timezone": zones,
        }
    ),
    max_size=2,
)
histories = st.builds(
    lambda events, management, zone, moves, number: case(
        events,
        management=management,
        timezone=zone,
        timezone_history=moves,
        evaluate={"period": number, "month": "2026-04"},
        as_of="2026-07-01T12:00:00-04:00",
    ),
    st.lists(events, max_size=40),
    st.lists(entries, max_size=6),
    zones,
    moves,
    st.integers(1, 3),
)


@given(histories, policies, st.randoms(use_true_random=False))
def test_the_order_of_facts_says_nothing(made, policy, shuffler: random.Random):
    shuffled = json.loads(json.dumps(made))
    for name in ("events", "management", "timezone_history"):
        shuffler.shuffle(shuffled[name])
    assert judged(shuffled, *policy) == judged(made, *policy)


@given(histories, policies)
def test_every_reading_is_counted_in_a_day_or_left_out_once(made, policy):
    facts, question = parse_case(Node(made, "made"))[1:]
    verdict = judge(facts, question, parse_policy(policy))
    assert len(verdict.counted) + len(verdict.excluded) == len(facts.readings)
    assert set(verdict.days) <= {one.day for one in verdict.counted}
    if verdict.period:
        assert all(verdict.period.first <= day <= verdict.period.last for day in verdict.days)


@given(histories, policies)
def test_every_candidate_is_billable_on_a_date_or_blocked_for_a_reason(made, policy):
    found = judged(made, *policy)
    assert all(one["units"] > 0 and one["dos"] for one in found["billable_codes"])
    told = [one["code"] for one in found["billable_codes"] + found["blocked_codes"]]
    expected = ["99453", "99445", "99454", "99470", "99457", "99458"]
    assert sorted(told) == sorted(expected)
    billable = {one["code"] for one in found["billable_codes"]}
    assert not {"99445", "99454"} <= billable
    assert not {"99470", "99457"} <= billable
    assert "99458" not in billable or "99457" in billable


@given(histories, events, policies)
def test_one_more_reading_removes_no_day_unless_it_moves_the_periods(made, one_more, policy):
    made |= {"timezone_history": []}
    # A sighting of a known reading that came earlier counts in its place: no reading more.
    events = [e for e in made["events"] if e["timestamp"] != one_more["timestamp"]]
    counted = []
    for known in (events, [*events, one_more]):
        facts, question = parse_case(Node(made | {"events": known}, "made"))[1:]
        counted.append({one.day for one in judge(facts, question, parse_policy(policy)).counted})
    assert counted[0] <= counted[1]


scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12)
anything = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=12,
)
words = st.sampled_from(
    ["2026-04-06", "2026-04-06T08:00:00-04:00", "9999-12-31", "0001-01-01T00:00:00+23:59", "UTC"]
)


def assess_it(found):
    with contextlib.suppress(CaseFault):
        assess(found)


@given(anything | st.fixed_dictionaries({"cases": anything}))
def test_no_json_breaks_it(found):
    assess_it(found)


def places(value, path=()):
    yield path
    if isinstance(value, dict | list):
        for key in value if isinstance(value, dict) else range(len(value)):
            yield from places(value[key], (*path, key))


@given(st.data())
def test_no_case_with_something_else_in_any_place_breaks_it(data):
    whole = data.draw(st.sampled_from(CASES))
    made = json.loads(json.dumps(whole | {"events": whole["events"][:2], "expected": None}))
    for _ in range(data.draw(st.integers(1, 3))):
        path = data.draw(st.sampled_from([path for path in places(made) if path]))
        parent = made
        for key in path[:-1]:
            parent = parent[key]
        parent[path[-1]] = data.draw(anything | words)
    assess_it({"cases": [made]})
