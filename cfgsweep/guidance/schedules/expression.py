"""A schedule by an expression, `schedule: {expression: "value * sin(pi * u)"}`, and its safe evaluation.

simpleeval computes it. Here is checked before that the expression has numbers, known names and functions, and
arithmetic, and nothing else: no attributes, no indices, no texts. Every number is a float, so that powers end.
"""

from __future__ import annotations

import ast
import functools
import math
import operator
import warnings
from collections.abc import Mapping, Sequence
from typing import Any, Self

from pydantic import Field, model_validator
from simpleeval import SimpleEval

from cfgsweep.errors import UserError, did_you_mean
from cfgsweep.guidance.schedules.base import Schedule, progress

LONGEST = 500  # characters
DEEPEST = 60  # levels
NAMES = ("u", "step", "steps", "sigma", "value", "pi")
FUNCTIONS: dict[str, Any] = {
    **{name: getattr(math, name) for name in ("sin", "cos", "exp", "log", "sqrt")},
    **{"abs": abs, "min": min, "max": max},
}
ARGUMENTS: dict[str, Sequence[int]] = {"log": (1, 2), "min": range(2, 100), "max": range(2, 100)}  # others have one
OPERATORS: dict[type[ast.AST], Any] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: math.pow,
    ast.UAdd: operator.pos,
    ast.USub: operator.neg,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}
PARTS = (ast.Expression, ast.BinOp, ast.UnaryOp, ast.Compare, ast.IfExp, ast.Call, ast.Name, ast.Load, ast.Constant)
ALLOWED = f"numbers, {', '.join(NAMES)}, {', '.join(FUNCTIONS)}, + - * / // % **, and `a if u < 0.5 else b`"


class Expression(Schedule):
    """Any formula of the step, in the arithmetic of Python.

    u is 0 at the first step and 1 at the last, step counts from 0, steps is how many are taken, sigma is the noise
    level sigma / alpha before the step, value is the sweep's `value`. Without `value` in it, the expression is the
    scale itself.
    """

    name = "expression"
    formula = "the expression of u, step, steps, sigma, value, pi; with sin cos exp log sqrt abs min max"
    shorthand = "expression"
    expression: str = Field(min_length=1, max_length=LONGEST, description='such as "value * sin(pi * u)"')

    @model_validator(mode="after")
    def _can_be_evaluated(self) -> Self:
        names = _names(self.expression)
        if self.max_val is not None and not self.match_mean and "value" not in names:
            hint = "write `value` where it belongs, or leave out max_val"
            raise UserError("nothing is done with max_val", given=self.expression, hint=hint)
        return self

    @classmethod
    def example(cls, steps: int) -> Self:
        return cls(expression="value * sin(pi * u)")

    @property
    def needs_sigma(self) -> bool:
        return "sigma" in _names(self.expression)

    @property
    def uses_value(self) -> bool:
        return self.match_mean or "value" in _names(self.expression)

    def own_value(self) -> float | None:
        return self.max_val if self.uses_value else 1.0

    def shape_at(self, value: float, steps: int, sigmas: Sequence[float]) -> list[float]:
        names = {"value": float(value), "steps": float(steps), "pi": math.pi}
        levels = sigmas or [math.nan] * steps
        places = enumerate(zip(progress(steps), levels, strict=True))
        return [self._number({**names, "step": float(step), "u": u, "sigma": sigma}) for step, (u, sigma) in places]

    def _number(self, names: Mapping[str, float]) -> float:
        """The number at one step. Raises UserError where there is none."""
        where = f"at step {names['step']:g} of {names['steps']:g}"
        try:
            found = _evaluator(names).eval(self.expression, previously_parsed=_parsed(self.expression).body)
            number = float(found)
        except (ArithmeticError, ValueError) as error:  # such as log(0)
            raise UserError(f"the expression has no value {where}: {error}", given=self.expression) from None
        if not math.isfinite(number):
            given = {key: names[key] for key in NAMES if key in _names(self.expression) and key != "pi"}
            hint = f"there, {', '.join(f'{key} is {one:g}' for key, one in given.items())}" if given else ""
            raise UserError(f"the expression is {number} {where}", given=self.expression, hint=hint)
        return number


def _evaluator(names: Mapping[str, float]) -> SimpleEval:
    return SimpleEval(operators=OPERATORS, functions=FUNCTIONS, names=dict(names))


@functools.lru_cache(maxsize=1024)
def _names(text: str) -> frozenset[str]:
    """The names in an expression. Raises UserError where it is none, or has something else than it may have."""
    return frozenset(node.id for node in ast.walk(_parsed(text)) if isinstance(node, ast.Name) and node.id in NAMES)


@functools.lru_cache(maxsize=1024)
def _parsed(text: str) -> ast.Expression:
    try:
        with warnings.catch_warnings(action="ignore"):  # of what could be meant, such as `1if u else 2`
            tree = ast.parse(text.strip(), mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        place = f", at character {error.offset}" if isinstance(error, SyntaxError) and error.offset else ""
        raise UserError(f"not an expression{place}", given=text, allowed=ALLOWED) from None
    _check_depth(tree, text)
    called = {id(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    for node in ast.walk(tree):
        _check(node, id(node) in called, text)
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant):
            node.value = float(node.value)  # type: ignore[arg-type]  # as `_check` has seen to
    return tree


def _check_depth(tree: ast.AST, text: str) -> None:
    """Raises UserError where an expression is nested too deeply to be evaluated."""
    level, depth = [tree], 0
    while level := [child for node in level for child in ast.iter_child_nodes(node)]:
        depth += 1
        if depth > DEEPEST:
            raise UserError("an expression nested too deeply", given=text, allowed=f"{DEEPEST} levels")


def _check(node: ast.AST, called: bool, text: str) -> None:
    """Raises UserError where a part of an expression is not allowed."""
    if isinstance(node, ast.Name):
        known = FUNCTIONS if called else NAMES
        if node.id not in known:
            kind = "function" if called else "name"
            swapped = f"{node.id!r} is a function: {node.id}(…)" if node.id in FUNCTIONS else ""
            hint = swapped or did_you_mean(node.id, known)
            raise _error(f"unknown {kind} {node.id!r} in the expression", node, text, hint)
    elif isinstance(node, ast.Constant):
        if type(node.value) not in (int, float) or not abs(node.value) <= 1e300:  # type: ignore[arg-type]
            raise _error("not a number of an expression", node, text)
    elif isinstance(node, ast.Call):
        counts = ARGUMENTS.get(node.func.id, (1,)) if isinstance(node.func, ast.Name) else ()
        if node.keywords or len(node.args) not in counts:
            raise _error("not a call of a function with its number of arguments", node, text)
    elif not isinstance(node, PARTS) and type(node) not in OPERATORS:
        raise _error("not a part of an expression", node, text)


def _error(problem: str, node: ast.AST, text: str, hint: str = "") -> UserError:
    place = f", at character {node.col_offset + 1}" if hasattr(node, "col_offset") else ""
    return UserError(problem + place, given=text, allowed=ALLOWED, hint=hint)
