"""``simulate``: small worlds, made-up NHS records, and answers held against their truth."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from outcomemodels.cli.job import leave
from outcomemodels.cli.options import QuestionOptions, json_option, question_options, quiet_option
from outcomemodels.cli.sources import questions

if TYPE_CHECKING:
    from outcomemodels.data.dataset import PaulDataset
    from outcomemodels.data.simulate import Truth

WORLDS = {
    "crossed": "Every therapist gives every treatment.",
    "disconnected": "Two halves no comparison can bridge.",
    "cells": "The crossed world as published means.",
    "counted": "Recovered of finished, as published counts.",
}


@click.group(
    epilog="\b\nExamples:\n  outcomemodels simulate crossed --out world.nc --seed 7"
    "\n  outcomemodels simulate nhs --referrals 1e5 --seed 1 --out folder"
)
def simulate() -> None:
    """Simulate a world and write it, with the truth beside it."""


def _world_command(name: str, text: str) -> click.Command:
    @click.command(name, help=text + " Writes the world, with the truth beside it as JSON.", short_help=text)
    @click.option(
        "--out", type=click.Path(path_type=Path), default=Path("world.nc"), show_default=True, help=".nc or .zarr"
    )
    @click.option("--seed", default=1, show_default=True, help="Seed.")
    def command(out: Path, seed: int) -> None:
        made, truth = _world(name, seed)
        made.save(out)
        beside = out.with_suffix(".truth.json")
        beside.write_text(json.dumps(asdict(truth), indent=1), encoding="utf-8")
        click.echo(f"{out}: {made.n:,} {made.grain.value}s; truth in {beside}", err=True)

    return command


for _name, _text in WORLDS.items():
    simulate.add_command(_world_command(_name, _text))


def _world(world: str, seed: int) -> tuple[PaulDataset, Truth]:
    from outcomemodels.data import simulate as worlds

    if world == "crossed":
        return worlds.crossed_world(seed)
    if world == "disconnected":
        return worlds.disconnected_world(seed)
    if world == "cells":
        return worlds.cells_world(seed)
    return worlds.counted_world(seed)


def _count(ctx: click.Context, param: click.Parameter, value: str) -> int:
    """A whole number, ``1e5`` allowed."""
    try:
        number = float(value.replace(",", "").replace("_", ""))
    except ValueError:
        raise click.BadParameter(f"{value!r} is not a number") from None
    if not number.is_integer():
        raise click.BadParameter(f"{value!r} is not a whole number")
    return int(number)


@simulate.command(
    epilog="\b\nExamples:\n  outcomemodels simulate nhs --referrals 1e5 --seed 1 --out folder"
    "\n  outcomemodels simulate nhs --referrals 2e4 --out folder --run"
    "\n  outcomemodels simulate nhs --out folder --format csv --version 2.0 --dirty"
    "\n  outcomemodels simulate nhs --out folder --set benefit.response_sd=3 --set 'benefit.by_arm[IPT]=1'"
)
@click.option("--out", type=click.Path(path_type=Path), required=True, help="A new or empty folder.")
@click.option("--referrals", default="10000", callback=_count, show_default=True, help="Referrals; 1e5 is understood.")
@click.option("--seed", default=1, show_default=True, help="Seed; the same seed gives the same folder.")
@click.option("--format", "file_format", type=click.Choice(["parquet", "csv"]), default="parquet", show_default=True)
@click.option("--version", type=click.Choice(["2.0", "2.1"]), default="2.1", show_default=True, help="Of the data set.")
@click.option("--dirty", is_flag=True, help="Add the defects real submissions have.")
@click.option("--derived", is_flag=True, help="Add derived fields of the national pipeline to IDS101.")
@click.option("--interviews", type=float, default=0.0, help="Share of clients interviewed independently.")
@click.option("--set", "given", multiple=True, metavar="NAME=NUMBER", help="Another value for a parameter.")
@click.option(
    "--assumptions/--no-assumptions", default=True, show_default=True, help="Print every parameter, with range and tag."
)
@click.option("--run", "go_on", is_flag=True, help="Then read, audit, fit, ask, report, and compare with the truth.")
@click.option("--where", multiple=True, metavar="FIELD=LABEL", help="With --run: rows to fit; finished=yes if absent.")
@click.option("--problem", "problems", multiple=True, help="With --run: problem to ask about; the commonest if absent.")
@json_option
@quiet_option
def nhs(
    out: Path,
    referrals: int,
    seed: int,
    file_format: Literal["parquet", "csv"],
    version: Literal["2.0", "2.1"],
    dirty: bool,
    derived: bool,
    interviews: float,
    given: tuple[str, ...],
    assumptions: bool,
    go_on: bool,
    where: tuple[str, ...],
    problems: tuple[str, ...],
    as_json: bool,
    quiet: bool,
) -> None:
    """Write made-up NHS Talking Therapies records: a folder of IDS tables, and the truth in its folder truth.

    The records are invented: they resemble published totals and nobody in particular. Prints how near the published
    numbers they come, each with its tag: V seen in a source, M from memory, D our own design.

    With --run the folder is read, audited, fitted, asked and reported too, and the answers are held against the truth.
    """
    from outcomemodels.data.nhs_simulation.simulate import simulate_nhs

    made = simulate_nhs(
        out,
        referrals=referrals,
        seed=seed,
        version=version,
        file_format=file_format,
        dirty=dirty,
        derived=derived,
        interview_share=interviews,
        values=dict(_setting(word) for word in given),
        progress=None if quiet else _progress(),
    )
    known = {"folder": str(out), "referrals": made.referrals, "persons": made.persons, "rows": dict(made.rows)}
    known |= made.calibration.to_dict()
    if go_on:
        from outcomemodels.cli.whole_way import WHERE, whole_way

        fitted, found = whole_way(out, where=where or WHERE, problems=problems, seed=seed, quiet=quiet)
        known |= {"report": str(out / "report.html"), "comparison": found.to_dict()}
    if as_json:
        click.echo(json.dumps(known, ensure_ascii=False, indent=1))
        return
    if assumptions and not quiet:
        for parameter in made.parameters.parameters.values():
            click.echo(parameter.line())
        click.echo()
    click.echo(str(made.calibration))
    click.echo(f"{out}: {made.referrals:,} referrals of {made.persons:,} people; truth in {out / 'truth'}", err=True)
    if go_on:
        click.echo(f"\n{found}\nReport: {out / 'report.html'}")
        leave(fitted)


def _setting(word: str) -> tuple[str, float]:
    name, sign, value = word.rpartition("=")
    try:
        number = float(value)
    except ValueError:
        number = float("nan")
    if not sign or not name or number != number:
        raise click.BadParameter(f"{word!r} is not of the form NAME=NUMBER", param_hint="--set")
    return name.strip(), number


def _progress() -> Callable[[int, int], None]:
    """Say on stderr how far it is, at every tenth."""
    said = [0]

    def tell(made: int, wanted: int) -> None:
        tenth = 10 * made // wanted
        if tenth > said[0]:
            said[0] = tenth
            click.echo(f"  {made:,} of {wanted:,} referrals", err=True)

    return tell


@simulate.command(
    epilog="\b\nExample:\n  outcomemodels simulate nhs --referrals 2e4 --out world"
    "\n  outcomemodels fit world --where finished=yes --outcome phq9_end --out fit.nc"
    "\n  outcomemodels simulate compare fit.nc world"
    "\n  outcomemodels simulate compare fit.nc world --problem PTSD --client age=34 --setting RX001"
)
@click.argument("fit_file", metavar="FIT", type=click.Path(path_type=Path))
@click.argument("truth_folder", metavar="WORLD", type=click.Path(path_type=Path))
@question_options
@click.option(
    "--quantity", type=click.Choice(["completed", "last_phq9", "last_gad7", "recovered"]), help="Which truth."
)
@click.option(
    "--among", type=click.Choice(["finishers", "entered", "referred"]), default="finishers", show_default=True
)
@json_option
def compare(
    fit_file: Path,
    truth_folder: Path,
    question: QuestionOptions,
    quantity: Literal["completed", "last_phq9", "last_gad7", "recovered"] | None,
    among: Literal["finishers", "entered", "referred"],
    as_json: bool,
) -> None:
    """Hold the answers of a saved FIT against the truth of the simulated WORLD its data came from.

    The truth is taken over the clients the question is about: those with the problem, near the age or first score, at
    the provider named. Without --problem the commonest problems are asked about.
    """
    from dataclasses import replace

    from outcomemodels.data.nhs_simulation.truth import load_truth
    from outcomemodels.estimands.against_truth import compare_with_truth
    from outcomemodels.reporting import default_questions
    from outcomemodels.workflow import ask, load_fit

    truth = load_truth(truth_folder)
    fitted = load_fit(fit_file)
    asked = questions(question)
    if not question.problems:
        asked = tuple(replace(asked[0], problem=q.problem) for q in default_questions(fitted.design))
    found = compare_with_truth([ask(fitted, q) for q in asked], truth, quantity=quantity, among=among)
    click.echo(json.dumps(found.to_dict(), ensure_ascii=False, indent=1) if as_json else str(found))
