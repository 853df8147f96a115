import ast
import re
from importlib import import_module
from pathlib import Path

from gateway.doctor.checks import CHECKS, ROUND_TRIP
from gateway.links.ladder import WORDS
from gateway.logs.ring import FACTS
from gateway.sessions import FAILURES
from gateway.signals.lights import Light

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "operations.md").read_text()
LEVELS = {"debug", "info", "warning", "error", "critical", "exception"}
COMPUTED = {
    "gateway/sessions.py": {name for _, name in FAILURES},
    "gateway/links/ladder.py": {words.event for words in WORDS.values()},
}


def rows(head):
    """The names in the first column of every table whose first column is headed so."""
    tables = re.findall(rf"^\| {head} \|.*\n\|[-|]+\n((?:\|.*\n?)+)", PAGE, re.MULTILINE)
    firsts = [row.split("|")[1] for table in tables for row in table.splitlines()]
    return [name for first in firsts for name in re.findall("`(.+?)`", first)]


def is_logged(node):
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in LEVELS
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id == "log"
    )


def find_events(path):
    """What a module logs: literally, by a constant of its own, or else as COMPUTED says."""
    where = path.relative_to(ROOT)
    for node in ast.walk(ast.parse(path.read_text())):
        if not is_logged(node):
            continue
        match node.args[0]:
            case ast.Constant(value=event):
                yield event
            case ast.Name(id=name) if name.isupper():
                yield getattr(import_module(".".join(where.with_suffix("").parts)), name)
            case _:
                yield from COMPUTED[str(where)]


def logged():
    modules = [*(ROOT / "gateway").rglob("*.py"), *(ROOT / "uplink").rglob("*.py")]
    return {event for module in modules for event in find_events(module)}


def test_every_event_of_the_log_is_explained_once_and_no_other():
    explained = rows("event")
    assert len(explained) == len(set(explained))
    assert set(explained) == logged()


def test_of_every_event_it_is_decided_what_of_it_support_may_see():
    assert set(FACTS) == set(rows("event"))


def test_every_line_of_the_doctor_is_explained_once_and_in_its_order():
    assert rows("line") == [check.name for check in (*CHECKS, ROUND_TRIP)]


def test_every_light_is_explained_in_the_order_in_which_they_are_shown():
    assert rows("light") == [light.value for light in Light]
