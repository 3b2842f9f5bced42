r"""A bound, written once.

``Formula("rho**t * size + geom(rho, t) * xi")`` is parsed into a small tree from a closed grammar: names, numbers,
``+ - * / **``, unary minus and the functions of ``FUNCTIONS``. Nothing is ever evaluated as code. From the tree come
the value on arrays of any backend, the enclosure on :class:`~verify.core.enclosure.Enclosure` arguments, the ball
arithmetic of a recheck (python-flint), SymPy's expression and the LaTeX of a page, and the wording of a document
(:meth:`Formula.where`).
"""

from __future__ import annotations

import ast
import math
import sys
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property, lru_cache
from typing import Any

from verify.core.arrays import Array, eps, is_array, namespace
from verify.core.enclosure import Enclosure, around_underflow, enclose, once


class FormulaError(ValueError):
    """The text is not a formula of the grammar; the message names the part that is not."""


@dataclass(frozen=True)
class Function:
    """One function of the grammar: on arrays, on enclosures, in ball arithmetic, in SymPy."""

    arity: int
    array: Callable[..., Any]
    enclosure: Callable[..., Enclosure]
    ball: Callable[..., Any]
    sympy: Callable[..., Any]
    meaning: str


def _geom(rho: Array, t: Any) -> Array:
    """1 + rho + ... + rho^(t-1), accurate for rho near 1; rho >= 0; one of the two may be a number."""
    xp = namespace(rho, t)
    if not is_array(rho):
        rho = xp.full_like(t, float(rho))
    one = xp.ones_like(rho)
    near = rho == one
    x = xp.where(near, 0.5 * one, rho)
    zero = x <= 0
    safe = xp.where(zero, 0.5 * one, x)
    small = safe < 0.5
    logarithm = xp.where(small, xp.log(safe), xp.log1p(xp.where(small, -0.5 * one, safe - 1)))
    terms = -xp.expm1(t * logarithm) / (1 - safe)
    count = t * one
    at_zero = xp.where(count >= 1, xp.ones_like(count), count)
    out = xp.where(near, count, xp.where(zero, at_zero, terms))
    return xp.where(rho < 0, xp.full_like(out, xp.nan), out)


def _geom_enclosure(rho: Enclosure, t: Enclosure) -> Enclosure:
    xp, geom = namespace(rho.value), once(_geom)
    low, high = geom(rho.lower, t.lower), geom(rho.upper, t.upper)
    # A relative error of t log(rho) is one of its exponential t log(rho) times as large.
    growth = t.upper * xp.log(xp.maximum(rho.upper, xp.ones_like(rho.upper)))
    slack = 4 * eps(rho.value) * (2 + growth)
    return Enclosure(geom(rho.value, t.value), low - slack * low, high + slack * high)._outward().defined


def _geom_ball(rho: Any, t: Any) -> Any:
    from flint import arb

    total, power = arb(0), arb(1)
    for _ in range(int(t.unique_fmpz())):
        total, power = total + power, power * rho
    return total


def _geom_sympy(rho: Any, t: Any) -> Any:
    return (1 - rho**t) / (1 - rho)


def _clip_monotone(f: str) -> Callable[[Enclosure], Enclosure]:
    """A monotone function of a nonnegative argument; an end below 0 is NaN, so the outcome is undecided."""

    def enclosure(x: Enclosure) -> Enclosure:
        return x.monotone(getattr(namespace(x.value), f))

    return enclosure


def _exp_enclosure(x: Enclosure) -> Enclosure:
    xp = namespace(x.value)
    one, exp = xp.ones_like(x.value), once(xp.exp)
    low, high = around_underflow(exp(x.lower), one)[0], around_underflow(exp(x.upper), one)[1]
    return Enclosure(exp(x.value), low, high)._outward()


def _pairwise(f: str) -> Callable[[Any, Any], Any]:
    def array(a: Any, b: Any) -> Any:
        like, number = (a, b) if is_array(a) else (b, a)
        if not is_array(like):
            return max(a, b) if f == "maximum" else min(a, b)
        xp = namespace(like)
        if is_array(number):
            return getattr(xp, f)(a, b)
        if isinstance(number, float) and xp.isdtype(like.dtype, "integral"):
            like = xp.astype(like, xp.float64)
        return getattr(xp, f)(like, xp.full_like(like, number))

    return array


