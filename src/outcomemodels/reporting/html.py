"""A report as one self-contained HTML file: no scripts, no fonts, no request to anywhere."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from outcomemodels.errors import FileError, QuestionError
from outcomemodels.estimands import Answer
from outcomemodels.fitted import Fit
from outcomemodels.outcomes.suppression import Disclosure
from outcomemodels.reporting.content import Report, gather
from outcomemodels.reporting.disclosing import suppress_report

TEMPLATES = ("report.html.j2", "macros.html.j2", "style.css")


def render(report: Report) -> str:
    """Lay a report out; the same report gives the same bytes."""
    from jinja2 import DictLoader, Environment, StrictUndefined
    from markupsafe import Markup

    folder = files("outcomemodels.reporting") / "templates"
    sources = {name: (folder / name).read_text(encoding="utf-8") for name in TEMPLATES}
    environment = Environment(
        loader=DictLoader(sources), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["markup"] = Markup
    style = Markup(sources["style.css"])
    return environment.get_template("report.html.j2").render(r=report, style=style)


def write_report(
    fit: Fit,
    path: str | Path,
    *,
    answers: Sequence[Answer],
    verdicts: Sequence[str] = (),
    audit: Mapping[str, Any] | None = None,
    disclosure: Disclosure | None = None,
) -> Path:
    """Write the report of a fit, whole or not at all.

    Parameters
    ----------
    fit : Fit
    path : path
        Ending in ``.html``.
    answers : sequence of Answer
        At least one; :func:`outcomemodels.reporting.default_questions` says what to ask when nothing was.
    verdicts : sequence of str
        The audit's verdict on each question in one sentence; none where the data are not at hand.
    audit : mapping, optional
        ``AuditReport.to_dict()``; the audit kept with the fit when absent.
    disclosure : Disclosure, optional
        Hides small counts and rounds the others in tables and sentences; pictures hold no counts.

    Raises
    ------
    FileError
        If the path does not end in ``.html`` or its folder does not exist.
    QuestionError
        Without an answer.
    """
    path = Path(path)
    if path.suffix.lower() not in (".html", ".htm"):
        raise FileError(f"cannot write {path.name!r}", accepted="a path ending in .html")
    if not path.parent.is_dir():
        raise FileError(f"no folder {str(path.parent)!r}", mend="make the folder first")
    if not answers:
        raise QuestionError("a report needs at least one answer", mend="ask a question: answers=[ask(fit, Question())]")
    if disclosure is None:
        made = gather(fit, answers, verdicts=verdicts, audit=audit)
    else:
        seen = disclosure.plain(dict(fit.audit if audit is None else audit))
        seen = {**seen, "suppression": disclosure.note} if seen else seen
        made = suppress_report(gather(fit, answers, verdicts=verdicts, audit=seen), disclosure)
    text = render(made)
    handle, part = tempfile.mkstemp(prefix=f".{path.name}-", suffix=".part", dir=path.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(part, 0o644)
        os.replace(part, path)
    except BaseException:
        Path(part).unlink(missing_ok=True)
        raise
    return path
