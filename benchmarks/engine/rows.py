"""Does the time of an exact fit grow with the rows? One crossed world, 150 therapists in 10 services, ever more rows.

Prints seconds from columns in memory to 400 joint draws, the share spent reducing rows, k-hat and Kish size.
"""

from __future__ import annotations

from time import perf_counter

import numpy as np

from outcomemodels.inference.collapsed.sample import sample_collapsed
from outcomemodels.inference.collapsed.stats import statistics
from outcomemodels.plugin import Block, LinearStructure, Response
from outcomemodels.priors import Prior


def world(n: int, seed: int) -> LinearStructure:
    """Rows of the same design: six columns, five crossed batches, severity slopes by treatment."""
    rng = np.random.default_rng(seed)
    sizes = {"therapist": 150, "service": 10, "problem": 15, "treatment": 10}
    codes = {name: rng.integers(0, size, n).astype(np.int32) for name, size in sizes.items()}
    codes["service"] = (codes["therapist"] % 10).astype(np.int32)
    codes["cell"] = (codes["treatment"] * 15 + codes["problem"]).astype(np.int32)
    sizes["cell"] = 150
    X = np.column_stack([np.ones(n), rng.normal(size=(n, 5))])
    y = X @ np.array([0.5, 0.4, -0.2, 0.1, 0.0, 0.3]) + rng.normal(size=n)
    blocks = []
    for name, size in sizes.items():
        effects = rng.normal(0, 0.2, size)
        y = y + effects[codes[name]]
        blocks.append(_block(name, codes[name], size, np.ones((n, 1))))
    y = y + rng.normal(0, 0.1, 10)[codes["treatment"]] * X[:, 1]
    blocks.append(_block("treatment", codes["treatment"], 10, X[:, [1]], slope=True))
    return LinearStructure(
        family="gaussian",
        columns=tuple(f"x{i}" for i in range(6)),
        X=X,
        column_priors=(Prior.normal(0, 1),) * 6,
        blocks=tuple(blocks),
        response=Response("rows", y, np.ones(n), np.full(n, np.nan)),
        noise=(Prior.half_normal(1.0),),
        noise_codes=np.zeros(n, dtype=np.int32),
    )


def _block(name: str, codes: np.ndarray, size: int, values: np.ndarray, *, slope: bool = False) -> Block:
    return Block(
        id=f"severity_by_{name}" if slope else name,
        by=(name,),
        levels=tuple(f"{name}{i}" for i in range(size)),
        codes=codes,
        columns=("severity",) if slope else ("1",),
        values=values,
        sds=(Prior.half_normal(0.5),),
    )


def main() -> None:
    sample_collapsed(world(500, 0), draws=40, seed=0)  # compile and cache
    print(f"{'rows':>9} {'reduce s':>9} {'total s':>8} {'k-hat':>6} {'Kish':>6}")
    for n in (1_000, 10_000, 100_000, 1_000_000):
        made = world(n, seed=17)
        start = perf_counter()
        reduced = statistics(made)
        first = perf_counter() - start
        tree = sample_collapsed(made, draws=400, seed=1, stats=reduced)
        total = perf_counter() - start
        print(f"{n:>9,} {first:>9.2f} {total:>8.2f} {tree.attrs['khat']:>6.2f} {tree.attrs['kish_ess']:>6.0f}")


if __name__ == "__main__":
    main()