def _pairwise_enclosure(f: str) -> Callable[[Enclosure, Enclosure], Enclosure]:
    def enclosure(a: Enclosure, b: Enclosure) -> Enclosure:
        pick = once(_pairwise(f))
        return Enclosure(pick(a.value, b.value), pick(a.lower, b.lower), pick(a.upper, b.upper))

    return enclosure


def _abs_enclosure(x: Enclosure) -> Enclosure:
    xp = namespace(x.value)
    magnitude = once(xp.abs)
    low, high = magnitude(x.lower), magnitude(x.upper)
    if low is high:
        return Enclosure(magnitude(x.value), low, high)
    least = xp.where((x.lower < 0) & (x.upper > 0), xp.zeros_like(low), xp.minimum(low, high))
    return Enclosure(magnitude(x.value), least, xp.maximum(low, high))


def _elementwise(f: str) -> Callable[[Any], Any]:
    def array(x: Any) -> Any:
        if is_array(x):
            return getattr(namespace(x), f)(x)
        return abs(x) if f == "abs" else getattr(math, f)(x)

    return array


def _sympy(name: str) -> Callable[..., Any]:
    def call(*args: Any) -> Any:
        import sympy

        return getattr(sympy, name)(*args)

    return call


FUNCTIONS = {
    "sqrt": Function(
        1, _elementwise("sqrt"), _clip_monotone("sqrt"), lambda x: x.sqrt(), _sympy("sqrt"), "square root"
    ),
    "exp": Function(1, _elementwise("exp"), _exp_enclosure, lambda x: x.exp(), _sympy("exp"), "exponential"),
    "log": Function(
        1, _elementwise("log"), _clip_monotone("log"), lambda x: x.log(), _sympy("log"), "natural logarithm"
    ),
    "abs": Function(1, _elementwise("abs"), _abs_enclosure, abs, _sympy("Abs"), "magnitude"),
    "max": Function(
        2,
        _pairwise("maximum"),
        _pairwise_enclosure("maximum"),
        lambda a, b: a.max(b),
        _sympy("Max"),
        "larger of the two",
    ),
    "min": Function(
        2,
        _pairwise("minimum"),
        _pairwise_enclosure("minimum"),
        lambda a, b: a.min(b),
        _sympy("Min"),
        "smaller of the two",
    ),
    "geom": Function(
        2,
        _geom,
        _geom_enclosure,
        _geom_ball,
        _geom_sympy,
        "geom(r, t) = 1 + r + ... + r**(t-1), which is t at r = 1",
    ),
}

_OPERATORS: dict[type, Callable[[Any, Any], Any]] = {
    ast.Add: lambda a, b: a + b,
    ast.Sub: lambda a, b: a - b,
    ast.Mult: lambda a, b: a * b,
    ast.Div: lambda a, b: a / b,
    ast.Pow: lambda a, b: a**b,
}


_numbers: dict[tuple[Any, ...], int] = {}  # see Formula._parts


class Common:
    """The parts that ``formulas`` have in common, each computed once for all of them on the same values."""

    def __init__(self, formulas: Iterable[Formula]) -> None:
        self.parts = _common_parts(tuple(formulas))
        self.results: dict[Any, Enclosure] = {}  # by part, rank and dtype


