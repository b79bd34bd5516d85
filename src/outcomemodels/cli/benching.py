"""``bench``: cases, entrants, the gate, the truth bench, and the page that shows them."""

from __future__ import annotations

import json
from pathlib import Path

import click

from outcomemodels.cli.options import json_option, quiet_option

RESULTS, TRUTH = "results.jsonl", "truth.jsonl"
"""Files in the folder of results."""
QUICK_ENTRANTS = ("collapsed", "nutpie-noncentred", "numpyro", "lme4")


@click.group(
    epilog="\b\nExamples:\n  outcomemodels bench list\n  outcomemodels bench run --quick"
    "\n  outcomemodels bench run --case crossed-1e4 --entrant nutpie-centred --entrant lme4 --total 1500"
    "\n  outcomemodels bench truth --model paul"
)
def bench() -> None:
    """Hold posteriors against references, then time them; hold models against known truth."""


@bench.command("list", epilog="\b\nExample:\n  outcomemodels bench list")
@json_option
def list_(as_json: bool) -> None:
    """List cases and entrants; those of other packages are named and not loaded."""
    from outcomemodels.benchmarking import cases, entrants, reference

    built = {c.name: c for c in cases.BUILT_IN}
    made = {e.name: e for e in entrants.BUILT_IN}
    rows = [
        {
            "case": name,
            "question": built[name].question if name in built else "registered by another package",
            "data": (built[name].needs or "simulated") if name in built else "",
            "reference": reference.load_reference(name) is not None,
        }
        for name in cases.available_cases()
    ]
    listed = [
        {
            "entrant": name,
            "kind": made[name].kind if name in made else "",
            "needs": (", ".join(made[name].requirements) or "nothing more") if name in made else "another package",
            "note": made[name].note if name in made else "",
        }
        for name in entrants.available_entrants()
    ]
    if as_json:
        click.echo(json.dumps({"cases": rows, "entrants": listed}, ensure_ascii=False, indent=1))
        return
    click.echo("Cases (* has a reference posterior)")
    for row in rows:
        click.echo(f"  {row['case']:<22}{'*' if row['reference'] else ' '} {row['question']} [{row['data']}]")
    click.echo("\nEntrants")
    for each in listed:
        tail = f" ({each['note']})" if each["note"] else ""
        click.echo(f"  {each['entrant']:<22}  {each['kind']}{tail}; needs {each['needs']}")


@bench.command(
    epilog="\b\nExamples:\n  outcomemodels bench run --quick"
    "\n  outcomemodels bench run --case insteval --limit 180 --total 900\n\n"
    "A run that was stopped goes on with the same command; --fresh starts again."
)
@click.option("--quick", is_flag=True, help="Two small cases, a few entrants, under ten minutes on two cores.")
@click.option("--case", "case_names", multiple=True, metavar="NAME", help="Run this case; repeat for more.")
@click.option("--entrant", "entrant_names", multiple=True, metavar="NAME", help="Run this entrant; repeat for more.")
@click.option("--repeats", default=3, show_default=True, help="Rounds, each with its own seed.")
@click.option("--limit", default=300.0, show_default=True, help="Seconds one run may take, compilation included.")
@click.option("--total", default=3600.0, show_default=True, help="Seconds after which nothing new is started.")
@click.option("--draws", default=500, show_default=True, help="Draws a chain, for samplers.")
@click.option("--tune", default=500, show_default=True, help="Tuning draws a chain.")
@click.option("--chains", default=2, show_default=True, help="Chains.")
@click.option("--fresh", is_flag=True, help="Forget what is kept of these entrants at these cases.")
@click.option(
    "--out", type=click.Path(path_type=Path), default=Path("bench"), show_default=True, help="Folder of the results."
)
@quiet_option
def run(
    quick: bool,
    case_names: tuple[str, ...],
    entrant_names: tuple[str, ...],
    repeats: int,
    limit: float,
    total: float,
    draws: int,
    tune: int,
    chains: int,
    fresh: bool,
    out: Path,
    quiet: bool,
) -> None:
    """Run cases and entrants, core between peers, and write results.jsonl, results.json and page.html into --out."""
    from outcomemodels.benchmarking import cases, entrants
    from outcomemodels.benchmarking.cases import load_case
    from outcomemodels.benchmarking.entrants import CORE, load_entrant
    from outcomemodels.benchmarking.environments import cache_folder
    from outcomemodels.benchmarking.schedule import Plan, forget, run_plan

    if quick:
        case_names = case_names or tuple(c.name for c in cases.BUILT_IN if c.quick)
        entrant_names = entrant_names or QUICK_ENTRANTS
        limit, total = min(limit, 90.0), min(total, 480.0)
    names = tuple(dict.fromkeys((CORE, *(entrant_names or [e.name for e in entrants.BUILT_IN]))))
    plan = Plan(
        cases=[load_case(name) for name in case_names or [c.name for c in cases.BUILT_IN]],
        entrants=[load_entrant(name) for name in names],
        repeats=repeats,
        limit=limit,
        total=total,
        draws=draws,
        tune=tune,
        chains=chains,
    )
    results, cache = out / RESULTS, cache_folder()
    if fresh:
        forget(results, cache, [case.name for case in plan.cases], names)
    run_plan(plan, results, cache, lambda text: None if quiet else click.echo(text, err=True))
    _write(out)


