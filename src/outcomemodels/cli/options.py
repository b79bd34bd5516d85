"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import wraps
from pathlib import Path
from typing import Any, Literal

import click

Command = Callable[..., Any]
Engine = Literal["auto", "nuts", "collapsed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class DataOptions:
    """What to read, and which rows of it."""

    schema: Path | None = None
    where: tuple[str, ...] = ()
    years: tuple[str, ...] = ()
    level: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobOptions:
    """What to fit, and how; empty tuples leave the choice to the model."""

    outcomes: tuple[str, ...] = ()
    model: str = "paul"
    covariates: tuple[str, ...] = ()
    batches: tuple[str, ...] = ()
    formula: str = ""
    engine: Engine = "auto"
    seed: int = 1
    draws: int = 1000
    tune: int = 1000
    chains: int = 4
    accept: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class QuestionOptions:
    """Paul's question, word by word."""

    problems: tuple[str, ...] = ()
    treatments: tuple[str, ...] = ()
    reference: str | None = None
    client: tuple[str, ...] = ()
    therapist: str = "new"
    setting: tuple[str, ...] = ()
    when: tuple[str, ...] = ()
    worthwhile: float | None = None

    @property
    def is_said(self) -> bool:
        """Whether anything of a question was said."""
        return self != QuestionOptions()


def _as_one(name: str, kind: type[Any], command: Command) -> Command:
    """The command with the values of several options as one argument ``name``."""

    @wraps(command)
    def collected(**values: Any) -> Any:
        one = kind(**{f.name: values.pop(f.name) for f in fields(kind)})
        return command(**{name: one}, **values)

    return collected


def data_options(command: Command) -> Command:
    """What to read, handed over as ``read``, a :class:`DataOptions`."""
    command = _as_one("read", DataOptions, command)
    for option in (
        click.option("--level", default="", help="NHS folders: provider, england, commissioner or region."),
        click.option("--years", multiple=True, metavar="YEAR", help="NHS folders: financial year such as 2023-24."),
        click.option("--where", multiple=True, metavar="FIELD=LABEL", help="Keep these rows; repeat for more."),
        click.option("--schema", type=click.Path(path_type=Path), help="TOML file that says what each column means."),
    ):
        command = option(command)
    return command


def fit_options(command: Command) -> Command:
    """What to fit, and how, handed over as ``job``, a :class:`JobOptions`."""
    command = _as_one("job", JobOptions, command)
    for option in (
        click.option("--accept", multiple=True, metavar="FINDING", help="Accept a blocking audit finding by name."),
        click.option("--chains", default=4, show_default=True, help="Chains."),
        click.option("--tune", default=1000, show_default=True, help="Tuning draws a chain, thrown away."),
        click.option("--draws", default=1000, show_default=True, help="Draws kept a chain."),
        click.option("--seed", default=1, show_default=True, help="Seed of everything random."),
        click.option(
            "--engine",
            type=click.Choice(["auto", "nuts", "collapsed"]),
            default="auto",
            show_default=True,
            help="auto takes the exact engine where the model allows, and says why.",
        ),
        click.option("--formula", default="", help="lme4-style: 'score ~ bdi_pre + (1|treatment)'."),
        click.option(
            "--batch", "batches", multiple=True, metavar="TERM", help="Batch of effects; replaces the default."
        ),
        click.option(
            "--covariate", "covariates", multiple=True, metavar="FIELD", help="Adjust for this; replaces the default."
        ),
        click.option("--model", default="paul", show_default=True, help="Installed model; see outcomemodels models."),
        click.option(
            "--outcome",
            "outcomes",
            multiple=True,
            metavar="[RESPONSE=]FIELD",
            help="What to explain; may be left out where there is only one. Repeat for a model of several responses.",
        ),
    ):
        command = option(command)
    return command


def question_options(command: Command) -> Command:
    """Paul's question, handed over as ``question``, a :class:`QuestionOptions`."""
    command = _as_one("question", QuestionOptions, command)
    for option in (
        click.option("--worthwhile", type=float, help="Smallest difference worth having, in outcome units."),
        click.option("--when", multiple=True, metavar="FIELD=VALUE", help="Time, for instance weeks=26."),
        click.option(
            "--setting", multiple=True, metavar="LABEL", help="new, unknown, a label, or FIELD=LABEL. [default: new]"
        ),
        click.option("--therapist", default="new", show_default=True, help="new, unknown, or a label."),
        click.option("--client", multiple=True, metavar="FIELD=VALUE", help="What is known of the client: age=34."),
        click.option("--reference", help="Treatment the others are held against."),
        click.option("--treatment", "treatments", multiple=True, help="Compare these only; repeat for more."),
        click.option("--problem", "problems", multiple=True, help="Ask about this problem; repeat for more."),
    ):
        command = option(command)
    return command


json_option = click.option("--json", "as_json", is_flag=True, help="Write JSON to stdout, for scripts.")
suppress_option = click.option(
    "--suppress", is_flag=True, help="Hide counts below 5 and round the others to 5 in everything exported; says so."
)
quiet_option = click.option("--quiet", "-q", is_flag=True, help="No progress on stderr.")


response_option = click.option("--response", default="", help="Which of several responses; the first when absent.")
