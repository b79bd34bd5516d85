"""How long, and in how much memory, a folder of a million referrals (about 10 million contacts) is read.

Run: outcomemodels simulate nhs --referrals 1e6 --seed 1 --out folder, then
python benchmarks/reader/million_referrals.py folder
"""

from __future__ import annotations

import resource
import sys
import time

import outcomemodels as om


def main(folder: str) -> None:
    start = time.perf_counter()
    data = om.read_nhs_dataset(folder, progress=True, assessments="--no-assessments" not in sys.argv)
    seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(f"{data.n:,} referrals, {data.n_assessments:,} scores: {seconds:.1f} s, peak memory {peak:.2f} GB")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else sys.exit(__doc__))
