"""Constraints of a study: `min_hold_s <= max_hold_s`, `max_drawdown_mtm_pct <= 20`.

A constraint compares arithmetic over parameter names, metric names and numbers. It is parsed into a
small tree and walked, never executed as Python. One over parameters alone is judged before a trial is
simulated; one that names a metric is judged after.

A comparison with a parameter that is switched off (`none`) holds: there is nothing to break. A
comparison with an undefined metric does not hold: nobody can show that it does.
"""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from arbkit.errors import ConfigError, nearest_names

__all__ = ["Constraint", "parse_constraint"]

_ARITHMETIC: Final[dict[type[ast.operator], Callable[[float, float], float]]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}
#: What a violated strict comparison on an exact tie counts as: anything above zero says "infeasible".
_TIE: Final = 1e-12


@dataclass(frozen=True)
class Constraint:
    """One parsed constraint.

    `text` is as written in the spec, `names` the parameters and metrics it reads, `on_metrics` tells
    whether it can only be judged after the simulation.
    """

    text: str
    tree: ast.Compare
    names: frozenset[str]
    metrics: frozenset[str]

    @property
    def on_metrics(self) -> bool:
        """Whether the constraint reads a metric."""
        return bool(self.metrics)

    def violation(self, values: Mapping[str, Any]) -> float:
        """Return by how much the constraint is broken: zero or less means that it holds.

        Args:
            values: a number or None (switched off, or undefined) for every name in `names`.
        """
        if any(values[name] is None for name in self.metrics):
            return 1.0
        if any(values[name] is None for name in self.names):
            return -1.0
        numbers = [_number(node, values) for node in (self.tree.left, *self.tree.comparators)]
        pairs = zip(numbers, self.tree.ops, numbers[1:], strict=False)
        worst = max(_excess(left, op, right) for left, op, right in pairs)
        return 1.0 if math.isnan(worst) else worst


def parse_constraint(text: str, parameters: Iterable[str], metrics: Iterable[str]) -> Constraint:
    """Parse one constraint.

    Args:
        text: a comparison such as "min_hold_s <= max_hold_s" or "1 <= total_trades".
        parameters: the parameter names that may be read.
        metrics: the metric names that may be read.

    Raises:
        ConfigError: for anything but comparisons and arithmetic over those names and numbers.
    """
    try:
        body = ast.parse(text.strip(), mode="eval").body
    except SyntaxError as error:
        raise _refused(text, f"it does not parse: {error.msg}") from error
    if not isinstance(body, ast.Compare):
        raise _refused(text, "it must compare two sides with <=, <, >= or >")
    known_parameters, known_metrics = frozenset(parameters), frozenset(metrics)
    for op in body.ops:
        if not isinstance(op, (ast.Lt, ast.LtE, ast.Gt, ast.GtE)):
            raise _refused(text, "it may compare with <=, <, >= and > only")
    names: set[str] = set()
    for node in (body.left, *body.comparators):
        _collect(node, text, names)
    for name in sorted(names - known_parameters - known_metrics):
        raise _refused(
            text, f"unknown name `{name}`; {nearest_names(name, known_parameters | known_metrics)}"
        )
    return Constraint(text.strip(), body, frozenset(names), frozenset(names & known_metrics))


def _collect(node: ast.expr, text: str, names: set[str]) -> None:
    if isinstance(node, ast.Name):
        names.add(node.id)
    elif isinstance(node, ast.BinOp) and type(node.op) in _ARITHMETIC:
        _collect(node.left, text, names)
        _collect(node.right, text, names)
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.USub, ast.UAdd)):
        _collect(node.operand, text, names)
    elif not (isinstance(node, ast.Constant) and type(node.value) in (int, float)):
        raise _refused(
            text, f"only names, numbers, + - * / and comparisons may be used, not `{ast.unparse(node)}`"
        )


def _number(node: ast.expr, values: Mapping[str, Any]) -> float:
    if isinstance(node, ast.Name):
        return float(values[node.id])
    if isinstance(node, ast.BinOp):
        left, right = _number(node.left, values), _number(node.right, values)
        if isinstance(node.op, ast.Div) and right == 0:
            return math.nan
        return _ARITHMETIC[type(node.op)](left, right)
    if isinstance(node, ast.UnaryOp):
        sign = -1.0 if isinstance(node.op, ast.USub) else 1.0
        return sign * _number(node.operand, values)
    assert isinstance(node, ast.Constant)
    return float(node.value)  # type: ignore[arg-type]  # checked by _collect when parsed


def _excess(left: float, op: ast.cmpop, right: float) -> float:
    """How far one comparison is from holding; above zero it does not hold."""
    excess = right - left if isinstance(op, (ast.Gt, ast.GtE)) else left - right
    if excess == 0 and isinstance(op, (ast.Lt, ast.Gt)):
        return _TIE
    return excess


def _refused(text: str, reason: str) -> ConfigError:
    return ConfigError(
        "a constraint must be a comparison over parameter or metric names, such as "
        f"`min_hold_s <= max_hold_s`; {reason}, was {text!r}"
    )
