"""Constraints of a study: `min_hold_s <= max_hold_s`, `max_drawdown_mtm_pct <= 20`.

A constraint compares arithmetic over parameter names, metric names and numbers. It is parsed into a
small tree and walked, never executed as Python. One over parameters alone is judged before a trial is
simulated; one that names a metric is judged after.

A comparison with a parameter that is switched off (`none`) holds: there is nothing to break. A
comparison with an undefined metric does not hold: nobody can show that it does.
"""

from __future__ import annotations

import ast
import functools
import operator
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from arbkit._typing import FloatArray
from arbkit.errors import ConfigError, nearest_names

__all__ = ["Constraint", "parse_constraint"]

_ARITHMETIC: Final[dict[type[ast.operator], Callable[[Any, Any], Any]]] = {
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

    def violations(self, columns: Mapping[str, Any]) -> FloatArray:
        """Return by how much the constraint is broken in each row: zero or less means that it holds.

        Args:
            columns: float64 (n,) for every name in `names`; NaN is switched off, or undefined.

        Returns:
            float64 (n,); never NaN.
        """
        with np.errstate(invalid="ignore", over="ignore"):
            numbers = [_number(node, columns) for node in (self.tree.left, *self.tree.comparators)]
            pairs = zip(numbers, self.tree.ops, numbers[1:], strict=False)
            worst = functools.reduce(np.maximum, [_excess(left, op, right) for left, op, right in pairs])
        shape = np.broadcast_shapes(*(np.shape(columns[name]) for name in self.names), np.shape(worst))
        found = np.where(np.isnan(worst), 1.0, worst) * np.ones(shape)
        for name in self.names - self.metrics:
            found = np.where(np.isnan(columns[name]), -1.0, found)
        for name in self.metrics:
            found = np.where(np.isnan(columns[name]), 1.0, found)
        return found

    def violation(self, values: Mapping[str, Any]) -> float:
        """Return the same for one row.

        Args:
            values: a number or None (switched off, or undefined) for every name in `names`.
        """
        row = {name: np.array([np.nan if values[name] is None else values[name]]) for name in self.names}
        return float(np.ravel(self.violations(row))[0])


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


def _number(node: ast.expr, columns: Mapping[str, Any]) -> Any:
    if isinstance(node, ast.Name):
        return np.asarray(columns[node.id], np.float64)
    if isinstance(node, ast.BinOp):
        left, right = _number(node.left, columns), _number(node.right, columns)
        if isinstance(node.op, ast.Div):
            right = np.where(right == 0, np.nan, right)
        return _ARITHMETIC[type(node.op)](left, right)
    if isinstance(node, ast.UnaryOp):
        sign = -1.0 if isinstance(node.op, ast.USub) else 1.0
        return sign * _number(node.operand, columns)
    assert isinstance(node, ast.Constant)
    return np.float64(node.value)  # type: ignore[arg-type]  # checked by _collect when parsed


def _excess(left: Any, op: ast.cmpop, right: Any) -> Any:
    """How far one comparison is from holding; above zero it does not hold."""
    excess = right - left if isinstance(op, (ast.Gt, ast.GtE)) else left - right
    return np.where(excess == 0, _TIE, excess) if isinstance(op, (ast.Lt, ast.Gt)) else excess


def _refused(text: str, reason: str) -> ConfigError:
    return ConfigError(
        "a constraint must be a comparison over parameter or metric names, such as "
        f"`min_hold_s <= max_hold_s`; {reason}, was {text!r}"
    )
