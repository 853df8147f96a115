"""What a driver's modules reach for, told by their source: nothing of it is run."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

OURS = "drivers"
SPI = "drivers.spi"
FORBIDDEN = {
    "asyncio",
    "logging",
    "multiprocessing",
    "select",
    "selectors",
    "signal",
    "socket",
    "sqlite3",
    "ssl",
    "subprocess",
    "threading",
    "time",
}
CLOCKS = {"now", "utcnow", "today"}


def find_strangers(module: str) -> Iterator[str]:
    """What is amiss in the module and in those of its package that it imports."""
    package = module.partition(".")[0]
    waiting, seen = [module], {module}
    while waiting:
        name = waiting.pop()
        tree = _parse(name)
        if tree is None:
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and node.attr in CLOCKS:
                yield f"{name}, line {node.lineno}: asks for the time by {node.attr}"
            for imported in _imported(node, name):
                top = imported.partition(".")[0]
                if top == package:
                    if imported not in seen:
                        seen.add(imported)
                        waiting.append(imported)
                elif not _is_allowed(imported):
                    yield f"{name} imports {imported}"


def _is_allowed(name: str) -> bool:
    top = name.partition(".")[0]
    if top == OURS:
        return name == SPI or name.startswith(f"{SPI}.")
    return top in sys.stdlib_module_names and top not in FORBIDDEN


def _imported(node: ast.AST, within: str) -> Iterator[str]:
    """Modules, and names of a package that may be modules."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        spec = find_spec(within)
        package = within if spec and spec.submodule_search_locations else within.rpartition(".")[0]
        parents = package.split(".")[: len(package.split(".")) - node.level + 1]
        module = ".".join([*parents, node.module or ""]) if node.level else node.module or ""
        for alias in node.names:
            inner = f"{module.rstrip('.')}.{alias.name}"
            is_module = module in {OURS, within.partition(".")[0]} or node.level
            yield inner if is_module and _parse(inner) else module.rstrip(".")


def _parse(name: str) -> ast.Module | None:
    try:
        spec = find_spec(name)
    except (ImportError, ValueError):
        return None
    if spec is None or spec.origin is None or not spec.origin.endswith(".py"):
        return None
    return ast.parse(Path(spec.origin).read_bytes())
