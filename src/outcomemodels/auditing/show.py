"""The audit for people: a terminal table and an HTML fragment, both from plain values."""

from __future__ import annotations

import html
import io
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console


def number(layer: Mapping[str, Any]) -> str:
    """One number with its counts: ``87% (87 of 100)``, ``3.2``, or a dash where nothing can be said."""
    value = layer["value"]
    if layer.get("share") and (layer["numerator"] is None or layer["denominator"] is None):
        return "suppressed"
    if value is None:
        return "–"
    if layer.get("share"):
        return f"{value:.0%} ({layer['numerator']:,.0f} of {layer['denominator']:,.0f})"
    if value == round(value):
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 1 else f"{value:.2f}"


def text_of(plain: Mapping[str, Any]) -> str:
    """The audit as plain text."""
    from rich.console import Console

    buffer = io.StringIO()
    _print(plain, Console(file=buffer, width=110, no_color=True))
    return buffer.getvalue().rstrip()


def print_report(plain: Mapping[str, Any]) -> None:
    """Print the audit to the terminal."""
    from rich.console import Console

    _print(plain, Console())


def _print(plain: Mapping[str, Any], console: Console) -> None:
    from rich.table import Table

    head = f"Audit of {plain['name']}: {_count(plain['n'])} rows ({plain['grain']}). {plain['title']}"
    console.print(head, markup=False)
    table = Table("column", "layer", "measure", "number", "what it says", show_lines=False)
    last = ""
    for layer in plain["layers"]:
        column = layer["column"] if layer["column"] != last else ""
        last = layer["column"]
        table.add_row(column, layer["layer"], layer["measure"], number(layer), layer["sentence"])
    console.print(table)
    for finding in plain["findings"]:
        console.print(f"{finding['level'].upper():5} {finding['name']}: {finding['sentence']}", markup=False)
    steps = " → ".join(f"{_count(s['left'])} {s['requirement']}" for s in plain["waterfall"])
    console.print(steps, markup=False)
    if "suppression" in plain:
        console.print(plain["suppression"], markup=False)


def html_of(plain: Mapping[str, Any]) -> str:
    """HTML fragment from :meth:`AuditReport.to_dict`; no scripts, no styles of its own."""
    rows = "".join(
        f"<tr><th scope='row'>{_e(layer['column'])}</th><td>{_e(layer['layer'])}</td><td>{_e(layer['measure'])}</td>"
        f"<td>{_e(number(layer))}</td><td>{_e(layer['sentence'])}</td></tr>"
        for layer in plain["layers"]
    )
    head = "".join(f"<th scope='col'>{h}</th>" for h in ("column", "layer", "measure", "number", "what it says"))
    caption = "<caption>What is recorded in each of Paul's columns</caption>"
    findings = "".join(
        f"<li class='{_e(f['level'])}'><strong>{_e(f['name'])}</strong>: {_e(f['sentence'])}. "
        f"<em>Rule: {_e(f['rule'])}.</em>{' ' + _e(f['mend']) + '.' if f['mend'] else ''}</li>"
        for f in plain["findings"]
    )
    steps = "".join(f"<li>{_count(s['left'])} {_e(s['requirement'])}</li>" for s in plain["waterfall"])
    note = f"<p class='note'>{_e(plain['suppression'])}</p>" if "suppression" in plain else ""
    return (
        f"<table class='audit'>{caption}<thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
        f"<ul class='findings'>{findings}</ul><ol class='waterfall'>{steps}</ol>{note}"
    )


def _count(n: float | None) -> str:
    return "few" if n is None else f"{n:,.0f}"


def _e(text: object) -> str:
    return html.escape(str(text))
