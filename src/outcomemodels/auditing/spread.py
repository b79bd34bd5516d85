"""By-provider spread: completeness in the worst, the middle and the best setting; a pooled share hides it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from outcomemodels.auditing.counting import amount, present
from outcomemodels.auditing.findings import Layer
from outcomemodels.data.dataset import PaulDataset
from outcomemodels.schema import Facet, Field

FEWEST = 5
"""Settings with fewer rows are not shown: their shares are noise and may disclose."""


def finest_setting(data: PaulDataset) -> Field | None:
    """The setting field with most levels."""
    found = [f for f in data.schema.of_table("main") if f.facet is Facet.SETTING and f.kind.is_labelled and not f.of]
    return max(found, key=lambda f: len(data.labels(f.name)), default=None)


def spread_layers(column: str, fields: list[Field], data: PaulDataset) -> list[Layer]:
    """Minimum, median and maximum over settings of the share of values recorded."""
    setting = finest_setting(data)
    mine = [f for f in fields if f.table == "main" and (setting is None or f.name != setting.name)]
    if setting is None or not mine:
        return []
    codes = data.codes(setting.name, "main")
    shares = shares_by(codes, np.mean([present(data, f) for f in mine], axis=0), len(data.labels(setting.name)))
    if len(shares) < 2:
        return []
    low, middle, high = (float(v) for v in np.quantile(shares, [0, 0.5, 1]))
    return [
        amount(
            column, "completeness", f"values recorded, worst {setting.name}", low, len(shares),
            f"by {setting.name}: {low:.0%} at worst, {middle:.0%} in the middle, {high:.0%} at best, over "
            f"{len(shares):,} with at least {FEWEST} rows",
            "no more than 20 points between best and worst" if high - low > 0.2 else "",
        )
    ]  # fmt: skip


def shares_by(codes: NDArray[np.int32], value: NDArray[np.float64], levels: int) -> NDArray[np.float64]:
    """Mean of a value in each level with at least :data:`FEWEST` rows."""
    seen = codes >= 0
    n = np.bincount(codes[seen], minlength=levels)
    total = np.bincount(codes[seen], weights=value[seen], minlength=levels)
    keep = n >= FEWEST
    return np.asarray(total[keep] / n[keep])
