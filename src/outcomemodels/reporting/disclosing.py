"""A report with small numbers hidden and the others rounded, in its tables and its sentences; it says so."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from outcomemodels.outcomes.suppression import Disclosure
from outcomemodels.reporting.content import AnswerSection, Report
from outcomemodels.reporting.tables import Cell, Table

COUNTED = frozenset({"Courses"})
"""Heads of table columns that hold counts of people."""


def suppress_report(report: Report, disclosure: Disclosure) -> Report:
    """Hide and round every count of a report.

    Parameters
    ----------
    report : Report
        Gathered with an audit that is suppressed already.
    disclosure : Disclosure
    """
    say = disclosure.sentence
    return replace(
        report,
        short=tuple((name, say(text)) for name, text in report.short),
        facts=(*((name, say(text)) for name, text in report.facts), ("Small numbers", disclosure.note)),
        findings=tuple((level, say(text)) for level, text in report.findings),
        answers=tuple(_answer(a, disclosure) for a in report.answers),
        levels=tuple(replace(s, table=suppress_table(s.table, disclosure)) for s in report.levels),
        limits=(*(say(text) for text in report.limits), disclosure.note),
    )


def _answer(section: AnswerSection, disclosure: Disclosure) -> AnswerSection:
    return replace(
        section,
        verdict=disclosure.sentence(section.verdict),
        short=disclosure.sentence(section.short),
        warnings=tuple(disclosure.sentence(w) for w in section.warnings),
        table=suppress_table(section.table, disclosure),
        reasons=tuple((name, disclosure.sentence(text)) for name, text in section.reasons),
    )


def suppress_table(table: Table, disclosure: Disclosure) -> Table:
    """Hide and round the count columns of a table, with a note below it."""
    counted = [i for i, head in enumerate(table.heads) if head.text in COUNTED]
    if not counted:
        return table
    values = np.array([[_number(row[i]) for i in counted] for row in table.rows], dtype=np.float64)
    hidden = disclosure.hidden(values, across=False, groups=[np.arange(len(values))]) if len(values) else values > 0
    rows = tuple(
        tuple(_cell(c, disclosure, bool(hidden[k, counted.index(i)])) if i in counted else c for i, c in enumerate(row))
        for k, row in enumerate(table.rows)
    )
    return replace(table, rows=rows, note=f"{table.note} {disclosure.note}".strip())


def _number(cell: Cell) -> float:
    digits = cell.text.replace(",", "")
    return float(digits) if digits.replace(".", "", 1).isdigit() else float("nan")


def _cell(cell: Cell, disclosure: Disclosure, hidden: bool) -> Cell:
    value = _number(cell)
    if value != value:
        return cell
    small = value < disclosure.smallest
    return replace(cell, text="suppressed" if hidden and not small else disclosure.text(value))
