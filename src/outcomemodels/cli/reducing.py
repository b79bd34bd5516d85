"""``reduce``, ``packet`` and ``merge``: files larger than memory, and sites that may not share rows."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import click

from outcomemodels.cli.options import quiet_option
from outcomemodels.cli.sources import showing_progress, step

OUT = click.Path(path_type=Path)

REDUCE_EXAMPLES = """\b
Examples:
  outcomemodels reduce episodes.parquet --schema paul.toml --outcome phq9_end --out stats.nc
  outcomemodels reduce years/ --schema paul.toml --outcome phq9_end --checkpoint part.npz
  outcomemodels fit stats.nc --out fit.nc"""


@click.command(epilog=REDUCE_EXAMPLES)
@click.argument("source", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--schema", type=OUT, required=True, help="TOML file that says what each column means.")
@click.option("--outcome", default="", help="What to explain; may be left out where there is only one.")
@click.option("--model", default="paul", show_default=True, help="Installed linear model; see outcomemodels models.")
@click.option(
    "--covariate", "covariates", multiple=True, metavar="FIELD", help="Adjust for this; replaces the default."
)
@click.option("--batch", "batches", multiple=True, metavar="TERM", help="Batch of effects; replaces the default.")
@click.option("--formula", default="", help="lme4-style: 'score ~ bdi_pre + (1|treatment)'.")
@click.option("--noise-by", default="", metavar="FIELD", help="Field whose labels have their own residual SD.")
@click.option("--checkpoint", type=OUT, help="File to go on from after a kill, with identical numbers.")
@click.option("--out", type=OUT, default=Path("stats.nc"), show_default=True, help=".nc or .zarr")
@quiet_option
def reduce(
    source: tuple[Path, ...],
    schema: Path,
    outcome: str,
    model: str,
    covariates: tuple[str, ...],
    batches: tuple[str, ...],
    formula: str,
    noise_by: str,
    checkpoint: Path | None,
    out: Path,
    quiet: bool,
) -> None:
    """Reduce SOURCE to sums, in one pass and bounded memory; fit goes on from them without the rows.

    SOURCE is one or more parquet files, a folder of them, or a csv file (plain, .gz or .zip).
    """
    with step("loaded the machinery", quiet=quiet):
        from outcomemodels.workflow import reduce as work
    told = quiet or showing_progress(quiet=quiet)
    with step(f"reduced {', '.join(p.name for p in source)}", quiet=told):
        made = work(
            source[0] if len(source) == 1 else list(source), schema=schema, outcome=outcome, model=model,
            covariates=list(covariates) or None, batches=list(batches) or None, formula=formula, noise_by=noise_by,
            checkpoint=checkpoint, progress=showing_progress(quiet=quiet),
        )  # fmt: skip
    with step(f"saved {out}", quiet=quiet):
        made.save(out)
    click.echo(repr(made))


PACKET_EXAMPLES = """\b
Examples:
  outcomemodels packet stats.nc --site leeds --check
  outcomemodels packet stats.nc --site leeds --minimum 10 --small suppress --out leeds.nc"""


@click.command(epilog=PACKET_EXAMPLES)
@click.argument("stats", type=click.Path(path_type=Path))
@click.option("--site", required=True, help="Name the therapists are numbered under; must differ between sites.")
@click.option("--minimum", default=10, show_default=True, help="Fewest courses behind any count that is shown.")
@click.option(
    "--small",
    type=click.Choice(["refuse", "suppress"]),
    default="refuse",
    show_default=True,
    help="What to do with smaller counts; suppressing marks the packet approximate.",
)
@click.option("--round-to", default=0, help="Round courses of each cell to a multiple; marks the packet approximate.")
@click.option("--check", is_flag=True, help="Only say which counts are small; write nothing.")
@click.option("--out", type=OUT, default=Path("packet.nc"), show_default=True, help=".nc or .zarr")
def packet(
    stats: Path, site: str, minimum: int, small: Literal["refuse", "suppress"], round_to: int, check: bool, out: Path
) -> None:
    """Make of the reduced rows in STATS what a site may hand over: no rows, no names, no small counts."""
    from outcomemodels.inference.collapsed.packets import check_disclosure
    from outcomemodels.workflow import export_packet, load_reduced

    reduced = load_reduced(stats)
    if check:
        click.echo(str(check_disclosure(reduced, minimum=minimum)))
        return
    made = export_packet(reduced, out, site=site, minimum=minimum, small=small, round_to=round_to)
    click.echo(repr(made))
    click.echo(f"Packet: {out}")


@click.command(epilog="\b\nExample:\n  outcomemodels merge leeds.nc york.nc hull.nc --out pooled.nc")
@click.argument("parts", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--out", type=OUT, default=Path("pooled.nc"), show_default=True, help=".nc or .zarr")
def merge(parts: tuple[Path, ...], out: Path) -> None:
    """Add the sums in PARTS, as if the rows behind them had been reduced together."""
    from outcomemodels.workflow import merge as work

    made = work(list(parts))
    made.save(out)
    click.echo(repr(made))
