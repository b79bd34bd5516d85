"""``models``, ``data`` and ``schema``: what there is, and saying what a table means."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from outcomemodels.cli.options import json_option
from outcomemodels.errors import FileError

if TYPE_CHECKING:
    from outcomemodels.plugin import ModelInfo


@click.command(epilog="\b\nExample:\n  outcomemodels models --verbose")
@click.option("--verbose", "-v", is_flag=True, help="Import each model: what it is and needs, or why it fails.")
@json_option
def models(verbose: bool, as_json: bool) -> None:
    """List installed models: name, distribution, version, class.

    Only --verbose imports them, for what only they know: outcomes, facets and occasions they need, and what
    somebody new is to them. One that fails is said to fail; the others are listed all the same.
    """
    from outcomemodels.errors import PluginError
    from outcomemodels.registry import available, load_model

    rows = []
    for entry in available():
        row = {"name": entry.name, "distribution": entry.distribution, "version": entry.version, "class": entry.target}
        if verbose:
            try:
                info = load_model(entry.name).info
                row |= {"summary": info.summary, **_needs(info), "problem": ""}
            except PluginError as error:
                row |= {"summary": "", "outcome": "", "facets": "", "occasions": "", "new": "", "problem": str(error)}
        rows.append(row)
    if as_json:
        click.echo(json.dumps(rows, ensure_ascii=False, indent=1))
        return
    for row in rows:
        click.echo(f"{row['name']}  ({row['distribution']} {row['version']}, {row['class']})")
        if verbose:
            if row["problem"]:
                click.echo(f"  {row['problem']}")
                continue
            click.echo(f"  {row['summary']}")
            for what in ("outcome", "facets", "occasions", "new"):
                if row[what]:
                    click.echo(f"  {what + ':':<10} {row[what]}")


def _needs(info: ModelInfo) -> dict[str, str]:
    """Needs of a model as words."""
    needs = info.needs
    outcome = (
        " and ".join(f"{kind} ({name})" for name, kind in needs.outcome.items())
        if isinstance(needs.outcome, Mapping)
        else " or ".join(needs.outcome)
    )
    return {
        "outcome": outcome,
        "facets": ", ".join(needs.facets),
        "occasions": f"{needs.min_occasions} or more scores in time a client" if needs.min_occasions > 1 else "",
        "new": ", ".join(f"{facet} {'drawn' if p == 'draw' else 'refused'}" for facet, p in info.unseen.items()),
    }


@click.command(epilog="\b\nExample:\n  outcomemodels data")
@json_option
def data(as_json: bool) -> None:
    """List the data sets that run, audit and fit take by name."""
    from outcomemodels.data.embedded import available

    names = available()
    if as_json:
        click.echo(json.dumps(names, ensure_ascii=False, indent=1))
        return
    for name, text in names.items():
        click.echo(f"{name}\n  {text}")


@click.group()
def schema() -> None:
    """Say what each column of a table means: draft it, then check a table against it."""


@schema.command(epilog="\b\nExample:\n  outcomemodels schema init episodes.csv --out paul.toml")
@click.argument("table", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), help="Write here instead of stdout; never overwrites.")
@click.option("--name", default="", help="Name of the schema; the file's name when absent.")
def init(table: Path, out: Path | None, name: str) -> None:
    """Draft a schema from the columns of TABLE. Every guess is by name or look: read it before use."""
    from outcomemodels.data.draft import draft_schema
    from outcomemodels.schema.toml import schema_to_toml

    text = schema_to_toml(draft_schema(table, name=name))
    if out is None:
        click.echo(text, nl=False)
        return
    if out.exists():
        raise FileError(f"{out} exists already", mend="choose another --out, or remove the file")
    out.write_text(text, encoding="utf-8")
    click.echo(f"drafted {out}: look over facet, units and how each value was established", err=True)


@schema.command(epilog="\b\nExample:\n  outcomemodels schema check episodes.csv paul.toml")
@click.argument("table", type=click.Path(path_type=Path))
@click.argument("schema_file", metavar="SCHEMA", type=click.Path(path_type=Path))
@json_option
def check(table: Path, schema_file: Path, as_json: bool) -> None:
    """Read TABLE against SCHEMA and show what it holds; exit code 1 names the first thing to mend."""
    from outcomemodels.data.read import read

    found = read(table, schema=schema_file)
    if as_json:
        known = {"name": found.schema.name, "grain": found.grain.value, "rows": found.n, "assessments":
                 found.n_assessments, "outcomes": list(found.outcomes), "digest": found.digest()}  # fmt: skip
        click.echo(json.dumps(known, ensure_ascii=False, indent=1))
    else:
        click.echo(repr(found))
