"""The same outcome over four denominators, with bounds for those never assessed: which base is meant matters.

The outcome is reliable improvement where the instrument is known, else any improvement. Bounds replace every unknown
outcome by failure or by success (Manski 1990, The American Economic Review 80:319-323): nothing else is assumed.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from outcomemodels.auditing.counting import main_field, present, share
from outcomemodels.auditing.findings import Layer
from outcomemodels.data.dataset import PaulDataset
from outcomemodels.outcomes.instruments import instruments
from outcomemodels.schema import Direction, Facet, Field, Grain, Occasion, Statistic

WIDE = 0.3
"""Bounds wider than this say little."""

COMPLETED = ("complet", "finished", "ended as planned", "mutual")


def denominator_layers(data: PaulDataset) -> list[Layer]:
    """Improvement of complete cases, of those who entered treatment, and of all referred, with bounds."""
    pair = _pair(data)
    if pair is None:
        return _published(data)
    start, end = pair
    a, b = (np.asarray(data.values(f.name), dtype=float) for f in (start, end))
    known = np.isfinite(a) & np.isfinite(b)
    least = _reliable(end.measure)
    gain = b - a if end.direction is Direction.HIGHER_IS_BETTER else a - b
    better = known & (gain >= least) if least else known & (gain > 0)
    what = f"reliable improvement ({least:g} points or more)" if least else "any improvement"
    out = []
    for name, inside in _bases(data, known):
        total, events = int(inside.sum()), int((better & inside).sum())
        if total == 0:
            continue
        unknown = int((inside & ~known).sum())
        low, high = events / total, (events + unknown) / total
        out.append(
            share(
                "outcome", "denominator", f"improved of {name}", events, total,
                f"{what} in {end.measure}: {low:.0%} to {high:.0%} of {total:,} {name}; "
                f"{unknown:,} never assessed twice",
                f"bounds no wider than {WIDE:.0%}" if high - low > WIDE else "",
            )
        )  # fmt: skip
    return out


def _pair(data: PaulDataset) -> tuple[Field, Field] | None:
    if data.grain is not Grain.EPISODE:
        return None
    fields = [f for f in data.schema.of_table("main") if f.measure and not f.of and f.statistic is Statistic.VALUE]
    for end in fields:
        if end.occasion is Occasion.END:
            for start in fields:
                if start.occasion is Occasion.START and start.measure == end.measure:
                    return start, end
    return None


def _reliable(measure: str) -> float:
    """Points of reliable change of a known instrument; 0 where it is not known."""
    folded = measure.lower().replace("-", "").replace("_", "").replace(" ", "")
    for instrument in instruments():
        if instrument.name.lower().replace("-", "").replace("_", "") == folded and instrument.reliable_change:
            return float(instrument.reliable_change)
    return 0.0


def _bases(data: PaulDataset, known: NDArray[np.bool_]) -> list[tuple[str, NDArray[np.bool_]]]:
    treatment, ended = main_field(data, Facet.TREATMENT), main_field(data, Facet.DISPOSITION)
    everyone = np.ones(data.n, dtype=bool)
    entered = present(data, treatment) if treatment is not None else everyone
    out = [("complete cases", known)]
    if ended is not None:
        labels = [str(v).lower() for v in data.labels(ended.name)]
        done = np.array([any(word in label for word in COMPLETED) for label in labels] + [False])
        out.append(("completers", done[data.codes(ended.name, "main")]))
    return [*out, ("those with a treatment", entered), ("all referred", everyone)]


def _published(data: PaulDataset) -> list[Layer]:
    """Cells: published events over their total, and over all finished where that count is published too."""
    if data.grain is not Grain.CELL:
        return []
    out = []
    for field in data.schema.of_table("main"):
        total = data.schema.summaries_of(field.name).get(Statistic.TOTAL)
        if field.statistic is not Statistic.EVENTS or total is None:
            continue
        e, n = (np.asarray(data.values(f.name), dtype=float) for f in (field, total))
        both = np.isfinite(e) & np.isfinite(n)
        events, whole = float(e[both].sum()), float(n[both].sum())
        out.append(
            share(
                "outcome", "denominator", f"published {field.name}", events, whole,
                f"{field.name}: {events:,.0f} of {whole:,.0f} in the published denominator; those who never entered, "
                "or left before two scores, are not in these cells",
            )
        )  # fmt: skip
    return out[:2]
