"""Formulas: what is read, and what is refused."""

from __future__ import annotations

import pytest

from outcomemodels.design.formula import BarTerm, parse_formula
from outcomemodels.errors import SpecError


def fixed(text: str) -> set[tuple[str, ...]]:
    return {t.fields for t in parse_formula(text).fixed}


def test_fixed_terms_and_intercept() -> None:
    assert fixed("y ~ a * b + x") == {(), ("a",), ("b",), ("a", "b"), ("x",)}
    assert fixed("y ~ 0 + x") == {("x",)}
    assert parse_formula("y ~ x").response == "y"
    assert parse_formula("~ x").response == ""


def test_bar_is_correlated_and_double_bar_is_not() -> None:
    assert parse_formula("y ~ x + (1 + x | g)").bars == (BarTerm(((), ("x",)), ("g",), True),)
    assert parse_formula("y ~ x + (x || g)").bars == (
        BarTerm(((),), ("g",), False),
        BarTerm((("x",),), ("g",), False),
    )
    assert parse_formula("y ~ x + (1 | g) + (0 + x | g)").bars == (
        BarTerm(((),), ("g",), False),
        BarTerm((("x",),), ("g",), False),
    )


def test_nested_and_crossed_factors() -> None:
    assert [b.by for b in parse_formula("y ~ 1 + (1 | a/b)").bars] == [("a",), ("a", "b")]
    assert [b.by for b in parse_formula("y ~ 1 + (1 | a:b)").bars] == [("a", "b")]


def test_only_bars_leaves_an_intercept() -> None:
    assert fixed("y ~ (1 | g)") == {()}
    assert fixed("y ~ (1 | g) + x") == {(), ("x",)}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("y", "is not a formula"),
        ("y ~ np.log(x)", "calls a function"),
        ("y ~ x + 1 | g", "bar outside brackets"),
        ("y ~ x + + )", "cannot parse"),
    ],
)
def test_refusals(text: str, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        parse_formula(text)
