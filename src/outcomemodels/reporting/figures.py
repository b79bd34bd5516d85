"""Pictures as inline SVG with a title and a description. matplotlib is imported inside, and never pyplot."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

from outcomemodels.estimands import Answer, Decomposition, Label
from outcomemodels.reporting import words
from outcomemodels.reporting.levels import LevelEffects

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as MplFigure

INK, MUTED, GRID = "#1d2a35", "#55626e", "#dfe4e8"
COLOURS = {
    Label.DATA_INFORMED: "#0b5d69",
    Label.WEAKLY_INFORMED: "#9a5b00",
    Label.PRIOR_DRIVEN: "#6a7480",
    Label.NOT_ESTIMABLE: "#6a7480",
}
MARKERS = {
    Label.DATA_INFORMED: "o",
    Label.WEAKLY_INFORMED: "D",
    Label.PRIOR_DRIVEN: "s",
    Label.NOT_ESTIMABLE: "x",
}
MAX_LABELLED = 36
MAX_DRAWN = 240


@dataclass(frozen=True, slots=True)
class Figure:
    """One picture: ``svg`` markup with title and description inside, and the caption below it."""

    id: str
    svg: str
    alt: str
    caption: str


def answer_figure(answer: Answer, *, id: str) -> Figure:
    """Treatments with the expected outcome and the difference from the reference, each with its interval."""
    treatments = answer.treatments
    outcome = words.outcome_name(answer.outcome, answer.units)
    fig = _figure(8.2, 1.3 + (0.42 if len(treatments) < 8 else 0.34) * len(treatments))
    left, right = fig.subplots(1, 2, sharey=True, gridspec_kw={"width_ratios": [1, 1.15], "wspace": 0.08})
    scale = 100.0 if answer.units == "probability" else 1.0
    for i, t in enumerate(treatments):
        if not t.is_estimable:
            right.text(0.5, i, "not estimable", transform=right.get_yaxis_transform(), ha="center", va="center",
                       color=MUTED, style="italic")  # fmt: skip
            continue
        _interval(left, scale * t.low, scale * t.high, scale * t.mean, i, t.label)
        if t.is_reference:
            right.text(0, i, " reference ", ha="center", va="center", color=MUTED, backgroundcolor="white", zorder=5)
        else:
            _interval(right, scale * t.contrast_low, scale * t.contrast_high, scale * t.contrast, i, t.label)
    right.axvline(0, color=INK, lw=0.9, zorder=1)
    left.set_yticks(range(len(treatments)), [_wrap(t.treatment) for t in treatments])
    left.set_ylim(len(treatments) - 0.45, -0.55)
    shown = "%" if scale == 100 else answer.units
    left.set_xlabel(f"expected {outcome} ({shown})")
    right.set_xlabel(f"difference from {answer.reference} ({words.difference_units(answer.units)})")
    _toward(right, answer)
    _legend(fig, {t.label for t in treatments if t.is_estimable})
    lines = [
        f"{t.treatment}: expected {words.number(t.mean, units=answer.units)}"
        + ("" if t.is_reference else f", difference {words.signed(t.contrast, units=answer.units)} "
           f"({words.interval(t.contrast_low, t.contrast_high, units=answer.units, sign=True)}), {t.label.value}")
        if t.is_estimable
        else f"{t.treatment}: not estimable"
        for t in treatments
    ]  # fmt: skip
    caption = (
        f"Left: expected {outcome} under each treatment. Right: difference from {answer.reference}. Points are "
        f"posterior means, bars {answer.interval:.0%} intervals; those on the left include how much people and places "
        "not in the data differ."
    )
    return Figure(id, _svg(fig, id, f"Treatments compared on {outcome}", ". ".join(lines)), ". ".join(lines),
                  caption)  # fmt: skip


def grid_figure(answers: Sequence[tuple[str, Answer]], *, id: str) -> Figure:
    """Treatments × problems: one panel a problem, differences from the panel's reference."""
    names = list(dict.fromkeys(t.treatment for _, a in answers for t in a.treatments))
    columns = 2 if len(answers) < 5 else 3
    rows = -(-len(answers) // columns)
    height = 0.62 + 0.2 * len(names)
    fig = _figure(8.2, rows * height + 0.9)
    axes = fig.subplots(rows, columns, sharex=True, sharey=True, squeeze=False,
                        gridspec_kw={"hspace": 0.42 * 1.4 / height, "wspace": 0.07})  # fmt: skip
    first = answers[0][1]
    outcome = words.outcome_name(first.outcome, first.units)
    scale = 100.0 if first.units == "probability" else 1.0
    lines = []
    for ax, (problem, answer) in zip(axes.flat, answers, strict=False):
        ax.set_title(problem, loc="left", fontsize=9, fontweight="bold", color=INK, pad=4)
        ax.axvline(0, color=INK, lw=0.8, zorder=1)
        found = {t.treatment: t for t in answer.treatments}
        said = []
        for i, name in enumerate(names):
            t = found.get(name)
            if t is None or not t.is_estimable:
                ax.text(0.98, i, "not estimable" if t is not None else "not asked", va="center", ha="right",
                        transform=ax.get_yaxis_transform(), fontsize=7, color=MUTED, style="italic")  # fmt: skip
            elif t.is_reference:
                ax.text(0, i, "ref.", ha="center", va="center", fontsize=7.5, color=MUTED, backgroundcolor="white",
                        zorder=5)  # fmt: skip
            else:
                _interval(ax, scale * t.contrast_low, scale * t.contrast_high, scale * t.contrast, i, t.label, size=4.5)
                said.append(f"{name} {words.signed(t.contrast, units=answer.units)} ({t.label.value})")
        lines.append(f"{problem}, against {answer.reference}: " + ("; ".join(said) or "nothing estimable"))
    for ax in list(axes.flat)[len(answers) :]:
        ax.set_visible(False)
    axes[0, 0].set_yticks(range(len(names)), [_wrap(n, 38) for n in names], fontsize=7.5)
    axes[0, 0].set_ylim(len(names) - 0.4, -0.6)
    references = list(dict.fromkeys(a.reference for _, a in answers))
    against = references[0] if len(references) == 1 else "the reference"
    fig.supxlabel(
        f"difference in {outcome} from {against} ({words.difference_units(first.units)}; "
        f"{words.better(first.direction)})",
        fontsize=9,
        color=INK,
        y=0.06 / (rows * height + 0.9),
    )
    _legend(fig, {t.label for _, a in answers for t in a.treatments if t.is_estimable})
    caption = (
        f"Each panel is one problem. Points are posterior means of the difference from the reference, bars "
        f"{first.interval:.0%} intervals; shape and colour say how far the data carry the comparison."
    )
    alt = ". ".join(lines)
    return Figure(
        id,
        _svg(fig, id, f"Treatments by problem: difference in {outcome}", alt),
        alt,
        caption,
    )


def decomposition_figure(parts: Decomposition, *, id: str) -> Figure:
    """Bars of the SD each of Paul's columns accounts for, with intervals and shares of variance."""
    components = parts.components
    fig = _figure(5.4, 0.9 + 0.36 * len(components))
    ax = fig.subplots()
    for i, c in enumerate(components):
        colour = "#8b97a3" if c.id == "residual" else "#0b5d69"
        ax.barh(i, c.superpopulation.mean, height=0.56, color=colour, alpha=0.85, zorder=2)
        ax.plot([c.superpopulation.low, c.superpopulation.high], [i, i], color=INK, lw=1.4, zorder=3)
        share = f"{words.share(c.vpc.mean)} of variance ({words.share(c.vpc.low)} to {words.share(c.vpc.high)})"
        ax.text(1.015, i, share, transform=ax.get_yaxis_transform(), va="center", fontsize=8.5, color=INK)
    ax.set_yticks(range(len(components)), [_wrap(_component(c.name, c.levels), 34) for c in components])
    ax.set_ylim(len(components) - 0.5, -0.5)
    ax.set_xlim(left=0)
    ax.set_xlabel(f"standard deviation ({parts.units})")
    alt = ". ".join(
        f"{words.plain(c.name)}: SD {words.number(c.superpopulation.mean)} "
        f"({words.interval(c.superpopulation.low, c.superpopulation.high)}), {words.share(c.vpc.mean)} of variance"
        for c in components
    )
    caption = (
        f"How far levels of each column differ from one another: standard deviation (bar) with {parts.interval:.0%} "
        "interval (line), and share of the variance."
    )
    return Figure(id, _svg(fig, id, "Paul decomposition", alt), alt, caption)


def caterpillar_figure(effects: LevelEffects, *, id: str) -> Figure:
    """Levels of one batch in order of their shrunken estimate, with the estimate before shrinkage."""
    drawn = effects.thinned(MAX_DRAWN)
    n = len(drawn.labels)
    labelled = n <= MAX_LABELLED
    fig = _figure(8.2, 1.1 + (0.235 * n if labelled else min(0.03 * n + 1.6, 5.2)))
    ax = fig.subplots()
    ax.axvline(0, color=INK, lw=0.9, zorder=1)
    rows = range(n)
    ax.hlines(rows, drawn.low, drawn.high, color="#0b5d69", lw=1.6 if labelled else 0.8, alpha=0.8, zorder=2)
    size = 4.5 if labelled else 2.2
    ax.plot(drawn.raw, rows, "o", mfc="none", mec="#9a5b00", ms=size, mew=0.9, ls="none", zorder=3,
            label="before shrinkage")  # fmt: skip
    ax.plot(drawn.mean, rows, "o", color="#0b5d69", ms=size, ls="none", zorder=4, label="shrunken estimate")
    if labelled:
        ax.set_yticks(rows, [_wrap(v, 40) for v in drawn.labels], fontsize=8)
    else:
        ax.set_yticks([])
        ax.set_ylabel(f"{n} of {len(effects.labels)} levels of {effects.name}, in order", color=MUTED)
    ax.set_ylim(n - 0.4, -0.6)
    ax.set_xlabel(f"difference from the average {effects.name} ({effects.units})")
    ax.legend(loc="lower right", frameon=True, framealpha=0.95, edgecolor=GRID, fontsize=8.5)
    apart = effects.excluding_zero
    alt = (
        f"{len(effects.labels)} levels of {effects.name}. Shrunken estimates range from "
        f"{words.number(min(effects.mean))} to {words.number(max(effects.mean))} {effects.units}, before "
        f"shrinkage from {words.number(min(effects.raw))} to {words.number(max(effects.raw))}. "
        f"The interval of {apart} excludes zero."
    )
    caption = (
        f"Each line is one {effects.name}: filled point and bar, the shrunken estimate with its "
        f"{effects.interval:.0%} interval; open point, the same before shrinkage, adjusted for the other columns of "
        "the model. Few courses mean strong shrinkage. The order is not a ranking."
    )
    return Figure(id, _svg(fig, id, f"Differences between levels of {effects.name}", alt), alt, caption)


# -- drawing -----------------------------------------------------------------------------------------------------


def _figure(width: float, height: float) -> MplFigure:
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure as MplFigure

    fig = MplFigure(figsize=(width, height))
    fig.subplots_adjust(bottom=0.5 / height, top=1 - 0.3 / height)
    FigureCanvasSVG(fig)
    return fig


def _interval(ax: Axes, low: float, high: float, mean: float, y: float, label: Label, size: float = 6.5) -> None:
    colour = COLOURS[label]
    dashed = label is Label.PRIOR_DRIVEN
    ax.plot([low, high], [y, y], color=colour, lw=2.0, ls=(0, (2, 2)) if dashed else "-", zorder=2)
    face = "white" if dashed else colour
    ax.plot([mean], [y], MARKERS[label], color=colour, mfc=face, mec=colour, ms=size, zorder=3)


def _toward(ax: Axes, answer: Answer) -> None:
    if answer.direction is None:
        return
    low, high = ax.get_xlim()
    reach = max(abs(low), abs(high))
    ax.set_xlim(-reach, reach)
    left, right = ("better", "worse") if answer.direction.value.startswith("lower") else ("worse", "better")
    ax.text(0.01, 1.01, f"← {left}", transform=ax.transAxes, color=MUTED, fontsize=8.5, va="bottom")
    ax.text(0.99, 1.01, f"{right} →", transform=ax.transAxes, color=MUTED, fontsize=8.5, va="bottom", ha="right")


def _legend(fig: MplFigure, labels: set[Label]) -> None:
    from matplotlib.lines import Line2D

    marks = [
        Line2D([], [], color=COLOURS[v], marker=MARKERS[v], mfc="white" if v is Label.PRIOR_DRIVEN else COLOURS[v],
               ls=(0, (2, 2)) if v is Label.PRIOR_DRIVEN else "-", lw=2, ms=6, label=v.value)
        for v in Label
        if v in labels
    ]  # fmt: skip
    fig.legend(handles=marks, loc="upper left", bbox_to_anchor=(0.0, 0.0), ncols=4, frameon=False, fontsize=8.5)


def _component(name: str, levels: int) -> str:
    return words.plain(name) if name == "residual" else f"{words.plain(name)} ({levels:,})"


def _wrap(text: str, width: int = 30) -> str:
    import textwrap

    return "\n".join(textwrap.wrap(text, width, max_lines=2, placeholder=" …")) or text


def _style(fig: MplFigure) -> None:
    for ax in fig.axes:
        for side in ("top", "right", "left"):
            ax.spines[side].set_visible(False)
        ax.spines["bottom"].set_color("#9aa5af")
        ax.tick_params(axis="both", length=0, labelcolor=INK)
        ax.grid(axis="x", color=GRID, lw=0.8, zorder=0)
        ax.set_axisbelow(True)
        ax.xaxis.label.set_color(INK)
        ax.xaxis.label.set_fontsize(9)


def _svg(fig: MplFigure, id: str, title: str, alt: str) -> str:
    """SVG markup to put inside HTML: no prologue, ids of its own, text kept as text, the same bytes every time."""
    import matplotlib

    _style(fig)
    rc: Any = {"svg.fonttype": "none", "svg.hashsalt": id, "font.family": ["DejaVu Sans"]}
    buffer = io.StringIO()
    with matplotlib.rc_context(rc):
        fig.savefig(buffer, format="svg", bbox_inches="tight", pad_inches=0.06, transparent=True,
                    metadata={"Date": None, "Creator": None, "Format": None, "Type": None})  # fmt: skip
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.S)
    text = re.sub(r"<!--.*?-->", "", text, flags=re.S)
    text = re.sub(r'\bid="([^"]+)"', rf'id="{id}-\1"', text)
    text = re.sub(r'href="#([^"]+)"', rf'href="#{id}-\1"', text)
    text = re.sub(r"url\(#([^)]+)\)", rf"url(#{id}-\1)", text)
    text = text.replace("'DejaVu Sans'", "Helvetica, Arial, 'Liberation Sans', sans-serif")
    head = re.match(r"<svg[^>]*>", text)
    assert head is not None
    box = re.search(r'viewBox="([^"]+)"', head.group())
    assert box is not None
    width = float(box.group(1).split()[2])
    opening = (
        f'<svg viewBox="{box.group(1)}" style="max-width:{1.05 * width:.0f}pt" role="img" '
        f'aria-labelledby="{id}-title {id}-desc" '
        'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink">'
        f'<title id="{id}-title">{escape(title)}</title><desc id="{id}-desc">{escape(alt)}</desc>'
    )
    return opening + re.sub(r"\n\s*", "\n", text[head.end() :]).strip()
