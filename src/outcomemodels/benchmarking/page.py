"""The results as one page and as Markdown: what passed the gate, how fast it was, and what did not finish."""

from __future__ import annotations

import html
import math
from collections.abc import Iterable, Sequence

from outcomemodels.benchmarking.cases import load_case
from outcomemodels.benchmarking.plots import ratio_plot
from outcomemodels.benchmarking.results import Row, Spread
from outcomemodels.benchmarking.schedule import Record
from outcomemodels.benchmarking.truth_scores import Score
from outcomemodels.errors import PluginError

HEADS = (
    "entrant",
    "gate",
    "max |z|",
    "SD ratios",
    "runs",
    "compile s",
    "sample s",
    "post s",
    "ESS var. / fixed",
    "ESS/s var.",
    "ESS/s fixed",
    "core ÷ entrant, var.",
    "fixed",
    "MB",
)
SHORT = 0.01
"""Seconds of post-processing below which no more is said of them."""
TRUTH_HEADS = (
    "model",
    "world",
    "coverage of 80 % intervals",
    "RMSE of effects",
    "regret",
    "coverage where “data-informed”",
    "“not estimable” missed",
    "said in vain",
    "worlds",
)
TRUTH_RULE = (
    "Asked in every simulated world, for each problem: by how much does each treatment differ from the first, for a "
    "new therapist in a new service? The truth is that of twenty such newcomers, drawn from the world's population. "
    "RMSE and regret in points of the outcome. In the crossed worlds 600 clients and in the sparse ones 200, with "
    "effects of treatments that are the same in everybody's hands, as Bambi and lme4 are told here and paul is not; in "
    "the varying ones (1,000 clients) they differ between therapists and between services; in the disconnected ones no "
    "comparison links two halves of the treatments, and an honest model says “not estimable” across them. After ± "
    "stands the standard error over worlds."
)
RULES = (
    "Nothing is timed for an entrant that fails the gate: every |z| ≤ 3 and every ratio of SDs within 0.95–1.05 "
    "against a reference posterior of at least 10,000 effective draws, variance parameters and fixed columns alike. "
    "“Unresolved” says that a ratio lies outside by less than three of its own Monte Carlo errors. Point estimators "
    "(“near”) give no posterior: their seconds are of one estimate, and no effective draws are counted for them. "
    "Where no reference is kept, peers are held against the core, which shows agreement of two programs and no more; "
    "the core itself then stands as “no reference”.",
    "Every peer ran between two runs of the core; a ratio compares it with those two. Intervals are the least and the "
    "most over repeats. Effective draws: the smallest bulk ESS over the parameters named, for chains; the smaller of "
    "Kish and replicate size, for weights. Seconds leave out starting the program and reading the data; compiling, "
    "sampling and what is done with draws afterwards are apart, and a rate counts the last two. MB is the peak of the "
    "largest process.",
)


def markdown(rows: Sequence[Row], scores: Sequence[Score] = (), *, made: str, where: Sequence[str]) -> str:
    """RESULTS.md: one table a case, and the truth bench."""
    out = [
        "# Results of the benchmark",
        "",
        f"Written by `outcomemodels bench show --markdown`; runs of {made}.",
        "",
        *(f"- {line}" for line in where),
        "",
        *(f"{rule}\n" for rule in RULES if rows),
    ]
    for case in dict.fromkeys(r.case for r in rows):
        here = [r for r in rows if r.case == case]
        out += [f"## {case}", "", _question(case), "", *_lines(HEADS, [cells(row) for row in here])]
        out += ["", *(f"- {note}" for note in notes(here)), ""]
    if scores:
        out += ["## Truth", "", TRUTH_RULE, "", *_lines(TRUTH_HEADS, [truth_cells(s) for s in scores]), ""]
    return "\n".join(out).rstrip() + "\n"


def page(rows: Sequence[Row], scores: Sequence[Score] = (), *, made: str, where: Sequence[str]) -> str:
    """One self-contained HTML file."""
    escape = html.escape
    body = [
        "<h1>Benchmark: posteriors held against references, then timed</h1>",
        f"<p>Runs of {escape(made)}.</p>" + _list(where),
        *(f"<p>{escape(rule)}</p>" for rule in RULES if rows),
    ]
    for case in dict.fromkeys(r.case for r in rows):
        here = [r for r in rows if r.case == case]
        body += [f"<section><h2>{escape(case)}</h2><p>{escape(_question(case))}</p>"]
        picture = ratio_plot(here)
        if picture:
            body.append(f"<figure>{picture}</figure>")
        closed = [row.status == "done" and not row.gate.open for row in here]
        caption = f"{case}: the gate, then seconds and effective draws"
        body.append(_table(caption, HEADS, [cells(row) for row in here], closed))
        body.append(_list(notes(here)) + "</section>")
    if scores:
        failed = [bool(s.failure) for s in scores]
        body.append(f"<section><h2>Truth</h2><p>{escape(TRUTH_RULE)}</p>")
        body.append(_table("Scores in worlds whose truth is known", TRUTH_HEADS, map(truth_cells, scores), failed))
        body.append("</section>")
    return _PAGE.replace("BODY", "\n".join(body))