class Formula:
    """A formula of named quantities.

    >>> bound = Formula("2 * eps / sqrt(1 - mu * (4*k - 1))")
    >>> bound.names
    ('eps', 'mu', 'k')
    >>> bound.where(k=1).text
    '2 * eps / sqrt(1 - mu * (4 * 1 - 1))'

    Raises :class:`FormulaError` for anything outside the grammar.
    """

    def __init__(self, text: str):
        try:
            tree = ast.parse(text.strip(), mode="eval").body
            names: dict[str, None] = {}
            _check(tree, names)
        except SyntaxError as error:
            raise FormulaError(f"{text!r} is not a formula: {error.msg}") from error
        except (RecursionError, MemoryError):
            raise FormulaError(f"a formula of {len(text):,} characters is nested too deeply") from None
        self._tree = tree
        self.names = tuple(names)

    @cached_property
    def text(self) -> str:
        """The formula as text of its own grammar."""
        return ast.unparse(self._tree)

    def __repr__(self) -> str:
        return f"Formula({self.text!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Formula) and self.text == other.text

    def __hash__(self) -> int:
        return hash(self.text)

    def __reduce__(self) -> Any:
        return Formula, (self.text,)  # its parts have other numbers in another process

    def where(self, **replacements: float | str | Formula) -> Formula:
        """The formula with names replaced by numbers or formulas: the wording of a document, a mutation.

        Raises :class:`FormulaError` for a name that the formula does not contain.
        """
        unknown = [name for name in replacements if name not in self.names]
        if unknown:
            raise FormulaError(f"{self.text!r} has no {', '.join(unknown)}; it has {', '.join(self.names)}")
        trees = {
            name: (new if isinstance(new, Formula) else Formula(str(new)))._tree for name, new in replacements.items()
        }

        class Replace(ast.NodeTransformer):
            def visit_Name(self, node: ast.Name) -> ast.AST:
                return trees.get(node.id, node)

            def visit_Call(self, node: ast.Call) -> ast.AST:
                return ast.Call(func=node.func, args=[self.visit(a) for a in node.args], keywords=[])

        copy = ast.parse(self.text, mode="eval").body
        return Formula(ast.unparse(ast.fix_missing_locations(Replace().visit(copy))))

    def variants(self, whole_numbers: bool = False, fixed: Collection[str] = ()) -> list[tuple[str, Formula]]:
        """Formulas that a slip of the pen could make of this one, each with what was changed: constants and the whole
        by a tenth up and down (of ``whole_numbers`` by one), exponents by one, a term or a factor dropped, a root
        forgotten, max for min, two names exchanged that are not ``fixed``. No two of them are equal, and none is equal
        to the formula itself.

        >>> [what for what, _ in Formula("2 * a + b").variants()]  # doctest: +ELLIPSIS
        ['all of it times 0.9', 'all of it times 1.1', ..., 'a and b exchanged']
        """
        if whole_numbers:
            whole = [(f"one {word}", f"{self.text} {sign} 1") for word, sign in (("less", "-"), ("more", "+"))]
        else:
            whole = [(f"all of it times {factor}", f"{factor} * ({self.text})") for factor in (0.9, 1.1)]
        found = [(what, Formula(text)) for what, text in whole]
        changed = _changed(self._tree, whole_numbers)
        found += [(what, Formula(ast.unparse(ast.fix_missing_locations(tree)))) for what, tree in changed]
        free = [name for name in self.names if name not in fixed]
        for number, one in enumerate(free):
            for other in free[number + 1 :]:
                found.append((f"{one} and {other} exchanged", self.where(**{one: other, other: one})))
        kept: list[tuple[str, Formula]] = []
        known = [self._probe(self.names)]
        for what, formula in found:
            values = formula._probe(self.names)
            if formula.names and not any(_same(values, other) for other in known):
                known.append(values)
                kept.append((what, formula))
        return kept

    def _probe(self, names: Sequence[str]) -> Any:
        """The values at points of all sizes of the ``names``, NaN where they are no numbers: (64,)."""
        import numpy as np

        points = np.arange(1, 65)
        at = {name: 10 ** (5 * (points * math.sqrt(2 + 3 * number) % 1) - 2) for number, name in enumerate(names)}
        try:
            with np.errstate(all="ignore"):
                values = self(at)
        except (ValueError, ArithmeticError):  # a part without names, such as log(0)
            values = np.nan
        return np.where(np.isfinite(values), values, np.nan) + 0 * points

    def __call__(self, values: Mapping[str, Any]) -> Any:
        """The value on arrays and numbers, as the arithmetic of the arrays gives it (integers stay integers).

        Arrays broadcast with the batch axis first. KeyError for a name that is not in ``values``.
        """
        return self._walk(align({name: values[name] for name in self.names}), "array", None)

    def enclosure(self, values: Mapping[str, Any], like: Array, common: Common | None = None) -> Enclosure:
        """The enclosure of the value: arrays and numbers count as exact, every operation is rounded outwards, and the
        result has the dtype and device of the floating array ``like``. ``common`` are the results of parts that other
        formulas have too; they must be of the same ``values``."""
        used = {name: values[name] for name in self.names}
        sound = {name: v.uncrossed if isinstance(v, Enclosure) else v for name, v in used.items()}
        return enclose(self._walk(align(sound), "enclosure", like, common), like)

    @cached_property
    def _parts(self) -> dict[int, int]:
        """The number of every part that is more than a name or a number, by the node it stands at; a part has one
        number in all formulas."""
        found: dict[int, int] = {}

        def number(node: ast.AST) -> Any:
            if isinstance(node, ast.Name):
                return node.id
            if isinstance(node, ast.Constant):
                return type(node.value), node.value
            if isinstance(node, ast.UnaryOp):
                what: tuple[Any, ...] = (ast.USub, number(node.operand))
            elif isinstance(node, ast.BinOp):
                what = (type(node.op), number(node.left), number(node.right))
            else:
                assert isinstance(node, ast.Call)
                assert isinstance(node.func, ast.Name)
                what = (ast.Call, node.func.id, *map(number, node.args))
            found[id(node)] = _numbers.setdefault(what, len(_numbers))
            return found[id(node)]

        number(self._tree)
        return found

    def ball(self, values: Mapping[str, Any]) -> Any:
        """The ball (python-flint ``arb``) that contains the value; arguments are numbers, fractions or balls."""
        return self._walk({name: as_ball(values[name]) for name in self.names}, "ball", None)

    def sympy(self) -> Any:
        """SymPy's expression; every name is a positive symbol."""
        import sympy

        return self._walk({name: sympy.Symbol(name, positive=True) for name in self.names}, "sympy", None)

    def latex(self, symbols: Mapping[str, str] | None = None) -> str:
        """LaTeX that GitHub renders; ``symbols`` maps names to LaTeX."""
        import sympy

        expression = self.sympy()
        names = {sympy.Symbol(n, positive=True): s for n, s in (symbols or {}).items()}
        return sympy.latex(expression, symbol_names=names, order="none").replace(r"\operatorname", r"\mathrm")

    def _walk(self, values: Mapping[str, Any], mode: str, like: Any, common: Common | None = None) -> Any:
        # A part that was padded to another rank, or computed in another dtype, is another result.
        rank = max((v.ndim for v in values.values() if isinstance(v, Enclosure) or is_array(v)), default=0)

        def visit(node: ast.AST) -> Any:
            if isinstance(node, ast.Name):
                return values[node.id]
            if isinstance(node, ast.Constant):
                return _number(node.value, mode)
            if common is None or (part := self._parts[id(node)]) not in common.parts:
                return compute(node)
            key = part, rank, like.dtype
            if key not in common.results:
                common.results[key] = compute(node)
            return common.results[key]

        def compute(node: ast.AST) -> Any:
            if isinstance(node, ast.UnaryOp):
                return -visit(node.operand)
            if isinstance(node, ast.BinOp):
                left, right = visit(node.left), visit(node.right)
                if mode == "enclosure":  # never array-op-enclosure: array libraries would take it apart
                    left = enclose(left, like)
                    right = right if isinstance(node.op, ast.Pow) else enclose(right, like)
                return _OPERATORS[type(node.op)](left, right)
            assert isinstance(node, ast.Call)
            assert isinstance(node.func, ast.Name)
            function = FUNCTIONS[node.func.id]
            args = [visit(a) for a in node.args]
            if mode == "enclosure":
                return function.enclosure(*(enclose(a, like) for a in args))
            return getattr(function, mode)(*args)

        return visit(self._tree)


