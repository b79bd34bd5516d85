"""Where the time of one exact fit goes: the mode, the densities, and what each density is made of.

uv run python benchmarks/engine/parts.py [n]
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from time import perf_counter

import numpy as np
from threadpoolctl import threadpool_limits
from worlds import SIZES, crossed

from outcomemodels.inference.collapsed.batch import Batch
from outcomemodels.inference.collapsed.collapse import Collapsed
from outcomemodels.inference.collapsed.factor import cholesky, inverse
from outcomemodels.inference.collapsed.parameters import Parameters
from outcomemodels.inference.collapsed.sample import fixed_sds, sample_collapsed
from outcomemodels.inference.collapsed.stats import statistics
from outcomemodels.inference.collapsed.theta import find_mode, split_component
from outcomemodels.inference.collapsed.threads import workers

POINTS = 1280


def least(work: Callable[[], object], times: int = 7) -> float:
    """Milliseconds of the quickest of several runs."""
    found = []
    for _ in range(times):
        start = perf_counter()
        work()
        found.append(perf_counter() - start)
    return 1e3 * min(found)


def main() -> None:
    n = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    world = crossed(n, *SIZES[n], seed=3)
    sample_collapsed(world, draws=40, seed=0)  # compile
    whole = least(lambda: sample_collapsed(world, draws=1000, seed=1), 3)
    with threadpool_limits(1, user_api="blas"):
        reduced = statistics(world)
        engine, parameters = Collapsed.of(reduced, fixed_sds(world)), Parameters(world)
        batch = Batch(engine)
        mode, hessian, gradients = find_mode(parameters, batch)
        component = split_component(lambda etas: parameters.log_posteriors(batch, etas), mode, hessian)
        points = component.place(np.random.default_rng(0).random((POINTS, len(mode) + 1)))
        m = len(engine.plan.kept)
        matrix = np.asfortranarray(np.eye(m + 1) * m + 1.0)

        def factor() -> None:
            cholesky(matrix.copy(order="F"))

        def both() -> None:
            other = matrix.copy(order="F")
            cholesky(other)
            inverse(other)

        print(f"{n:,} rows, {m} kept variables, {workers()} threads; whole fit, 1,000 draws: {whole:.0f} ms")
        print(f"statistics of the rows: {least(lambda: statistics(world)):.1f} ms")
        print(f"mode: {least(lambda: find_mode(parameters, batch)):.1f} ms for {gradients} gradients")
        print(f"  one gradient: {least(lambda: parameters.gradient(batch, mode), 30):.2f} ms")
        print(f"  of it LAPACK: {least(both, 30):.2f} ms")
        densities = least(lambda: parameters.log_posteriors(batch, points))
        print(f"{POINTS} densities: {densities:.1f} ms on all threads")
        print(f"  one dense factor: {least(factor, 30):.3f} ms on one thread")
        if batch.separable is not None:
            terms, some = batch.separable.terms, np.ones((8, len(batch.separable.terms)))
            print(f"  sum of {len(terms)} terms: {least(lambda: some @ terms, 30) / 8:.3f} ms on one thread")


if __name__ == "__main__":
    main()
