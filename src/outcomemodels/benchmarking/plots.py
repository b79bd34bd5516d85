"""Pictures of the benchmark as inline SVG; matplotlib is imported inside, and never pyplot."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence

from outcomemodels.benchmarking.results import Row


def ratio_plot(rows: Sequence[Row]) -> str:
    """Core's effective draws a second over each peer's, log axis, least to most over repeats; empty without peers."""
    drawn = [r for r in rows if math.isfinite(r.ratio_variance.median)]
    if not drawn:
        return ""
    from matplotlib import rc_context
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    with rc_context({"svg.fonttype": "none", "svg.hashsalt": "bench", "font.family": "sans-serif"}):
        figure = Figure(figsize=(8, 0.9 + 0.5 * len(drawn)), layout="constrained")
        FigureCanvasSVG(figure)
        axes = figure.subplots()
        for i, row in enumerate(drawn):
            parts = ((row.ratio_variance, -0.12, "#1f5fa8", "o"), (row.ratio_fixed, 0.12, "#c4661f", "s"))
            for value, shift, colour, mark in parts:
                if math.isfinite(value.median):
                    axes.plot([value.low, value.high], [i + shift] * 2, color=colour, linewidth=2)
                    axes.plot(value.median, i + shift, mark, color=colour, markersize=6)
        axes.plot([], [], "o-", color="#1f5fa8", label="variance parameters")
        axes.plot([], [], "s-", color="#c4661f", label="fixed columns")
        axes.set_xscale("log")
        axes.axvline(1, color="#555", linewidth=1)
        axes.set_yticks(range(len(drawn)), [r.entrant for r in drawn])
        axes.set_ylim(len(drawn) - 0.5, -0.5)
        axes.set_xlabel("effective draws a second: core ÷ entrant (right of 1: the core is faster)")
        axes.grid(axis="x", which="both", color="#e4e4e4", linewidth=0.6)
        axes.spines[["top", "right"]].set_visible(False)
        figure.legend(loc="outside upper right", ncols=2, frameon=False, fontsize=9)
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    svg = buffer.getvalue()
    words = "; ".join(f"{r.entrant} {r.ratio_variance.median:.3g}" for r in drawn)
    title = f"<title>Core ÷ entrant, effective draws a second of variance parameters: {words}</title>"
    svg = svg[svg.index("<svg") :]
    first = svg.index(">") + 1
    return svg[:first].replace("<svg", '<svg role="img"') + title + svg[first:]
