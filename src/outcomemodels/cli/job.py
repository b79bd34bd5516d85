"""``run``, ``audit`` and ``fit``: what starts from data."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from outcomemodels.cli.main import EXIT_NOT_CONVERGED
from outcomemodels.cli.options import (
    DataOptions,
    JobOptions,
    QuestionOptions,
    data_options,
    fit_options,
    json_option,
    question_options,
    quiet_option,
    response_option,
    suppress_option,
)
from outcomemodels.cli.sources import (
    holds_reduced,
    open_data,
    outcome_of,
    questions,
    showing_progress,
    step,
    usual_outcome,
)

if TYPE_CHECKING:
    from outcomemodels.data.dataset import PaulDataset
    from outcomemodels.fitted import Fit
    from outcomemodels.outcomes.suppression import Disclosure

RUN_EXAMPLES = """\b
Examples:
  outcomemodels run
  outcomemodels run --client bdi_pre=30 --when weeks=26
  outcomemodels run episodes.csv --schema paul.toml --outcome phq9_end --problem PTSD
  outcomemodels run nhs_tt_proms --where year=2023-24 --where problem=PTSD --where problem=Depression"""


def shown(told: dict[str, Any], rule: Disclosure | None) -> dict[str, Any]:
    """What is written as JSON, with its counts suppressed where a rule is given."""
    return told if rule is None else {**rule.plain(told), "suppression": rule.note}


def leave(fit: Fit, *, told: bool = False) -> None:
    """Exit with code 3, loudly unless ``told`` already, where the sampling failed its checks."""
    if not fit.verdict.passed:
        if not told:
            click.echo(str(fit.verdict), err=True)
        sys.exit(EXIT_NOT_CONVERGED)


@click.command(epilog=RUN_EXAMPLES)
@click.argument("source", default="beat_the_blues")
@data_options
@fit_options
@question_options
@response_option
@click.option("--out", type=click.Path(path_type=Path), default=Path("report.html"), show_default=True, help="Report.")
@click.option("--save-fit", type=click.Path(path_type=Path), help="Keep the fit too (.nc or .zarr).")
@suppress_option
@json_option
@quiet_option
def run(
    source: str,
    read: DataOptions,
    question: QuestionOptions,
    response: str,
    out: Path,
    save_fit: Path | None,
    suppress: bool,
    as_json: bool,
    quiet: bool,
    job: JobOptions,
) -> None:
    """Read SOURCE, audit it, fit the model, ask the question and write the report.

    SOURCE is a table (csv, parquet, …; with --schema), a saved data set, a folder of NHS annual tables or of
    record-level IDS tables, or the name of a known data set. Without it, the embedded Beat the Blues trial is used.
    """
    asked = questions(question, response=response)
    with step(f"read {source}", quiet=quiet) as tell:
        data = open_data(source, read, tell=tell)
    job = _named(job, source, quiet)
    with step("loaded the machinery", quiet=quiet):
        from outcomemodels.outcomes.suppression import Disclosure
        from outcomemodels.workflow import ask as put
        from outcomemodels.workflow import report as write
    fitted = _fit_step(data, job, quiet)
    if save_fit is not None:
        with step(f"saved the fit to {save_fit}", quiet=quiet):
            fitted.save(save_fit)
    rule = Disclosure() if suppress else None
    if not question.problems:
        from outcomemodels.reporting import default_questions

        asked = tuple(
            replace(asked[0], problem=q.problem, response=q.response)
            for q in default_questions(fitted.design)
            if response in ("", q.response)
        )
    with step(f"asked {len(asked)} question{'s' * (len(asked) > 1)} and wrote {out}", quiet=quiet):
        write(fitted, out, questions=asked, disclosure=rule)
    if as_json:
        answers = [put(fitted, q).to_dict() for q in asked]
        told = _summary(fitted) | {"report": str(out), "answers": answers}
        click.echo(json.dumps(shown(told, rule), ensure_ascii=False, indent=1))
    else:
        from outcomemodels.reporting.words import short_answer

        for q in asked:
            click.echo(q.sentence())
            short = short_answer(put(fitted, q))
            click.echo(f"  {short if rule is None else rule.sentence(short)}")
        click.echo(f"Report: {out}")
    leave(fitted)


def _named(job: JobOptions, source: str, quiet: bool) -> JobOptions:
    """The job with the outcomes named, else the usual one of such a source, said aloud."""
    usual = "" if job.outcomes else usual_outcome(source)
    if usual and not quiet:
        click.echo(f"  outcome: {usual}; --outcome names another", err=True)
    return replace(job, outcomes=(usual,)) if usual else job


def _fit_step(data: PaulDataset, job: JobOptions, quiet: bool) -> Fit:
    """Fit with what the command line said."""
    if showing_progress(quiet=quiet):
        click.echo("  audit and fit …", err=True)
    with step(f"audited and fitted {data.n:,} rows", quiet=quiet or showing_progress(quiet=quiet)):
        from outcomemodels.workflow import fit

        return fit(
            data,
            outcome=outcome_of(job.outcomes, job.model),
            model=job.model,
            covariates=list(job.covariates) or None,
            batches=list(job.batches) or None,
            formula=job.formula,
            engine=job.engine,
            seed=job.seed,
            draws=job.draws,
            tune=job.tune,
            chains=job.chains,
            accept=job.accept,
            progress=showing_progress(quiet=quiet),
        )


def _summary(fit: Fit) -> dict[str, Any]:
    """What a script wants to know of a fit."""
    several = {"outcomes": dict(fit.spec.outcomes)} if fit.spec.outcomes else {}
    return {
        "outcome": fit.spec.outcome,
        **several,
        "model": fit.spec.model,
        "rows": fit.design.n_rows,
        "engine": fit.provenance.get("engine"),
        "engine_reason": fit.provenance.get("engine_reason"),
        "seconds": fit.provenance.get("seconds"),
        "verdict": fit.verdict.to_dict(),
    }


AUDIT_EXAMPLES = """\b
Examples:
  outcomemodels audit episodes.csv --schema paul.toml
  outcomemodels audit nhs_tt_proms --question --problem PTSD --treatment EMDR --reference CBT
  outcomemodels audit ctn0094 --html audit.html --json > audit.json"""


@click.command(epilog=AUDIT_EXAMPLES)
@click.argument("source")
@data_options
@click.option("--question", "ask", is_flag=True, help="Judge a question; implied by --problem and the like.")
@question_options
@click.option("--outcome", default="", help="Outcome the question is about; the first declared when left out.")
@click.option("--html", "page", type=click.Path(path_type=Path), help="Write the audit as one HTML page too.")
@suppress_option
@json_option
def audit(
    source: str,
    read: DataOptions,
    ask: bool,
    question: QuestionOptions,
    outcome: str,
    page: Path | None,
    suppress: bool,
    as_json: bool,
) -> None:
    """Say what SOURCE can and cannot answer, column by column of Paul's framework.

    With a question: whether it can be answered, which gate fails first and by how much, and what would change it. For
    a folder of record-level IDS tables the data quality of every field follows, in the NHS's classes.
    """
    from outcomemodels.auditing import audit_dataset
    from outcomemodels.auditing.page import write_page
    from outcomemodels.data.nhs_dataset.quality import quality_of
    from outcomemodels.outcomes.suppression import Disclosure

    with step(f"read {source}", quiet=as_json) as tell:
        data = open_data(source, read, tell=tell)
    found, quality, rule = audit_dataset(data), quality_of(data), Disclosure() if suppress else None
    put = questions(question) if ask or question.is_said else ()
    verdicts = [found.verdict(q, outcome=outcome) for q in put]
    if page is not None:
        write_page(found, page, verdicts=verdicts, outcome=outcome, disclosure=rule)
    if as_json:
        plain = shown(found.full_dict(outcome=outcome), rule)
        if verdicts:
            plain["verdicts"] = [shown(v.to_dict(), rule) for v in verdicts]
        if quality is not None:
            plain["data_quality"] = quality.to_dict(disclosure=rule)
        click.echo(json.dumps(plain, ensure_ascii=False, indent=1))
        return
    for verdict in verdicts:
        verdict.show(disclosure=rule)
    if not verdicts:
        found.show(disclosure=rule)
        if quality is not None:
            click.echo(quality.to_text(disclosure=rule))


@click.command(
    epilog="\b\nExamples:\n  outcomemodels fit episodes.csv --schema paul.toml --outcome phq9_end --out fit.nc\n"
    "  outcomemodels fit episodes.csv --schema paul.toml --model change-and-dropout --outcome change=phq9_change "
    "--outcome dropout=sessions\n"
    "  outcomemodels fit stats.nc --out fit.nc         (rows reduced by outcomemodels reduce, or merged packets)"
)
@click.argument("source")
@data_options
@fit_options
@click.option("--out", type=click.Path(path_type=Path), default=Path("fit.nc"), show_default=True, help=".nc or .zarr")
@json_option
@quiet_option
def fit(
    source: str,
    read: DataOptions,
    out: Path,
    as_json: bool,
    quiet: bool,
    job: JobOptions,
) -> None:
    """Fit a model to SOURCE and save it; ask and report then start from the file.

    SOURCE may also be a file of reduced rows: their model and outcome were chosen by outcomemodels reduce.
    """
    fitted = None
    if holds_reduced(source):
        fitted = _fit_reduced(source, job, read, quiet)
    if fitted is None:
        with step(f"read {source}", quiet=quiet) as tell:
            data = open_data(source, read, tell=tell)
        job = _named(job, source, quiet)
        fitted = _fit_step(data, job, quiet)
    with step(f"saved {out}", quiet=quiet):
        fitted.save(out)
    if as_json:
        click.echo(json.dumps(_summary(fitted) | {"fit": str(out)}, ensure_ascii=False, indent=1))
    else:
        click.echo(repr(fitted))
    leave(fitted)


def _fit_reduced(source: str, job: JobOptions, read: DataOptions, quiet: bool) -> Fit:
    """Fit reduced rows.

    Raises
    ------
    SpecError
        For choices that were made when the rows were reduced, and for NUTS, which needs the rows.
    """
    from outcomemodels.errors import SpecError
    from outcomemodels.workflow import fit_reduced, load_reduced

    chosen = {
        "--outcome": bool(job.outcomes),
        "--covariate": bool(job.covariates),
        "--batch": bool(job.batches),
        "--formula": bool(job.formula),
        "--where": bool(read.where),
        "--engine nuts": job.engine == "nuts",
    }
    named = [option for option, said in chosen.items() if said]
    if named:
        raise SpecError(
            f"{source} holds reduced rows, so {', '.join(named)} cannot be chosen any more",
            accepted="--seed, --draws, --chains",
            mend="choose when reducing: outcomemodels reduce --help",
        )
    reduced = load_reduced(source)
    with step(f"fitted {reduced.n_rows:,} reduced rows", quiet=quiet):
        return fit_reduced(
            reduced, seed=job.seed, draws=job.draws, chains=job.chains, progress=showing_progress(quiet=quiet)
        )
