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
UNIT_TESTS = ("codes", "found", "intervals", "periods", "rule_sets", "sifting", "told", "unsettled")


class Substitute(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Import this tree under that module's name."""

    def __init__(self, module, path, tree):
        self.module, self.path = module, path
        self.code = compile(tree, str(path), "exec")

    def find_spec(self, fullname, path=None, target=None):
        if fullname != self.module:
            return None
        return importlib.util.spec_from_loader(fullname, self, origin=str(self.path))

    def exec_module(self, module):
        module.__file__ = str(self.path)
        exec(self.code, module.__dict__)


def is_killed(module, path, tree, known):
    """Whether anything fails under the change. `known` are (case, policy, answer)."""
    sys.meta_path.insert(0, Substitute(module, path, tree))
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
