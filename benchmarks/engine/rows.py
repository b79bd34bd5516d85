"""Does the time of an exact fit grow with the rows? One crossed world, 150 therapists in 10 services, ever more rows.

Prints seconds from columns in memory to 400 joint draws, the share spent reducing rows, k-hat and Kish size.
"""

from __future__ import annotations

from time import perf_counter

from worlds import crossed

from outcomemodels.inference.collapsed.sample import sample_collapsed
from outcomemodels.inference.collapsed.stats import statistics


def main() -> None:
    sample_collapsed(crossed(500, 150, 10, seed=0), draws=40, seed=0)  # compile and cache
    print(f"{'rows':>9} {'reduce s':>9} {'total s':>8} {'k-hat':>6} {'Kish':>6}")
    for n in (10_000, 100_000, 1_000_000):
        made = crossed(n, 150, 10, seed=17)
        start = perf_counter()
        reduced = statistics(made)
        first = perf_counter() - start
        tree = sample_collapsed(made, draws=400, seed=1, stats=reduced)
        total = perf_counter() - start
        print(f"{n:>9,} {first:>9.2f} {total:>8.2f} {tree.attrs['khat']:>6.2f} {tree.attrs['kish_ess']:>6.0f}")


if __name__ == "__main__":
    main()
