"""A file of cases to its answers, in the cases' own shape; each case stands for itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from backend.billing.case import parse_case
from backend.billing.facts import Facts, Question
from backend.billing.node import Node
from backend.billing.policy import DEFAULT, Policy
from backend.billing.verdict import Verdict, judge
from backend.errors import CaseFault

_LONGEST_ID = 60  # of a fault that a person is to read

Judging = Callable[[Facts, Question, Policy], Verdict]

# What a file tells about its cases: words, and the answers it expects.
_WORDS = frozenset(
    (
        "alternatives",
        "ambiguity_refs",
        "ambiguous",
        "description",
        "expected",
        "note",
        "rule_refs",
    )
)


class Answer(NamedTuple):
    """A case that was judged."""

    id: str
    verdict: Verdict


class Assessed(NamedTuple):
    """The answers, the first fault of each faulty case, and the paths within it nobody read."""

    answers: Sequence[Answer]
    faults: Sequence[CaseFault]
    unread: Sequence[str]


def assess(found: object, policy: Policy = DEFAULT, judging: Judging = judge) -> Assessed:
    """Judge every sound case of a parsed file. Raises CaseFault if it is no file of cases."""
    cases = Node(found, "file").need("cases")
    answers, faults, unread = [], [], []
    for listed in Node(cases.value, "cases").items():
        node = Node(listed.value, _name(listed))
        try:
            case = parse_case(node)
        except CaseFault as fault:
            faults.append(fault)
            continue
        answers.append(Answer(case.id, judging(case.facts, case.question, policy)))
        paths = (path.removeprefix(f"{node.path}.") for path in node.unread())
        unread += [path for path in paths if path.rpartition(".")[2] not in _WORDS]
    return Assessed(answers, faults, unread)


def _name(listed: Node) -> str:
    """What a fault calls a case: its place in the file, and its id where it has one."""
    name = listed.value.get("id") if isinstance(listed.value, Mapping) else None
    is_short = isinstance(name, str) and 0 < len(name) <= _LONGEST_ID
    return f"{listed.path} {name}" if is_short else listed.path


def answer_json(answer: Answer) -> Mapping[str, object]:
    """The answer in the shape of what a case expects, with the case's id."""
    verdict = answer.verdict
    period = verdict.period
    return {
        "id": answer.id,
        "qualifying_days": len(verdict.days),
        "period_start": period and period.first.isoformat(),
        "period_end": period and period.last.isoformat(),
        "management_minutes": verdict.management_minutes,
        "billable_codes": [
            {"code": one.code, "units": one.units, "dos": one.dos and one.dos.isoformat()}
            for one in verdict.billable
        ],
        "blocked_codes": [{"code": one.code, "reason": one.reason} for one in verdict.blocked],
        "excluded_events": dict(sorted(Counter(why for _, why in verdict.excluded).items())),
    }