@bench.command(epilog="\b\nExample:\n  outcomemodels bench show --out bench --markdown benchmarks/RESULTS.md")
@click.option(
    "--out", type=click.Path(path_type=Path), default=Path("bench"), show_default=True, help="Folder of the results."
)
@click.option("--markdown", type=click.Path(path_type=Path), help="Write the tables as Markdown here.")
def show(out: Path, markdown: Path | None) -> None:
    """Write the page again from the results kept, print the tables, and write them as Markdown where asked."""
    text = _write(out)
    if markdown is not None:
        markdown.write_text(text, encoding="utf-8")
        click.echo(f"{markdown} written", err=True)
    else:
        click.echo(text)


def _write(out: Path) -> str:
    from dataclasses import asdict

    from outcomemodels.benchmarking import page
    from outcomemodels.benchmarking.lines import finite_or_null
    from outcomemodels.benchmarking.results import rows_of
    from outcomemodels.benchmarking.schedule import read_records
    from outcomemodels.benchmarking.truth_scores import read_scores
    from outcomemodels.errors import FileError

    records, scores = read_records(out / RESULTS), read_scores(out / TRUTH)
    if not records and not scores:
        raise FileError(f"no results in {out}", mend="outcomemodels bench run --quick")
    rows = rows_of(records)
    made, where = page.where_made(records, scores)
    (out / "page.html").write_text(page.page(rows, scores, made=made, where=where), encoding="utf-8")
    words = {
        "made": made,
        "where": where,
        "rows": [asdict(row, dict_factory=finite_or_null) for row in rows],
        "truth": [asdict(score, dict_factory=finite_or_null) for score in scores],
    }
    (out / "results.json").write_text(json.dumps(words, indent=1, allow_nan=False), encoding="utf-8")
    click.echo(f"{out / 'page.html'} and {out / 'results.json'} written", err=True)
    return page.markdown(rows, scores, made=made, where=where)


@bench.command(
    epilog="\b\nExample:\n  outcomemodels bench reference sleepstudy --out sleepstudy.json\n\n"
    "Pieces with new seeds are added until every variance parameter and fixed column has 10,000 effective draws."
)
@click.argument("case")
@click.option(
    "--parametrisation",
    default="whitened",
    show_default=True,
    help="whitened (a fixed linear change of variables first), or words joined by +: noncentred, centred, low_rank, "
    "own_rows (effects of one row each are integrated out).",
)
@click.option("--draws", default=8000, show_default=True, help="Draws a chain in each piece.")
@click.option("--tune", default=1000, show_default=True, help="Tuning draws a chain.")
@click.option("--pieces", default=4, show_default=True, help="Pieces at most; each is kept and none is made twice.")
@click.option("--target-accept", default=0.95, show_default=True)
@click.option("--limit", default=3600.0, show_default=True, help="Seconds one piece may take.")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Write the summary here.")
def reference(
    case: str, parametrisation: str, draws: int, tune: int, pieces: int, target_accept: float, limit: float, out: Path
) -> None:
    """Make the reference posterior of CASE again: nutpie on the rows, two chains a piece."""
    from outcomemodels.benchmarking.cases import load_case
    from outcomemodels.benchmarking.environments import cache_folder
    from outcomemodels.benchmarking.longrun import make_reference

    made = make_reference(
        load_case(case),
        cache_folder(),
        parametrisation=parametrisation,
        draws=draws,
        tune=tune,
        pieces=pieces,
        target_accept=target_accept,
        limit=limit,
        say=lambda text: click.echo(text, err=True),
    )
    made.save(out)
    failed = [name for name, passed in made.checks.items() if not passed]
    click.echo(f"{out}: {'every check passed' if not failed else 'failed: ' + ', '.join(failed)}", err=True)


@bench.command(
    epilog="\b\nExamples:\n  outcomemodels bench truth\n  outcomemodels bench truth --model my-model --worlds 50"
    "\n  outcomemodels bench truth --model my-model --alone"
)
@click.option("--model", "models", multiple=True, metavar="NAME", help="Installed model; repeat for more. [paul]")
@click.option("--worlds", default=10, show_default=True, help="Worlds of each kind.")
@click.option("--kind", "kinds", multiple=True, type=click.Choice(["crossed", "sparse", "varying", "disconnected"]))
@click.option("--alone", is_flag=True, help="Only the models named, without baselines and peers.")
@click.option("--peers/--no-peers", default=True, help="Bambi, lme4 and a forest, each in its own environment.")
@click.option(
    "--out", type=click.Path(path_type=Path), default=Path("bench"), show_default=True, help="Folder of the results."
)
@quiet_option
def truth(
    models: tuple[str, ...],
    worlds: int,
    kinds: tuple[str, ...],
    alone: bool,
    peers: bool,
    out: Path,
    quiet: bool,
) -> None:
    """Put models before worlds whose truth is known: coverage, error, regret, and honest labels.

    Scores are added to truth.jsonl in --out, and stand on page.html beside the posteriors. Scores of peers are kept;
    models are scored anew.
    """
    from outcomemodels.benchmarking import page, truth_models
    from outcomemodels.benchmarking.environments import cache_folder
    from outcomemodels.benchmarking.truth import run_truth
    from outcomemodels.benchmarking.truth_worlds import KINDS

    candidates = [truth_models.of_model(name) for name in models or ("paul",)]
    if not alone:
        candidates += truth_models.baselines()
        candidates += truth_models.peers(cache_folder()) if peers else ()
    scores = run_truth(
        candidates,
        worlds=worlds,
        kinds=kinds or tuple(KINDS),
        say=lambda text: None if quiet else click.echo(text, err=True),
        results=out / TRUTH,
    )
    made, where = page.where_made([], scores)
    click.echo(page.markdown([], scores, made=made, where=where))
    _write(out)
