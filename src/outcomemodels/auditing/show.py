"""The audit for people: a terminal table and an HTML fragment, both from plain values."""

from __future__ import annotations

import html
import io
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console


FIVE = ("treatment", "deliverer", "client", "problem", "functioning")
"""The columns that critics of routine data name: each is called fuzzy; here each has its numbers."""

SUMMARY: tuple[tuple[str, tuple[tuple[str, str], ...]], ...] = (
    ("recorded", (("completeness", "values recorded"), ("completeness", "fields recorded"))),
    ("unspecified", (("specificity", "unspecified share"),)),
    ("kinds (effective)", (("specificity", "effective categories"),)),
    ("by a standard procedure", (("verification", "established by"),)),
    ("structure", (("structure", "bridging share"), ("structure", "Cramér's V"))),
)
SIGNS = {
    "answerable with stated assumptions": "✓",
    "answerable only with model extrapolation": "◐",
    "not answerable": "✕",
}


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


def five_columns(plain: Mapping[str, Any]) -> list[tuple[str, list[str], list[str]]]:
    """Rows of the first table: column, its numbers in the order of :data:`SUMMARY`, and the rules it breaks."""
    rows = []
    for column in FIVE:
        mine = [layer for layer in plain["layers"] if layer["column"] == column]
        cells = []
        for _, choices in SUMMARY:
            found = next(
                (x for layer, start in choices for x in mine if x["layer"] == layer and x["measure"].startswith(start)),
                None,
            )
            cells.append("–" if found is None else _short(found))
        rows.append((column, cells, sorted({x["rule"] for x in mine if x.get("rule")})))
    return rows


def _short(layer: Mapping[str, Any]) -> str:
    if layer["value"] is None:
        return "nothing"
    if None in (layer["numerator"], layer["denominator"]) and layer.get("share"):
        return number(layer)
    if layer["measure"].startswith("bridging"):
        return f"{layer['numerator']:,.0f} of {layer['denominator']:,.0f} bridge"
    if layer["measure"].startswith("Cramér"):
        return f"V {layer['value']:.2f} with {str(layer['measure']).rpartition('× ')[2]}"
    return number(layer)


def text_of(plain: Mapping[str, Any]) -> str:
    """The audit as plain text."""
    from rich.console import Console

    buffer = io.StringIO()
    _print(plain, Console(file=buffer, width=120, no_color=True))
    return buffer.getvalue().rstrip()


def print_report(plain: Mapping[str, Any]) -> None:
    """Print the audit to the terminal."""
    from rich.console import Console

    _print(plain, Console())


def _print(plain: Mapping[str, Any], console: Console) -> None:
    from rich.table import Table

    head = f"Audit of {plain['name']}: {_count(plain['n'])} rows ({plain['grain']}). {plain['title']}"
    console.print(head, markup=False)
    first = Table("column", *(head for head, _ in SUMMARY), title="The five columns in numbers")
    five = five_columns(plain)
    for column, cells, _ in five:
        first.add_row(column, *cells)
    console.print(first)
    for column, _, rules in five:
        if rules:
            console.print(f"{column} breaks: {'; '.join(rules)}", markup=False)
    for finding in plain["findings"]:
        console.print(f"{finding['level'].upper():5} {finding['name']}: {finding['sentence']}", markup=False)
    steps = " → ".join(f"{_count(s['left'])} {s['requirement']}" for s in plain["waterfall"])
    console.print(steps, markup=False)
    nodes = plain.get("lattice", ())
    if nodes:
        console.print("\nWhich questions can be answered, coarse to fine:", markup=False)
        for node in nodes:
            gate = f" ({node['gate']})" if node["gate"] else ""
            console.print(f"  {SIGNS[node['answerable']]} {node['label']} {node['answerable']}{gate}", markup=False)
    idle = [cost for cost in plain.get("costs", ()) if cost["serves_none"]]
    if idle:
        what = "; ".join(f"{cost['field']} ({cost['why']})" for cost in idle)
        console.print(f"Fields that serve no question: {what}", markup=False)
    table = Table("column", "layer", "measure", "number", "what it says", title="Every number")
    last = ""
    for layer in plain["layers"]:
        column = layer["column"] if layer["column"] != last else ""
        last = layer["column"]
        table.add_row(column, layer["layer"], layer["measure"], number(layer), layer["sentence"])
    console.print(table)
    if "suppression" in plain:
        console.print(plain["suppression"], markup=False)


