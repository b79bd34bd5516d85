"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

Command = Callable[..., Any]


def data_options(command: Command) -> Command:
    """What to read, and which rows of it."""
    for option in (
        click.option("--level", default="", help="NHS folders: provider, england, commissioner or region."),
        click.option("--years", multiple=True, metavar="YEAR", help="NHS folders: financial year such as 2023-24."),
        click.option("--where", multiple=True, metavar="FIELD=LABEL", help="Keep these rows; repeat for more."),
        click.option("--schema", type=click.Path(path_type=Path), help="TOML file that says what each column means."),
    ):
        command = option(command)
    return command


def fit_options(command: Command) -> Command:
    """What to fit, and how."""
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
    """Paul's question, word by word."""
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
