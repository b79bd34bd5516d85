"""The command group, and what every command shares: how errors are told and which exit code they bring."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module

import click

from outcomemodels import __version__
from outcomemodels.errors import OutcomeModelsError

COMMANDS: dict[str, tuple[str, str, str]] = {
    "run": (
        "outcomemodels.cli.job",
        "run",
        "Read, audit, fit, ask and write the report: the whole way in one command.",
    ),
    "audit": ("outcomemodels.cli.job", "audit", "Say what a data set can and cannot answer."),
    "fit": ("outcomemodels.cli.job", "fit", "Fit a model and save it."),
    "reduce": (
        "outcomemodels.cli.reducing",
        "reduce",
        "Reduce a table of any length to the sums an exact fit needs.",
    ),
    "packet": ("outcomemodels.cli.reducing", "packet", "Make of reduced rows what a site may hand over."),
    "merge": ("outcomemodels.cli.reducing", "merge", "Add reduced tables or the packets of several sites."),
    "ask": ("outcomemodels.cli.asking", "ask", "Put Paul's question to a saved fit."),
    "report": ("outcomemodels.cli.asking", "report", "Write the report of a saved fit."),
    "models": ("outcomemodels.cli.listing", "models", "List the installed models."),
    "plugin": ("outcomemodels.cli.plugin", "plugin", "Write a model of your own, or check one."),
    "data": ("outcomemodels.cli.listing", "data", "List the data sets known by name, with their licences."),
    "schema": ("outcomemodels.cli.listing", "schema", "Draft a schema from a table, or check a table against one."),
    "bench": ("outcomemodels.cli.benching", "bench", "Hold posteriors against references, then time them."),
    "simulate": ("outcomemodels.cli.simulating", "simulate", "Write a simulated data set whose truth is known."),
}

EXIT_ERROR, EXIT_NOT_CONVERGED = 1, 3


class LazyGroup(click.Group):
    """A group that imports a command's module when that command runs, not when help is shown."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names in the order of a job."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one command."""
        if cmd_name not in COMMANDS:
            return None
        module, name, _ = COMMANDS[cmd_name]
        command = getattr(import_module(module), name)
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, _, text) in COMMANDS.items()])


EPILOG = """\b
Examples:
  outcomemodels run                          the embedded trial, into report.html
  outcomemodels run episodes.csv --schema paul.toml --outcome phq9_end
  outcomemodels COMMAND --help               options and an example for each command

\b
Exit codes: 0 well, 1 something to mend (told on stderr), 2 wrong usage, 3 the fit did not converge."""


@click.group(
    cls=LazyGroup, epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.version_option(__version__, prog_name="outcomemodels")
def cli() -> None:
    """What works for whom in psychotherapy, as far as the data allow."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; errors of our family become a message and exit code 1."""
    try:
        cli.main(args=None if arguments is None else list(arguments), prog_name="outcomemodels", standalone_mode=True)
    except OutcomeModelsError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(EXIT_ERROR)
