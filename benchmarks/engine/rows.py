"""Does the time of an exact fit grow with the rows? One crossed world, 150 therapists in 10 services, ever more rows.

Prints seconds of the reduction, of the fit from its sums to 400 joint draws, and of one draw; k-hat and Kish size. With
a path, draws the seconds against the rows: ``python benchmarks/engine/rows.py rows.png``.
"""

from __future__ import annotations

import sys
from time import perf_counter

from worlds import crossed

from outcomemodels.inference.collapsed.sample import sample_collapsed
from outcomemodels.inference.collapsed.stats import statistics

SIZES = (10_000, 100_000, 1_000_000, 10_000_000)
DRAWS = 400


def main() -> None:
    sample_collapsed(crossed(500, 150, 10, seed=0), draws=40, seed=0)  # compile and cache
    print(f"{'rows':>10} {'reduce s':>9} {'fit s':>7} {'ms a draw':>10} {'k-hat':>6} {'Kish':>6}")
    reductions, fits = [], []
    for n in SIZES:
        made = crossed(n, 150, 10, seed=17)
        start = perf_counter()
        reduced = statistics(made)
        first = perf_counter() - start
        tree = sample_collapsed(made, draws=DRAWS, seed=1, stats=reduced)
        rest = perf_counter() - start - first
        reductions.append(first)
        fits.append(rest)
        print(
            f"{n:>10,} {first:>9.2f} {rest:>7.2f} {1e3 * rest / DRAWS:>10.2f} {tree.attrs['khat']:>6.2f} "
            f"{tree.attrs['kish_ess']:>6.0f}"
        )
    if len(sys.argv) > 1:
        draw(sys.argv[1], reductions, fits)


def draw(path: str, reductions: list[float], fits: list[float]) -> None:
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(6, 3.6), layout="constrained")
    axes.loglog(SIZES, reductions, "o-", label="rows to sums (once)")
    axes.loglog(SIZES, fits, "s-", label=f"sums to {DRAWS} joint draws")
    axes.set(xlabel="rows", ylabel="seconds", title="The same cells, ever more rows")
    axes.legend(frameon=False)
    axes.grid(alpha=0.3)
    figure.savefig(path, dpi=120)


if __name__ == "__main__":
    main()
