"""Data-quality counts in the NHS's own classes (valid, other, default, invalid, missing), by field and provider."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from outcomemodels.data.nhs_dataset.codes import Classes, Vodim
from outcomemodels.outcomes.suppression import Disclosure, Suppressed, suppress

if TYPE_CHECKING:
    import pandas as pd

    from outcomemodels.data.dataset import PaulDataset

CLASSES = tuple(v.name.lower() for v in Vodim)
ATTRIBUTE = "nhs_quality"
NOWHERE = "(belongs to no referral)"


class Tally:
    """Counts while tables stream by; grows."""

    def __init__(self) -> None:
        self.counts: dict[tuple[str, str], NDArray[np.int64]] = {}

    def add(self, table: str, name: str, provider: NDArray[np.integer], classes: Classes) -> None:
        """Count one batch; ``provider`` is -1 for rows that belong to no referral."""
        at = (provider.astype(np.int64) + 1) * len(CLASSES) + classes
        got = np.bincount(at)
        held = self.counts.get((table, name), np.zeros(0, dtype=np.int64))
        out = np.zeros(max(len(got), len(held)), dtype=np.int64)
        out[: len(held)] += held
        out[: len(got)] += got
        self.counts[table, name] = out


@dataclass(frozen=True, slots=True, kw_only=True)
class DataQuality:
    """VODIM counts of one folder and what else was met while reading.

    Parameters
    ----------
    providers : tuple of str
        Labels of the provider dim; the last stands for rows that belong to no referral.
    fields : tuple of str
        ``"table.field"``.
    counts : ndarray of int, dims (field, provider, class)
    facts : mapping of str to int
        Rows and records by what happened to them ("contacts repeated in later submissions" …).
    notes : tuple of str
    """

    providers: tuple[str, ...]
    fields: tuple[str, ...]
    counts: NDArray[np.int64] = field(repr=False)
    facts: Mapping[str, int]
    notes: tuple[str, ...] = ()

    def table(self, *, by_provider: bool = False) -> pd.DataFrame:
        """One row per field (and provider): counts of the five classes, and the valid share."""
        import pandas as pd

        return pd.DataFrame(self._columns(by_provider))

    def export(self, *, by_provider: bool = False, smallest: int = 5, base: int = 5) -> Suppressed:
        """The same with small counts hidden and the others rounded, and a note that says so.

        Classes add up to the rows of a field, and providers to the whole folder: where one hidden count could be had
        by subtraction, the next smallest is hidden too.
        """
        columns = self._columns(by_provider)
        del columns["valid_percent"]
        return suppress(
            columns, counts=[*CLASSES, "rows"], rates={"valid_percent": ("valid", "rows")}, smallest=smallest,
            base=base, parts=[*CLASSES, "rows"], within=["field"] if by_provider else None,
        )  # fmt: skip

    def spread(self, name: str) -> tuple[float, float, float]:
        """Lowest, median and highest valid share of a field over providers with any row."""
        one = self.counts[self.fields.index(name)][:-1].astype(np.float64)
        whole = one.sum(axis=1)
        share = one[whole > 0, Vodim.VALID] / whole[whole > 0]
        if not len(share):
            return (float("nan"),) * 3
        return float(share.min()), float(np.median(share)), float(share.max())

    def to_dict(self, *, disclosure: Disclosure | None = None) -> dict[str, Any]:
        """Plain dict for JSON: fields, what happened to records, notes; suppressed where a rule is given."""
        rows = self._frame(disclosure).to_dict("records")
        facts = dict(self.facts) if disclosure is None else {k: disclosure.count(v) for k, v in self.facts.items()}
        notes = [n if disclosure is None else disclosure.sentence(n) for n in self.notes]
        clean = [{str(k): None if v != v else v for k, v in row.items()} for row in rows]
        return {"fields": clean, "facts": facts, "notes": notes}

    def to_text(self, *, disclosure: Disclosure | None = None) -> str:
        """The table of fields and what happened to records, for the terminal."""
        frame = self._frame(disclosure)
        numbers = [c for c in frame.columns if c not in ("field", "provider")]
        shown = frame.assign(**{c: [_shown(v, c) for v in frame[c]] for c in numbers})
        lines = ["Data quality by field, rows in the NHS's classes:", shown.to_string(index=False)]
        lines += [f"{what}: {n:,}" if disclosure is None else f"{what}: {disclosure.text(n)}"
                  for what, n in self.facts.items() if n]  # fmt: skip
        lines += [] if disclosure is None else [disclosure.note]
        return "\n".join(lines)

    def _frame(self, disclosure: Disclosure | None) -> pd.DataFrame:
        if disclosure is None:
            return self.table()
        return self.export(smallest=disclosure.smallest, base=disclosure.base).to_pandas()

    def _columns(self, by_provider: bool) -> dict[str, Any]:
        counts = self.counts if by_provider else self.counts.sum(axis=1, keepdims=True)
        names = self.providers if by_provider else ("all",)
        keep = counts.sum(axis=2) > 0
        which, where = np.nonzero(keep)
        held = counts[keep]
        out: dict[str, Any] = {"field": np.array(self.fields, dtype=object)[which]}
        if by_provider:
            out["provider"] = np.array(names, dtype=object)[where]
        out |= {name: held[:, k] for k, name in enumerate(CLASSES)}
        out["rows"] = held.sum(axis=1)
        out["valid_percent"] = np.round(100 * held[:, Vodim.VALID] / np.maximum(out["rows"], 1), 1)
        return out

    def lines(self) -> list[str]:
        """A few lines for people: the least valid fields, and what happened to records."""
        whole = self.counts.sum(axis=1)
        rows = whole.sum(axis=1)
        share = whole[:, Vodim.VALID] / np.maximum(rows, 1)
        worst = [i for i in np.argsort(share, kind="stable") if rows[i] > 0][:6]
        out = [f"data quality of {int((rows > 0).sum())} fields (valid, other, default, invalid, missing):"]
        for i in worst:
            low, mid, high = self.spread(self.fields[i])
            parts = ", ".join(f"{n:,}" for n in whole[i])
            out.append(f"  {self.fields[i]}: {share[i]:.1%} valid ({parts}); by provider {low:.0%} to {high:.0%}, "
                       f"median {mid:.0%}")  # fmt: skip
        out += [f"  {what}: {n:,}" for what, n in self.facts.items() if n]
        return out

    def to_json(self) -> str:
        """Everything, as JSON."""
        return json.dumps({
            "providers": self.providers, "fields": self.fields, "counts": self.counts.tolist(),
            "facts": dict(self.facts), "notes": self.notes,
        })  # fmt: skip

    @classmethod
    def from_json(cls, text: str) -> DataQuality:
        """Read what :meth:`to_json` wrote."""
        raw = json.loads(text)
        counts = np.asarray(raw["counts"], dtype=np.int64)
        shape = (len(raw["fields"]), len(raw["providers"]), len(CLASSES))
        return cls(
            providers=tuple(raw["providers"]),
            fields=tuple(raw["fields"]),
            counts=counts.reshape(shape),
            facts=raw["facts"],
            notes=tuple(raw["notes"]),
        )


def _shown(value: float, column: str) -> str:
    if value != value:
        return "–"
    return f"{value:.1f}" if column == "valid_percent" else f"{value:,.0f}"


def quality_from(tally: Tally, providers: Sequence[str], facts: Mapping[str, int], notes: Sequence[str]) -> DataQuality:
    """Close a tally."""
    n, k = len(providers), len(CLASSES)
    names = sorted(tally.counts)
    counts = np.zeros((len(names), n + 1, k), dtype=np.int64)
    for i, name in enumerate(names):
        held = tally.counts[name]
        full = np.zeros((n + 1) * k, dtype=np.int64)
        full[: len(held)] = held
        counts[i] = np.roll(full.reshape(n + 1, k), -1, axis=0)
    return DataQuality(
        providers=(*providers, NOWHERE),
        fields=tuple(f"{table}.{name}" for table, name in names),
        counts=counts,
        facts=dict(facts),
        notes=tuple(notes),
    )


def quality_of(data: PaulDataset) -> DataQuality | None:
    """Data-quality counts a dataset carries, if it was read from record-level tables; those of the whole folder."""
    text = data.arrays.attrs.get(ATTRIBUTE)
    return DataQuality.from_json(text) if isinstance(text, str) else None
