"""``ask`` and ``report``: what starts from a saved fit."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import click

from outcomemodels.cli.job import leave, shown
from outcomemodels.cli.options import (
    QuestionOptions,
    json_option,
    question_options,
    quiet_option,
    response_option,
    suppress_option,
)
from outcomemodels.cli.sources import questions, step


@click.command(
    epilog="\b\nExamples:\n  outcomemodels ask fit.nc --problem PTSD --client age=34 --therapist new --setting new"
    "\n  outcomemodels ask fit.nc --json | jq '.[0].treatments[].p_best'"
)
@click.argument("fit_file", metavar="FIT", type=click.Path(path_type=Path))
@question_options
@response_option
@suppress_option
@json_option
def ask(
    fit_file: Path,
    question: QuestionOptions,
    response: str,
    suppress: bool,
    as_json: bool,
) -> None:
    """Ask a saved FIT which treatment, by whom, for this client with that problem, in which setting."""
    asked = questions(question, response=response)
    from outcomemodels.outcomes.suppression import Disclosure
    from outcomemodels.workflow import ask as put
    from outcomemodels.workflow import load_fit

    fitted, rule = load_fit(fit_file), Disclosure() if suppress else None
    answers = [put(fitted, q) for q in asked]
    if as_json:
        click.echo(json.dumps([shown(a.to_dict(), rule) for a in answers], ensure_ascii=False, indent=1))
    else:
        for answer in answers:
            if rule is None:
                click.echo(repr(answer))
                click.echo("")
            for sentence in answer.sentences():
                if rule is not None:
                    click.echo(rule.sentence(sentence))
                elif sentence not in answer.warnings:  # they stand above the table
                    click.echo(sentence)
        if rule is not None:
            click.echo(rule.note)
    leave(fitted, told=not as_json)


@click.command(
    epilog="\b\nExample:\n  outcomemodels report fit.nc --out report.html --problem PTSD --problem Depression"
)
@click.argument("fit_file", metavar="FIT", type=click.Path(path_type=Path))
@question_options
@response_option
@click.option("--out", type=click.Path(path_type=Path), default=Path("report.html"), show_default=True, help="Report.")
@suppress_option
@quiet_option
def report(
    fit_file: Path,
    question: QuestionOptions,
    response: str,
    out: Path,
    suppress: bool,
    quiet: bool,
) -> None:
    """Write the report of a saved FIT as one HTML file; without --problem, about every problem in the data."""
    asked = questions(question, response=response)
    with step(f"read {fit_file}", quiet=quiet):
        from outcomemodels.outcomes.suppression import Disclosure
        from outcomemodels.reporting import default_questions
        from outcomemodels.workflow import load_fit
        from outcomemodels.workflow import report as write

        fitted = load_fit(fit_file)
    if not question.problems:
        asked = tuple(
            replace(asked[0], problem=q.problem, response=q.response)
            for q in default_questions(fitted.design)
            if response in ("", q.response)
        )
    with step(f"wrote {out}", quiet=quiet):
        write(fitted, out, questions=asked, disclosure=Disclosure() if suppress else None)
    click.echo(str(out))
    leave(fitted)