@lru_cache(maxsize=256)
def _common_parts(formulas: tuple[Formula, ...]) -> frozenset[int]:
    """The numbers of the parts that formulas ask for more than once, when none is computed twice."""
    asked: Counter[int] = Counter()

    def visit(formula: Formula, node: ast.AST) -> None:
        if (part := formula._parts.get(id(node))) is not None:
            asked[part] += 1
        if part is None or asked[part] == 1:
            for child in ast.iter_child_nodes(node):
                visit(formula, child)

    for formula in formulas:
        visit(formula, formula._tree)
    return frozenset(part for part, times in asked.items() if times > 1)


def as_ball(x: Any) -> Any:
    """A number, a fraction or a ball as a ball."""
    from flint import arb, fmpq

    return arb(fmpq(x.numerator, x.denominator)) if isinstance(x, Fraction) else arb(x)


def align(values: Mapping[str, Any]) -> dict[str, Any]:
    """Quantities with trailing axes of length 1 added, so that (B,) and (B, T) broadcast batch against batch."""
    ranks = {v.ndim for v in values.values() if isinstance(v, Enclosure) or is_array(v)}
    if len(ranks) < 2:
        return dict(values)
    rank = max(ranks)

    def pad(v: Any) -> Any:
        if isinstance(v, Enclosure):
            return v.each(pad)
        if not is_array(v):
            return v
        return namespace(v).reshape(v, v.shape + (1,) * (rank - v.ndim))

    return {name: pad(v) for name, v in values.items()}


