"""Every small change to a module, by its syntax tree."""

from __future__ import annotations

import ast
import copy
from typing import NamedTuple

COMPARED = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
COMPUTED = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Add,
    ast.FloorDiv: ast.Mult,
    ast.BitOr: ast.BitAnd,
    ast.BitAnd: ast.BitOr,
}
NAMED = {"min": "max", "max": "min", "any": "all", "all": "any"}
UNMUTATED = ("annotation", "returns", "decorator_list")


class Change(NamedTuple):
    """A module's tree with one thing changed; `was` and `now` are that thing as source."""

    line: int
    was: str
    now: str
    tree: ast.Module


def every_change(source):
    """Yield each change of a module's source, in the order of the source."""
    tree = ast.parse(source)
    for path, node in _walk(tree, ()):
        for new in _alternatives(node):
            changed = copy.deepcopy(tree)
            _replace(changed, path, ast.copy_location(new, node))
            ast.fix_missing_locations(changed)
            shown = _shown(tree, path)
            was, now = (ast.unparse(_at(one, shown)) for one in (tree, changed))
            yield Change(node.lineno, was, now, changed)


def _walk(node, path):
    """Yield every expression and statement that runs, with the way to it."""
    for field, value in ast.iter_fields(node):
        if field in UNMUTATED or isinstance(node, ast.Assert):
            continue
        if isinstance(node, ast.ClassDef) and field == "keywords":
            continue  # frozen or not: how a value is kept is no rule
        for at, child in enumerate(value) if isinstance(value, list) else ((None, value),):
            if isinstance(child, ast.AST):
                here = (*path, (field, at))
                if isinstance(child, ast.expr | ast.stmt):
                    yield here, child
                yield from _walk(child, here)


def _at(tree, path):
    node = tree
    for field, at in path:
        node = getattr(node, field) if at is None else getattr(node, field)[at]
    return node


def _shown(tree, path):
    """The way to what is shown of a change: of a number, the expression that it stands in."""
    while isinstance(_at(tree, path), ast.Constant | ast.UnaryOp):
        if not isinstance(_at(tree, path[:-1]), ast.expr | ast.keyword):
            break
        path = path[:-1]
    return path


def _replace(tree, path, new):
    node = _at(tree, path[:-1])
    field, at = path[-1]
    if at is None:
        setattr(node, field, new)
    else:
        getattr(node, field)[at] = new


def _alternatives(node):
    for kind, change in CHANGES.items():
        if isinstance(node, kind):
            yield from change(node)


def _compare(node):
    for at, operator in enumerate(node.ops):
        for other in COMPARED[type(operator)]:
            ops = [*node.ops[:at], other(), *node.ops[at + 1 :]]
            yield ast.Compare(node.left, ops, node.comparators)


def _bool_op(node):
    other = ast.Or() if isinstance(node.op, ast.And) else ast.And()
    yield ast.BoolOp(other, node.values)
    for at in range(len(node.values)):
        left = [*node.values[:at], *node.values[at + 1 :]]
        yield left[0] if len(left) == 1 else ast.BoolOp(node.op, left)


def _unary(node):
    if isinstance(node.op, ast.Not):
        yield node.operand


def _constant(node):
    if isinstance(node.value, bool):
        yield ast.Constant(not node.value)
    elif isinstance(node.value, int):
        yield ast.Constant(node.value + 1)
        yield ast.Constant(node.value - 1)


def _bin_op(node):
    if type(node.op) in COMPUTED:
        yield ast.BinOp(node.left, COMPUTED[type(node.op)](), node.right)


def _call(node):
    if isinstance(node.func, ast.Name) and node.func.id in NAMED:
        yield ast.Call(ast.Name(NAMED[node.func.id], ast.Load()), node.args, node.keywords)


def _return(node):
    if node.value is not None and not _is_none(node.value):
        yield ast.Return(ast.Constant(None))


def _if(node):
    for fixed in (True, False):
        yield ast.If(ast.Constant(fixed), node.body, node.orelse)


def _if_exp(node):
    yield node.body
    yield node.orelse


def _comprehension(node):
    for at, made in enumerate(node.generators):
        for n in range(len(made.ifs)):
            fewer = copy.deepcopy(node)
            del fewer.generators[at].ifs[n]
            yield fewer


def _statement(node):
    """A statement that is left out; never a docstring."""
    if not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)):
        yield ast.Pass()


def _is_none(node):
    return isinstance(node, ast.Constant) and node.value is None


CHANGES = {
    ast.Compare: _compare,
    ast.BoolOp: _bool_op,
    ast.UnaryOp: _unary,
    ast.Constant: _constant,
    ast.BinOp: _bin_op,
    ast.Call: _call,
    ast.Return: _return,
    ast.If: _if,
    ast.IfExp: _if_exp,
    (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp): _comprehension,
    (ast.Expr, ast.AugAssign): _statement,
}
