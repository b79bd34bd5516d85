"""What a dataset looks like to a person: plain text and HTML."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

import numpy as np

from outcomemodels.schema import Established, Facet, Field, Kind, Statistic

if TYPE_CHECKING:
    from outcomemodels.data.dataset import PaulDataset

WIDTH = 56
MAX_LABELS = 4


def text_of(data: PaulDataset) -> str:
    """Render the dataset as text: what a row is, then one line per field under its facet of Paul's framework."""
    lines = [headline(data)]
    if data.schema.title:
        lines.append(f"  {data.schema.title}")
    lines.append(f"  assignment to treatment: {data.schema.assignment.value}")
    rows = _rows(data)
    width = max((len(r[1]) for r in rows), default=0)
    facet = ""
    for shown, name, what, missing, how in rows:
        head = shown if shown != facet else ""
        facet = shown
        lines.append(f"  {head:<12} {name:<{width}}  {what:<{WIDTH}} {missing:>8}  {how}".rstrip())
    absent = [f.value for f in Facet if not data.schema.of_facet(f)]
    if absent:
        lines.append(f"  not recorded: {', '.join(absent)}")
    lines += [f"  note: {note}" for note in data.schema.notes]
    lines += [f"  {line}" for line in _quality(data)]
    return "\n".join(lines)


def html_of(data: PaulDataset) -> str:
    """Render the same as one HTML table, without scripts or styles from outside."""
    head = "".join(
        f'<th scope="col" style="text-align:left">{h}</th>'
        for h in ("facet", "field", "content", "missing", "how established")
    )
    body = "".join(
        "<tr>" + "".join(f'<td style="text-align:left">{escape(cell)}</td>' for cell in row) + "</tr>"
        for row in _rows(data)
    )
    absent = [f.value for f in Facet if not data.schema.of_facet(f)]
    title = f"<p>{escape(data.schema.title)}</p>" if data.schema.title else ""
    foot = f"<p>Not recorded: {escape(', '.join(absent))}</p>" if absent else ""
    notes = "".join(f"<li>{escape(note)}</li>" for note in (*data.schema.notes, *_quality(data)))
    return (
        f"<div><p><strong>{escape(headline(data))}</strong></p>{title}"
        f"<p>Assignment to treatment: {escape(data.schema.assignment.value)}</p>"
        f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{foot}"
        + (f"<ul>{notes}</ul>" if notes else "")
        + "</div>"
    )


def _quality(data: PaulDataset) -> list[str]:
    """Lines on data quality, where the dataset was read from record-level tables."""
    from outcomemodels.data.nhs_dataset.quality import quality_of

    found = quality_of(data)
    return [] if found is None else found.lines()


def headline(data: PaulDataset) -> str:
    """One sentence: name, number of rows and what a row is."""
    noun = {"episode": "episodes", "cell": "published cells", "contrast": "contrasts between trial arms"}
    text = f"PaulDataset {data.schema.name!r}: {data.n:,} {noun[data.grain.value]}"
    if data.n_assessments:
        text += f", {data.n_assessments:,} assessments of {', '.join(data.measures)}"
    return text


def _rows(data: PaulDataset) -> list[tuple[str, str, str, str, str]]:
    out = []
    for facet in Facet:
        for field in data.schema.of_facet(facet):
            name = field.name + (" *" if field.table == "assessment" else "")
            out.append((facet.value, name, _content(data, field), _missing(data, field), established_in_words(field)))
    return out


_PROCEDURE = {
    Established.UNSPECIFIED: "unspecified",
    Established.SELF_REPORT_SCREEN: "self-report",
    Established.SERVICE_CODE: "recorded by the service",
    Established.CLINICIAN_DIAGNOSIS: "judged by a clinician",
    Established.STRUCTURED_INTERVIEW: "standard procedure",
    Established.INTERVIEW_WITH_RELIABILITY: "standard procedure, reliability reported",
}


def established_in_words(field: Field) -> str:
    """How the values of a field were established, in words that fit its facet."""
    if field.facet is Facet.PROBLEM:
        return Established(field.established).label.replace("_", " ")
    return _PROCEDURE[Established(field.established)]


def _content(data: PaulDataset, field: Field) -> str:
    if field.kind.is_labelled:
        labels = [str(v) for v in data.labels(field.name)]
        if field.kind is Kind.IDENTIFIER:
            return f"{len(labels):,} {'key ' if field.key else ''}identifiers"
        shown = (" < " if field.kind is Kind.ORDERED else ", ").join(labels[:MAX_LABELS])
        return _short(f"{len(labels):,} levels: {shown}" + (" …" if len(labels) > MAX_LABELS else ""))
    values = data.values(field.name, field.table)
    prefix = "" if field.statistic is Statistic.VALUE else f"{field.statistic.value}: "
    if field.kind is Kind.DATE:
        seen = values[~np.isnat(values)]
        return prefix + (f"{str(seen.min())[:10]} to {str(seen.max())[:10]}" if len(seen) else "no value")
    seen = values[np.isfinite(values)]
    if not len(seen):
        return prefix + "no value"
    units = f" {field.units}" if field.units else ""
    return _short(f"{prefix}{seen.min():.4g} to {seen.max():.4g}, mean {seen.mean():.4g}{units}")


def _missing(data: PaulDataset, field: Field) -> str:
    n = data.n if field.table == "main" else data.n_assessments
    variable = data.variable(field.name, field.table) + "_missing"
    if variable not in data.arrays or n == 0:
        return "0%"
    share = 100 * float((np.asarray(data.arrays[variable].values) > 0).mean())
    return "<1%" if 0 < share < 1 else f"{share:.0f}%"


def _short(text: str) -> str:
    return text if len(text) <= WIDTH else text[: WIDTH - 1] + "…"