def _same(values: Any, others: Any) -> bool:
    """Whether two formulas agree to twelve digits where they were probed, and are numbers there."""
    import numpy as np

    return bool(np.isfinite(values).any() and np.allclose(values, others, rtol=1e-12, atol=0, equal_nan=True))


def _changed(tree: ast.expr, whole_numbers: bool) -> list[tuple[str, ast.expr]]:
    """What one change anywhere in the tree makes of it, with words for the change."""
    found = _slips(tree, whole_numbers)
    for name, value in ast.iter_fields(tree):
        for place, child in enumerate(value if isinstance(value, list) else [value]):
            if not isinstance(child, ast.expr) or name == "func":
                continue
            for what, new in _changed(child, whole_numbers):
                whole = [*value[:place], new, *value[place + 1 :]] if isinstance(value, list) else new
                fields = {**dict(ast.iter_fields(tree)), name: whole}
                found.append((what, type(tree)(**fields)))
    return found


def _slips(node: ast.expr, whole_numbers: bool) -> list[tuple[str, ast.expr]]:
    """What may be put in the place of one node."""
    text = ast.unparse(node)
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float) and node.value:
        if whole_numbers:
            return [
                (f"{text + step} for {text}", ast.Constant(node.value + by)) for step, by in ((" - 1", -1), (" + 1", 1))
            ]
        return [(f"{text} times {factor}", ast.Constant(node.value * factor)) for factor in (0.9, 1.1)]
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        other = {"max": "min", "min": "max"}.get(node.func.id)
        if other:
            return [(f"{other} for {text}", ast.Call(ast.Name(other), node.args, []))]
        if node.func.id == "sqrt":
            return [(f"the root of {text} forgotten", node.args[0])]
    if isinstance(node, ast.BinOp):
        left, right = ast.unparse(node.left), ast.unparse(node.right)
        if isinstance(node.op, ast.Add):
            return [(f"{left} dropped from {text}", node.right), (f"{right} dropped from {text}", node.left)]
        if isinstance(node.op, ast.Sub):
            flipped = ast.BinOp(node.left, ast.Add(), node.right)
            return [(f"{right} dropped from {text}", node.left), (f"the sign of {right} in {text}", flipped)]
        if isinstance(node.op, ast.Mult):
            return [(f"{left} dropped from {text}", node.right), (f"{right} dropped from {text}", node.left)]
        if isinstance(node.op, ast.Div):
            return [(f"{right} dropped from {text}", node.left)]
        if isinstance(node.op, ast.Pow):
            by = [ast.BinOp(node.right, op, ast.Constant(1)) for op in (ast.Sub(), ast.Add())]
            words = ("less", "more")
            return [
                (f"exponent of {text} one {word}", ast.BinOp(node.left, ast.Pow(), new))
                for word, new in zip(words, by, strict=True)
            ]
    return []


def _number(value: Any, mode: str) -> Any:
    if mode == "sympy":
        import sympy

        return sympy.Rational(str(value))
    if mode == "ball":
        from flint import arb, fmpq

        if isinstance(value, int):
            return arb(value)
        numerator, denominator = value.as_integer_ratio()
        return arb(fmpq(numerator, denominator))
    return value


def _check(node: ast.AST, names: dict[str, None]) -> None:
    """Refuses every node outside the grammar and collects the names in order of appearance."""
    if isinstance(node, ast.Name):
        if node.id in FUNCTIONS:
            raise FormulaError(f"{node.id} is a function; write {node.id}(...)")
        names[node.id] = None
    elif isinstance(node, ast.Constant) and isinstance(node.value, int | float) and not isinstance(node.value, bool):
        if not node.value <= sys.float_info.max:
            raise FormulaError("a number of the formula is too large")
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        _check(node.operand, names)
    elif isinstance(node, ast.BinOp) and type(node.op) in _OPERATORS:
        _check(node.left, names)
        _check(node.right, names)
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and not node.keywords:
        function = FUNCTIONS.get(node.func.id)
        if function is None:
            raise FormulaError(f"unknown function {node.func.id}; known are {', '.join(sorted(FUNCTIONS))}")
        if len(node.args) != function.arity:
            raise FormulaError(f"{node.func.id} takes {function.arity} arguments, not {len(node.args)}")
        for argument in node.args:
            _check(argument, names)
    else:
        raise FormulaError(
            f"{ast.unparse(node)!r} is not of the grammar: names, numbers, + - * / **, {', '.join(sorted(FUNCTIONS))}"
        )
