"""One changed module held against cases, histories and unit tests, in a process of its own."""

from __future__ import annotations

import contextlib
import importlib.abc
import importlib.util
import os
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent.parent
UNIT_TESTS = (
    "codes",
    "found",
    "intervals",
    "periods",
    "rows",
    "rule_sets",
    "sifting",
    "told",
    "unsettled",
    "years",
)


RULES = HERE.parent.parent.parent / "backend" / "billing"


class Substitute(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Import these codes, by the modules' names; each is compiled once for all trials."""

    def __init__(self, codes):
        self.codes = codes

    def find_spec(self, fullname, path=None, target=None):
        if fullname not in self.codes:
            return None
        origin = self.codes[fullname].co_filename
        return importlib.util.spec_from_loader(fullname, self, origin=origin)

    def exec_module(self, module):
        module.__file__ = module.__spec__.origin
        exec(self.codes[module.__name__], module.__dict__)


def compile_rules():
    """The code of every module of the rules, unchanged, by its name."""
    modules = {f"backend.billing.{path.stem}": path for path in RULES.glob("[a-z]*.py")}
    return {name: compile(path.read_text(), str(path), "exec") for name, path in modules.items()}


def is_killed(codes, known):
    """Whether anything fails with these codes as the rules. `known` are (case, policy, answer)."""
    sys.meta_path.insert(0, Substitute(codes))
    with (
        Path(os.devnull).open("w") as nowhere,
        contextlib.redirect_stdout(nowhere),
        contextlib.redirect_stderr(nowhere),
    ):
        return _is_answer_changed(known) or _is_unit_test_failing()


def _is_answer_changed(known):
    try:
        from tests.backend.billing.naive.compare import by_rules  # noqa: PLC0415  after the change

        for case, policy, answer in known:
            found = by_rules(case, policy)
            if any(found[key] != value for key, value in answer.items()):
                return True
    except Exception:  # noqa: BLE001  a change that breaks it is found
        return True
    return False


def _is_unit_test_failing():
    files = [str(HERE / f"test_{name}.py") for name in UNIT_TESTS]
    return pytest.main(["-x", "-q", "--noconftest", "-p", "no:xdist", *files]) != 0
