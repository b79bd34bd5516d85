"""lme4-style formulas: parsed by formulae, turned into terms by us.

``bdi ~ bdi_pre + weeks * treatment + (1 + weeks | client) + (1 | therapist)``. Within one bar the effects are
correlated, as in lme4; ``||`` makes them independent. Categorical fields are coded against their first level,
by the usual marginality rule (Chambers & Hastie 1992, Statistical Models in S, ch. 2).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from outcomemodels.errors import SpecError

BAR = re.compile(r"\(([^()|]+)(\|\|?)([^()|]+)\)")
MEND = "compute the column in the data before reading it, and name the new column here"


@dataclass(frozen=True, slots=True)
class FixedTerm:
    """A product of fields; no fields is the intercept."""

    fields: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class BarTerm:
    """What varies (products of fields; the empty one is the intercept) by the crossing of factors."""

    what: tuple[tuple[str, ...], ...]
    by: tuple[str, ...]
    correlated: bool


@dataclass(frozen=True, slots=True)
class ParsedFormula:
    """A formula as terms; ``response`` is empty when the left side was left out."""

    response: str
    fixed: tuple[FixedTerm, ...]
    bars: tuple[BarTerm, ...]


def parse_formula(text: str) -> ParsedFormula:
    """Parse an lme4-style formula.

    Raises
    ------
    SpecError
        If it does not parse, or calls a function.
    """
    left, tilde, right = text.partition("~")
    if not tilde or not right.strip():
        raise SpecError(f"{text!r} is not a formula", accepted="outcome ~ terms + (terms | factor)")
    bars: list[BarTerm] = []
    for what, bar, by in BAR.findall(right):
        bars += _bars(f"({what}|{by})", correlated=bar == "|")
    common = BAR.sub("", right)
    common = re.sub(r"\+\s*(?=\+|$)", "", common.strip()).strip().lstrip("+").strip()
    if "|" in common:
        raise SpecError(f"a bar outside brackets in {text!r}", accepted="(terms | factor)", mend="add brackets")
    fixed = [] if common == "0" else [FixedTerm(t) for t in _terms(common or "1")[0]]
    return ParsedFormula(left.strip(), tuple(fixed), tuple(bars))


def _bars(text: str, *, correlated: bool) -> list[BarTerm]:
    by: dict[tuple[str, ...], list[tuple[str, ...]]] = {}
    for factor, expr in _terms(f"0 + {text}")[1]:
        by.setdefault(factor, []).append(expr)
    out: list[BarTerm] = []
    for factor, what in by.items():
        if correlated or len(what) == 1:
            out.append(BarTerm(tuple(what), factor, correlated and len(what) > 1))
        else:
            out += [BarTerm((w,), factor, False) for w in what]
    return out


def _terms(right: str) -> tuple[list[tuple[str, ...]], list[tuple[tuple[str, ...], tuple[str, ...]]]]:
    """Fixed terms and (factor, expression) pairs of a right-hand side, by formulae."""
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from formulae import model_description
    try:
        described = model_description(f"response ~ {right}")
    except Exception as error:  # formulae raises a family of its own plus built-in ones
        raise SpecError(f"cannot parse {right!r}: {error}", accepted="outcome ~ terms + (terms | factor)") from error
    fixed: list[tuple[str, ...]] = []
    bars: list[tuple[tuple[str, ...], tuple[str, ...]]] = []
    for term in described.terms:
        if hasattr(term, "factor"):
            bars.append((_names(term.factor), _names(term.expr)))
        else:
            fixed.append(_names(term))
    return fixed, bars


def _names(term: object) -> tuple[str, ...]:
    names: list[str] = []
    for component in getattr(term, "components", ()):
        if type(component).__name__ != "Variable":
            raise SpecError(f"the formula calls a function: {component}", accepted="plain column names", mend=MEND)
        names.append(str(component.name))
    return tuple(names)
