"""A verdict for people: plain text and an HTML fragment, from plain values."""

from __future__ import annotations

import html
import io
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console

MOST = 6
"""Comparisons shown in full."""


def text_of_verdict(plain: Mapping[str, Any]) -> str:
    """The verdict as plain text."""
    from rich.console import Console

    buffer = io.StringIO()
    _print(plain, Console(file=buffer, width=110, no_color=True))
    return buffer.getvalue().rstrip()


def print_verdict(plain: Mapping[str, Any]) -> None:
    """Print the verdict to the terminal."""
    from rich.console import Console

    _print(plain, Console())


def weakest_of(plain: Mapping[str, Any]) -> Mapping[str, Any]:
    """The comparison that brought the verdict."""
    return next(c for c in plain["comparisons"] if c["answerable"] == plain["answerable"])


def _print(plain: Mapping[str, Any], console: Console) -> None:
    from rich.table import Table

    weakest = weakest_of(plain)
    console.print(f"{plain['question']} (outcome {plain['outcome']})", markup=False)
    why = f": fails first at '{plain['first_failing']}' ({plain['by_how_much']})" if plain["first_failing"] else ""
    console.print(f"{plain['answerable'].upper()}{why}", markup=False)
    if len(plain["comparisons"]) > 1:
        console.print(f"Weakest of {len(plain['comparisons'])} comparisons; all of them:", markup=False)
        for c in plain["comparisons"][: 3 * MOST]:
            why = f" ({c['first_failing']})" if c["first_failing"] else ""
            console.print(f"  {c['treatment']} against {c['reference']}: {c['answerable']}{why}", markup=False)
    table = Table("gate", "", "what was found", "rule", title=f"{weakest['treatment']} against {weakest['reference']}")
    for gate in weakest["gates"]:
        table.add_row(gate["name"], "passes" if gate["passed"] else "FAILS", gate["sentence"], gate["rule"])
    console.print(table)
    for assumed in weakest["assumptions"]:
        console.print(f"  assumed: {assumed}", markup=False)
    for better in plain["improvements"]:
        console.print(f"  would help: {better['sentence']}", markup=False)
    steps = " → ".join(f"{_count(s['left'])} {s['requirement']}" for s in plain["waterfall"])
    console.print(steps, markup=False)
    if "suppression" in plain:
        console.print(plain["suppression"], markup=False)


def html_of_verdict(plain: Mapping[str, Any]) -> str:
    """HTML fragment from :meth:`QuestionVerdict.to_dict`; no scripts, no styles of its own."""
    weakest = weakest_of(plain)
    first = _e(plain["first_failing"])
    why = f" It fails first at <em>{first}</em>: {_e(plain['by_how_much'])}." if plain["first_failing"] else ""
    rows = "".join(
        f"<tr><th scope='row'>{_e(g['name'])}</th><td>{'passes' if g['passed'] else '<strong>fails</strong>'}</td>"
        f"<td>{_e(g['sentence'])}</td><td>{_e(g['rule'])}</td></tr>"
        for g in weakest["gates"]
    )
    several = ""
    if len(plain["comparisons"]) > 1:
        several = "<ul class='comparisons'>" + "".join(
            f"<li>{_e(c['treatment'])} against {_e(c['reference'])}: {_e(c['answerable'])}"
            f"{' (' + _e(c['first_failing']) + ')' if c['first_failing'] else ''}</li>"
            for c in plain["comparisons"]
        ) + "</ul>"  # fmt: skip
    assumed = "".join(f"<li>{_e(a)}</li>" for a in weakest["assumptions"])
    better = "".join(f"<li>{_e(i['sentence'])}</li>" for i in plain["improvements"])
    steps = "".join(f"<li>{_count(s['left'])} {_e(s['requirement'])}</li>" for s in plain["waterfall"])
    head = "".join(f"<th scope='col'>{h}</th>" for h in ("gate", "verdict", "what was found", "rule"))
    return (
        f"<div class='verdict'><p>{_e(plain['question'])}</p>"
        f"<p><strong>{_e(_capital(plain['answerable']))}.</strong>{why}</p>{several}"
        f"<table class='gates'><caption>{_e(weakest['treatment'])} against {_e(weakest['reference'])}</caption>"
        f"<thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
        + (f"<p>Assumed:</p><ul class='assumptions'>{assumed}</ul>" if assumed else "")
        + (f"<p>What would help:</p><ul class='improvements'>{better}</ul>" if better else "")
        + f"<ol class='waterfall'>{steps}</ol></div>"
    )


def _count(n: float | None) -> str:
    return "few" if n is None else f"{n:,.0f}"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _e(text: object) -> str:
    return html.escape(str(text))