def html_of(plain: Mapping[str, Any]) -> str:
    """HTML fragment from :meth:`AuditReport.to_dict`; no scripts, no styles of its own.

    ``lattice`` and ``costs`` of the mapping are drawn where they are there.
    """
    heads = ("column", *(head for head, _ in SUMMARY), "rules broken")
    first = "".join(
        f"<tr><th scope='row'>{_e(column)}</th>{''.join(f'<td>{_e(c)}</td>' for c in cells)}"
        f"<td>{_e('; '.join(rules) or 'none')}</td></tr>"
        for column, cells, rules in five_columns(plain)
    )
    rows = "".join(
        f"<tr><th scope='row'>{_e(layer['column'])}</th><td>{_e(layer['layer'])}</td><td>{_e(layer['measure'])}</td>"
        f"<td>{_e(number(layer))}</td><td>{_e(layer['sentence'])}</td><td>{_e(layer.get('rule', ''))}</td></tr>"
        for layer in plain["layers"]
    )
    findings = "".join(
        f"<li class='{_e(f['level'])}'><strong>{_e(f['name'])}</strong>: {_e(f['sentence'])}. "
        f"<em>Rule: {_e(f['rule'])}.</em>{' ' + _e(f['mend']) + '.' if f['mend'] else ''}</li>"
        for f in plain["findings"]
    )
    steps = "".join(f"<li>{_count(s['left'])} {_e(s['requirement'])}</li>" for s in plain["waterfall"])
    note = f"<p class='note'>{_e(plain['suppression'])}</p>" if "suppression" in plain else ""
    return (
        _table("audit-columns", "The five columns in numbers", heads, first)
        + _lattice(plain.get("lattice", ()))
        + f"<ul class='findings'>{findings}</ul><ol class='waterfall'>{steps}</ol>"
        + _costs(plain.get("costs", ()))
        + "<details><summary>Every number, with its counts and its rule</summary>"
        + _table("audit", "What is recorded in each of Paul's columns",
                 ("column", "layer", "measure", "number", "what it says", "rule broken"), rows)
        + "</details>"
        + note
    )  # fmt: skip


def _table(name: str, caption: str, heads: tuple[str, ...], rows: str) -> str:
    head = "".join(f"<th scope='col'>{_e(h)}</th>" for h in heads)
    top = f"<caption>{_e(caption)}</caption><thead><tr>{head}</tr></thead>"
    return f"<table class='{name}'>{top}<tbody>{rows}</tbody></table>"


def _lattice(nodes: Any) -> str:
    if not nodes:
        return ""
    from outcomemodels.auditing.picture import lattice_svg

    cases = next(n["case"] for n in nodes if not n["parts"])
    caption = f"Each box is judged for its best-supplied case ({cases.get('treatment', 'no two treatments')})."
    return f"<figure class='lattice'>{lattice_svg(nodes)}<figcaption>{_e(caption)}</figcaption></figure>"


def _costs(costs: Any) -> str:
    if not costs:
        return ""
    rows = "".join(
        f"<tr><th scope='row'>{_e(c['field'])}</th><td>{_count(c['recorded'])}</td>"
        f"<td>{_e(', '.join(c['serves']) or 'none')}</td>"
        f"<td>{_width(c['width_without'])}</td><td>{_e(c['why'])}</td></tr>"
        for c in costs
    )
    heads = ("field", "values entered", "questions it serves", "interval without it", "why")
    table = _table("costs", "What each field costs and buys", heads, rows)
    return f"<details><summary>What each recorded field serves and buys</summary>{table}</details>"


def _width(value: float | None) -> str:
    return "–" if value is None else f"{value - 1:.1%} wider"


def _count(n: float | None) -> str:
    return "few" if n is None else f"{n:,.0f}"


def _e(text: object) -> str:
    return html.escape(str(text))
