"""Time: pairs of start and end, follow-up at 3, 6 and 12 months, by how treatment ended, and who rated the outcome."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from outcomemodels.auditing.counting import absent, amount, main_field, present, share, weights
from outcomemodels.auditing.findings import Layer
from outcomemodels.data.dataset import PaulDataset
from outcomemodels.schema import Facet, Kind, Occasion, Statistic

HORIZONS = ((3, 13.0), (6, 26.0), (12, 52.0))
"""Months, and the same in weeks."""

TOLERANCE = 0.25
"""A score counts for a horizon when it was taken within a quarter of it."""

PAIRED = 0.8
INDEPENDENT = ("independent", "administrative", "blind")


def timing_layers(data: PaulDataset) -> list[Layer]:
    """Every number of time."""
    return [*_scores(data), *_pairs(data), *_follow_up(data), *_assessor(data)]


def _scores(data: PaulDataset) -> list[Layer]:
    if not data.n_assessments:
        return []
    scores = np.isfinite(np.asarray(data.values("score", "assessment"), dtype=float))
    per = np.bincount(data.codes_of_episode()[scores], minlength=data.n)
    mean = per[per > 0].mean() if (per > 0).any() else 0.0
    sentence = f"{mean:.1f} scores a client with any; {int((per == 0).sum()):,} have none"
    return [share("outcome", "time", "clients with any score", int((per > 0).sum()), data.n, sentence)]


def _pairs(data: PaulDataset) -> list[Layer]:
    out: list[Layer] = []
    fields = data.schema.of_table("main")
    ends = [f for f in fields if f.occasion is Occasion.END and f.measure and not f.of]
    for end in ends:
        starts = [
            f
            for f in fields
            if f.occasion is Occasion.START and f.measure == end.measure and not f.of and f.statistic is end.statistic
        ]
        if not starts:
            continue
        both = present(data, end) & present(data, starts[0])
        n = int(both.sum())
        broken = f"at least {PAIRED:.0%} of rows paired" if data.n and n / data.n < PAIRED else ""
        sentence = f"{end.measure}: {n:,} of {data.n:,} rows have a start and an end{_by_disposition(data, both)}"
        out.append(share("outcome", "time", f"paired {end.measure}", n, data.n, sentence, broken))
        if data.grain.value == "episode" and end.statistic is Statistic.VALUE:
            out += _lost(data, np.asarray(data.values(starts[0].name), dtype=float), present(data, end), end.measure)
    return out


def _by_disposition(data: PaulDataset, got: NDArray[np.bool_]) -> str:
    """Shares by how treatment ended, for instance ``; completed 92%, dropped out 31%``."""
    field = main_field(data, Facet.DISPOSITION)
    if field is None:
        return ""
    codes, labels = data.codes(field.name, "main"), data.labels(field.name)
    seen = codes >= 0
    n = np.bincount(codes[seen], minlength=len(labels))
    part = np.bincount(codes[seen], weights=got[seen], minlength=len(labels))
    shown = [i for i in np.argsort(-n)[:4] if n[i] >= 5]
    return "; " + ", ".join(f"{labels[i]} {part[i] / n[i]:.0%} of {n[i]:,}" for i in shown) if shown else ""


def _lost(data: PaulDataset, start: NDArray[np.float64], kept: NDArray[np.bool_], measure: str) -> list[Layer]:
    """Standardised difference of the start score between those with an end score and those without."""
    a, b = start[kept & np.isfinite(start)], start[~kept & np.isfinite(start)]
    if len(a) < 5 or len(b) < 5:
        return []
    spread = float(np.sqrt((a.var(ddof=1) + b.var(ddof=1)) / 2))
    difference = float((b.mean() - a.mean()) / spread) if spread else 0.0
    return [
        amount(
            "outcome", "time", f"start of those lost, {measure}", difference, len(b),
            f"{len(b):,} without an end score began {difference:+.2f} SD from the {len(a):,} who have one",
            "within 0.1 SD of those followed" if abs(difference) > 0.1 else "",
        )
    ]  # fmt: skip


def weeks_after_end(data: PaulDataset) -> NDArray[np.float64] | None:
    """Weeks of every assessment since the end of treatment, where an end date or weeks are known; else since start."""
    if not data.n_assessments:
        return None
    return np.asarray(data.values("weeks", "assessment"), dtype=float)


def _follow_up(data: PaulDataset) -> list[Layer]:
    fields = [f for f in data.schema.fields if f.occasion is Occasion.FOLLOW_UP and not f.of]
    out: list[Layer] = []
    for field in fields:
        if field.table == "main" and field.kind is not Kind.DATE:
            got = present(data, field)
            sentence = f"{field.name}: {int(got.sum()):,} of {data.n:,}{_by_disposition(data, got)}"
            broken = f"at least {PAIRED:.0%} followed up" if data.n and got.mean() < PAIRED else ""
            out.append(share("outcome", "time", f"follow-up {field.name}", int(got.sum()), data.n, sentence, broken))
    weeks = weeks_after_end(data)
    if weeks is not None:
        out += _horizons(data, weeks)
    if not out:
        what = "no follow-up score is recorded"
        out.append(absent("outcome", "time", "follow-up after the end", what, "outcome followed after treatment"))
    return out


def _horizons(data: PaulDataset, weeks: NDArray[np.float64]) -> list[Layer]:
    scored = np.isfinite(np.asarray(data.values("score", "assessment"), dtype=float))
    of = data.codes_of_episode()
    out = []
    for months, horizon in HORIZONS:
        near = scored & (np.abs(weeks - horizon) <= TOLERANCE * horizon)
        got = np.bincount(of[near], minlength=data.n) > 0
        n = int(got.sum())
        sentence = f"{n:,} of {data.n:,} clients scored {months} months after intake{_by_disposition(data, got)}"
        broken = f"at least {PAIRED:.0%} followed up" if data.n and n / data.n < PAIRED else ""
        out.append(share("outcome", "time", f"scored at {months} months", n, data.n, sentence, broken))
    return out


def _assessor(data: PaulDataset) -> list[Layer]:
    """Share of outcomes not produced by the treating service, from the assessor field."""
    for table in ("assessment", "main"):
        field = next((f for f in data.schema.fields if f.facet is Facet.ASSESSOR and f.table == table), None)
        if field is None or not field.kind.is_labelled:
            continue
        labels = [str(v).lower().replace("_", " ") for v in data.labels(field.name)]
        codes = data.codes(field.name, field.table)
        weight = weights(data) if table == "main" else np.ones(len(codes))
        seen = codes >= 0
        count = np.bincount(codes[seen], weights=weight[seen], minlength=len(labels))
        free = [label.startswith(INDEPENDENT) for label in labels]
        part, whole = float(count[free].sum()), float(count.sum())
        words = ", ".join(f"{label} {c / whole:.0%}" for label, c in zip(labels, count, strict=True) if c)
        broken = "" if part else "some outcomes from an assessor outside the treatment"
        return [share("outcome", "verification", "independent assessor", part, whole, f"rated by: {words}", broken)]
    return [
        absent("outcome", "verification", "independent assessor", "no field says who rated the outcome",
               "some outcomes from an assessor outside the treatment")
    ]  # fmt: skip
