"""``plugin new`` and ``plugin check``: starting a model of one's own, and holding it to what models promise."""

from __future__ import annotations

import json
import shutil
import sys
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import click

from outcomemodels.cli.options import json_option
from outcomemodels.errors import PluginError

if TYPE_CHECKING:
    from outcomemodels.plugin import OutcomeModel
    from outcomemodels.testing.results import CheckResult, Tier

TIERS: tuple[Tier, ...] = ("static", "graph", "sampling", "calibration")


@click.group(
    epilog="\b\nExamples:\n  outcomemodels plugin new therapist-slopes\n  outcomemodels plugin check paul --tier graph"
)
def plugin() -> None:
    """Write a model of your own, and check any model against what models promise."""


@plugin.command(epilog="\b\nExample:\n  outcomemodels plugin new therapist-slopes\n  pip install -e ./therapist-slopes")
@click.argument("name")
@click.option("--out", type=click.Path(path_type=Path), help="Folder to write to; ./NAME when absent.")
def new(name: str, out: Path | None) -> None:
    """Write a working plugin NAME: a distribution with a model, an entry point and tests that pass."""
    from outcomemodels.testing.scaffold import new_plugin

    folder = Path(name) if out is None else out
    written = new_plugin(name, folder)
    for path in written:
        click.echo(str(path))
    click.echo(f"next: pip install -e {folder}; outcomemodels plugin check {name}; then change {written[3]}", err=True)


@plugin.command(
    epilog="\b\nExamples:\n  outcomemodels plugin check paul\n"
    "  outcomemodels plugin check my_package.model:MyModel --tier sampling\n"
    "\b\nExit codes: 0 nothing to mend, 1 a check failed or the model could not be loaded."
)
@click.argument("model")
@click.option("--tier", type=click.Choice(TIERS), default="graph", show_default=True, help="The last tier to run.")
@click.option("--only", multiple=True, help="Run only this check, and those it comes after; may be repeated.")
@click.option(
    "--expect", multiple=True, metavar="CHECK=REASON", help="A failure known of; may be repeated. A pass is reported."
)
@click.option("--seed", default=1, show_default=True, help="Seed of the worlds and of fits.")
@json_option
def check(model: str, tier: Tier, only: tuple[str, ...], expect: tuple[str, ...], seed: int, as_json: bool) -> None:
    """Check MODEL, an installed name or module:Class, and print one line a check."""
    from outcomemodels.testing import all_ok, check_model, format_results

    made = model_from(model)
    known = dict(each.partition("=")[::2] for each in expect)
    progress = sys.stderr.isatty() and not as_json

    def tell(result: CheckResult) -> None:
        if progress:
            click.echo(f"\r\033[K{result.name}", err=True, nl=False)

    try:
        results = check_model(made, tier=tier, only=only, expected_failures=known, seed=seed, on_result=tell)
    except LookupError as error:
        raise click.UsageError(str(error.args[0])) from error
    if progress:
        click.echo("\r\033[K", err=True, nl=False)
    if as_json:
        click.echo(json.dumps([r.to_dict() for r in results], ensure_ascii=False, indent=1))
    else:
        click.echo(format_results(results, width=shutil.get_terminal_size((140, 24)).columns))
        for r in results:
            if not r.ok:
                click.echo(f"\n{r.name}: {r.outcome}\n  {r.message}")
    if not all_ok(results):
        sys.exit(1)


def model_from(name: str) -> OutcomeModel:
    """A model by its installed name, or by ``module:Class`` from the path.

    Raises
    ------
    PluginError
        If it cannot be found or made.
    """
    if ":" not in name:
        from outcomemodels.registry import load_model

        return load_model(name)
    module, _, attribute = name.partition(":")
    if "" not in sys.path:
        sys.path.insert(0, "")
    try:
        found: object = getattr(import_module(module), attribute)
        made: OutcomeModel = found() if isinstance(found, type) else found  # type: ignore[assignment]
    except Exception as error:
        raise PluginError(
            f"{name} could not be loaded: {type(error).__name__}: {error}",
            accepted="an installed model, or module:Class with defaults for every field",
        ) from error
    return made