def where_made(records: Sequence[Record], scores: Sequence[Score] = ()) -> tuple[str, tuple[str, ...]]:
    """First and last day of the runs, and lines on the machines they were of and how busy those were."""
    every: list[Record | Score] = [*records, *scores]
    days = sorted({each.at[:10] for each in every if each.at})
    made = " to ".join(dict.fromkeys((days[0], days[-1]))) if days else "an unknown day"
    machines = dict.fromkeys(each.machine for each in every if each.machine)
    load = Spread.of([r.measured.load for r in records])
    lines = [f"machine: {each}" for each in machines]
    if math.isfinite(load.median):
        lines.append(f"load of the machine before a run, the run before it included: {spread(load)}")
    return made, tuple(lines)


def _lines(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """A table as Markdown; a bar within a cell would end it, and is escaped."""
    every = (heads, ["---"] * len(heads), *rows)
    return ["| " + " | ".join(cell.replace("|", r"\|") for cell in line) + " |" for line in every]


def _table(caption: str, heads: Sequence[str], rows: Iterable[Sequence[str]], marked: Sequence[bool]) -> str:
    """A table as HTML; the first cell of a row names it, and rows marked are set in red."""
    escape = html.escape
    head = "".join(f'<th scope="col">{escape(h)}</th>' for h in heads)
    lines = []
    for (first, *rest), mark in zip(rows, marked, strict=True):
        inner = "".join(f"<td>{escape(c)}</td>" for c in rest)
        lines.append(f'<tr class="{"closed" if mark else ""}"><th scope="row">{escape(first)}</th>{inner}</tr>')
    return (
        f'<div class="wide"><table><caption>{escape(caption)}</caption>'
        f"<thead><tr>{head}</tr></thead><tbody>{''.join(lines)}</tbody></table></div>"
    )


def _list(words: Sequence[str]) -> str:
    """Lines as an HTML list, nothing for none."""
    inner = "".join(f"<li>{html.escape(each)}</li>" for each in words)
    return f"<ul>{inner}</ul>" if inner else ""


def truth_cells(score: Score) -> tuple[str, ...]:
    """Words of one score, in the order of the heads; a mean is followed by its standard error over worlds."""
    each = (score.coverage, score.rmse, score.regret, score.honest, score.missed, score.false_alarms)
    return (
        score.name,
        score.kind,
        *(
            "–" if math.isnan(s.value) else f"{s.value:.2f}" + (f" ± {s.error:.2f}" if math.isfinite(s.error) else "")
            for s in each
        ),
        score.failure or str(score.worlds),
    )


def cells(row: Row) -> tuple[str, ...]:
    """Words of one row, in the order of the heads."""
    least, most = row.gate.sd_ratios
    done = row.status == "done"
    timed = done and row.gate.open
    point = row.kind == "point"
    core = not point and math.isnan(row.ratio_variance.median)
    return (
        row.entrant,
        row.gate.verdict if done else "–",
        number(row.gate.largest_z) if not point else "–",
        f"{least:.2f}–{most:.2f}" if math.isfinite(least) and not point else "–",
        str(row.repeats),
        spread(row.compile) if timed else "–",
        spread(row.sample) if timed else ("withheld" if done else row.status),
        ("< 0.01" if row.post.high < SHORT else spread(row.post)) if timed else "–",
        "–" if point or not done else f"{number(row.ess_variance)} / {number(row.ess_fixed)}",
        spread(row.rate_variance) if timed and not point else "–",
        spread(row.rate_fixed) if timed and not point else "–",
        "–" if core or not timed else spread(row.ratio_variance),
        "–" if core or not timed else spread(row.ratio_fixed),
        number(row.memory),
    )


def notes(rows: Sequence[Row]) -> list[str]:
    """What has to be said beside the table: refusals, censoring, unresolved gates, versions."""
    out = []
    for row in rows:
        said = [] if row.status == "done" else [row.status]
        said += [row.gate.reason] if row.status == "done" and row.gate.reason else []
        said += [row.note] if row.note else []
        said += [row.versions] if row.versions else []
        if said:
            out.append(f"{row.entrant}: {'; '.join(said)}")
    return out


def number(value: float) -> str:
    """Three digits, thousands set apart, a dash for nothing."""
    if not math.isfinite(value):
        return "–"
    if value == 0:
        return "0"
    digits = max(0, 2 - math.floor(math.log10(abs(value))))
    return f"{value:,.{digits}f}" if digits else f"{float(f'{value:.3g}'):,.0f}"


def spread(value: Spread) -> str:
    """Median and, where there were several, the range."""
    if not math.isfinite(value.median):
        return "–"
    if value.low == value.high:
        return number(value.median)
    return f"{number(value.median)} ({number(value.low)}–{number(value.high)})"


def _question(case: str) -> str:
    try:
        return load_case(case).question
    except PluginError:
        return ""


_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Benchmark of outcomemodels</title>
<style>
body { font: 16px/1.5 system-ui, sans-serif; max-width: 72rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.6rem; } h2 { margin-top: 2.5rem; border-top: 1px solid #ccc; padding-top: 1rem; }
p, ul { max-width: 48rem; } .wide { overflow-x: auto; }
figure { margin: 1rem 0; } svg { max-width: 100%; height: auto; }
table { border-collapse: collapse; font-size: .85rem; font-variant-numeric: tabular-nums; }
caption { text-align: left; color: #555; padding-bottom: .3rem; }
th, td { padding: .3rem .6rem; text-align: right; border-bottom: 1px solid #ddd; }
th[scope=row], thead th:first-child { text-align: left; } tr.closed { color: #8a1c1c; }
li { font-size: .9rem; color: #444; }
</style></head><body>
BODY
</body></html>
"""
