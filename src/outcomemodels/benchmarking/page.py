"""The results as one page and as Markdown: what passed the gate, how fast it was, and what did not finish."""

from __future__ import annotations

import html
import math
import os
import platform
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version

from outcomemodels.benchmarking.cases import load_case
from outcomemodels.benchmarking.plots import ratio_plot
from outcomemodels.benchmarking.results import Row, Spread
from outcomemodels.errors import PluginError

HEADS = (
    "entrant",
    "gate",
    "max |z|",
    "SD ratios",
    "runs",
    "compile s",
    "sample s",
    "ESS var. / fixed",
    "ESS/s var.",
    "ESS/s fixed",
    "core ÷ entrant, var.",
    "fixed",
    "MB",
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
    "Kish and replicate size, for weights. Seconds leave out starting the program, reading the data and compiling; "
    "compiling is shown apart. MB is the peak of the largest process.",
)


def machine(shared: bool = True) -> str:
    """The machine in words, without its name."""
    cores = os.cpu_count() or 1
    busy = ", shared with other work" if shared else ""
    packages = ", ".join(f"{name} {version(name)}" for name in ("outcomemodels", "numpy", "scipy", "numba"))
    return (
        f"{cores} cores{busy}, {platform.machine()} {platform.system()}, Python {platform.python_version()}, {packages}"
    )


def today() -> str:
    """Date, UTC."""
    return datetime.now(UTC).date().isoformat()


def markdown(rows: Sequence[Row], *, made: str, where: str) -> str:
    """RESULTS.md: one table a case."""
    out = [
        "# Results of the benchmark",
        "",
        f"Written by `outcomemodels bench show --markdown` on {made}. Machine: {where}.",
        "",
        *(f"{rule}\n" for rule in RULES),
    ]
    for case in dict.fromkeys(r.case for r in rows):
        out += [f"## {case}", "", _question(case), ""]
        out += ["| " + " | ".join(HEADS) + " |", "|" + "---|" * len(HEADS)]
        here = [r for r in rows if r.case == case]
        out += ["| " + " | ".join(cells(row)) + " |" for row in here]
        out += ["", *(f"- {note}" for note in notes(here)), ""]
    return "\n".join(out).rstrip() + "\n"


def page(rows: Sequence[Row], *, made: str, where: str) -> str:
    """One self-contained HTML file."""
    escape = html.escape
    body = [
        "<h1>Benchmark: posteriors held against references, then timed</h1>",
        f"<p>{escape(made)}. Machine: {escape(where)}.</p>",
        *(f"<p>{escape(rule)}</p>" for rule in RULES),
    ]
    for case in dict.fromkeys(r.case for r in rows):
        here = [r for r in rows if r.case == case]
        body += [f"<section><h2>{escape(case)}</h2><p>{escape(_question(case))}</p>"]
        picture = ratio_plot(here)
        if picture:
            body.append(f"<figure>{picture}</figure>")
        head = "".join(f'<th scope="col">{escape(h)}</th>' for h in HEADS)
        lines = []
        for row in here:
            first, *rest = cells(row)
            kind = "closed" if row.status == "done" and not row.gate.open else ""
            inner = "".join(f"<td>{escape(c)}</td>" for c in rest)
            lines.append(f'<tr class="{kind}"><th scope="row">{escape(first)}</th>{inner}</tr>')
        body.append(
            f'<div class="wide"><table><caption>{escape(case)}: the gate, then seconds and effective draws'
            f"</caption><thead><tr>{head}</tr></thead><tbody>{''.join(lines)}</tbody></table></div>"
        )
        listed = "".join(f"<li>{escape(n)}</li>" for n in notes(here))
        body.append((f"<ul>{listed}</ul>" if listed else "") + "</section>")
    return _PAGE.replace("BODY", "\n".join(body))


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
