"""Columns in memory to posterior: 10,000 therapists, 200 services, a million episodes (or the size given).

Prints the seconds of every part, the least of them an engine of this kind could take (one pass over the bytes, and one
dense Cholesky factor for every density and draw), peak memory, and effective size a second.

    uv run python benchmarks/engine/million.py [n]
"""

from __future__ import annotations

import json
import resource
import sys
from statistics import median
from time import perf_counter

import numpy as np
import scipy.linalg
from threadpoolctl import threadpool_limits
from worlds import SIZES, crossed

from outcomemodels.inference.collapsed.sample import sample_collapsed
from outcomemodels.inference.collapsed.stats import statistics
from outcomemodels.inference.collapsed.threads import workers


def memory() -> float:
    """Peak of this process so far, MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    n = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    start = perf_counter()
    sample_collapsed(crossed(2_000, 300, 4, seed=0), draws=40, seed=0)
    print(f"compiled code loaded or built in {perf_counter() - start:.1f} s (built once, cached between processes)")
    world = crossed(n, *SIZES[n], seed=29)
    totals, peak, before = [], 0.0, memory()
    for repeat in range(3):
        start = perf_counter()
        reduced = statistics(world)
        first = perf_counter() - start
        tree = sample_collapsed(world, draws=400, seed=repeat, stats=reduced)
        totals.append(perf_counter() - start)
        said = json.loads(tree.attrs["diagnostics"])
        parts = ", ".join(f"{name} {seconds:.2f}" for name, seconds in said["seconds"].items())
        print(f"total {totals[-1]:.2f} s: rows {first:.2f}, {parts}")
        print(
            f"  {said['evaluations']} evaluations, k-hat {tree.attrs['khat']:.2f}, Kish {tree.attrs['kish_ess']:.0f}, "
            f"{tree.attrs['kish_ess'] / totals[-1]:.0f} a second, replicate error {said['replicate_error']:.3f}"
        )
        peak = peak or memory()  # of one fit, the first
    kept = sum(len(b.levels) for b in world.blocks[1:]) + 6
    with threadpool_limits(1, user_api="blas"):
        matrix = np.asfortranarray(np.eye(kept) * kept + 1.0)
        start = perf_counter()
        for _ in range(20):
            scipy.linalg.cholesky(matrix, lower=True, check_finite=False)
        factor = (perf_counter() - start) / 20
    start = perf_counter()
    world.X.sum()
    touch = (perf_counter() - start) * 2
    limit = touch + factor * (said["evaluations"] + 400) / workers()
    print(f"limit: one pass {touch:.3f} s + {kept} x {kept} factors of {1e3 * factor:.2f} ms = {limit:.2f} s")
    print(f"median {median(totals):.2f} s, {median(totals) / limit:.1f} x the limit")
    print(f"peak memory {peak:,.0f} MB of the first fit; {before:,.0f} MB before it (interpreter, libraries, columns)")


if __name__ == "__main__":
    main()
