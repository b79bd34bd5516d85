"""Ten million rows from parquet to the statistics of the paul model: seconds, and peak memory of a process of its own.

The world has 10,000 therapists in 200 services, 15 problems, 10 treatments, five covariates and a score. Beside it:
decoding the same columns and doing nothing with them, the least that any reader of the file can take. Compiled code is
loaded first and timed apart. ``python benchmarks/engine/stream.py [ROWS]``; the file is made in a temporary folder.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter

import numpy as np

from outcomemodels.spec import ModelSpec

GROUP = 1 << 20

BATCHES = ("treatment", "problem", "therapist", "service", "treatment:problem", "start|treatment")
SPEC = ModelSpec(outcome="end", batches=BATCHES)
"""Seven variance parameters, as in the other benchmarks of the engine."""

SCHEMA = {
    "name": "stream",
    "grain": "episode",
    "assignment": "routine",
    "fields": {
        "treatment": {"facet": "treatment", "kind": "categorical"},
        "problem": {"facet": "problem", "kind": "categorical"},
        "therapist": {"facet": "therapist", "kind": "identifier"},
        "service": {"facet": "setting", "kind": "identifier"},
        "start": {"facet": "outcome", "kind": "continuous", "measure": "phq9", "occasion": "start"},
        "age": {"facet": "client", "kind": "continuous", "units": "years"},
        "function": {"facet": "client", "kind": "continuous", "low": 0, "high": 40},
        "deprivation": {"facet": "client", "kind": "count"},
        "expectancy": {"facet": "client", "kind": "continuous", "low": -20, "high": 20},
        "end": {
            "facet": "outcome",
            "kind": "continuous",
            "measure": "phq9",
            "occasion": "end",
            "direction": "lower_is_better",
        },
    },
}


def write(path: Path, n: int, seed: int) -> None:
    """Row groups of about a million rows; zstd, text labels."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    rng = np.random.default_rng(seed)
    sizes = {"treatment": 10, "problem": 15, "therapist": 10_000}
    effect = {k: rng.normal(0, 1.0, size) for k, size in sizes.items()}
    labels = {k: pa.array([f"{k} {i:05d}" for i in range(size)]) for k, size in (sizes | {"service": 200}).items()}
    writer = None
    for first in range(0, n, GROUP):
        m = min(GROUP, n - first)
        codes = {k: rng.integers(0, size, m).astype(np.int32) for k, size in sizes.items()}
        codes["service"] = (codes["therapist"] % 200).astype(np.int32)
        start = rng.integers(5, 28, m)
        mean = 3 + 0.4 * start + sum(effect[k][codes[k]] for k in sizes)
        columns = {k: pa.DictionaryArray.from_arrays(pa.array(codes[k]), labels[k]) for k in codes}
        columns |= {
            "start": pa.array(start.astype(np.int32)),
            "age": pa.array(rng.integers(18, 90, m).astype(np.int32)),
            "function": pa.array(rng.uniform(0, 40, m).astype(np.float32)),
            "deprivation": pa.array(rng.integers(1, 11, m).astype(np.int32)),
            "expectancy": pa.array(rng.normal(0, 3, m).astype(np.float32)),
            "end": pa.array(np.clip(np.round(mean + rng.normal(0, 4, m)), 0, 27).astype(np.int32)),
        }
        table = pa.table(columns)
        writer = writer or pq.ParquetWriter(path, table.schema, compression="zstd")
        writer.write_table(table, row_group_size=GROUP)
    assert writer is not None
    writer.close()


def decode(path: Path) -> float:
    import pyarrow.parquet as pq

    start = perf_counter()
    file = pq.ParquetFile(path, read_dictionary=["treatment", "problem", "therapist", "service"], memory_map=True)
    for _ in file.iter_batches(1 << 18, columns=list(SCHEMA["fields"])):
        pass
    return perf_counter() - start


def reduce_to_statistics(path: Path) -> dict[str, float]:
    from outcomemodels.inference.collapsed.condense import condense, statistics_from
    from outcomemodels.inference.collapsed.stream import reduce_rows
    from outcomemodels.models.paul import Paul
    from outcomemodels.plugin import resolve_priors
    from outcomemodels.schema import Schema

    start = perf_counter()
    reduced = reduce_rows(path, Schema.from_dict(SCHEMA), SPEC)
    streamed = perf_counter()
    condensed, model = condense(reduced), Paul()
    structure = condensed.structure(model, resolve_priors(model, condensed.design, {}))
    stats = statistics_from(condensed, structure)
    done = perf_counter()
    return {
        "reduce": streamed - start,
        "statistics": done - streamed,
        "total": done - start,
        "cells": len(reduced.codes),
        "entries": len(stats.rows),
    }


def one(what: str, path: Path, small: Path) -> None:
    """In a process of its own, so that peak memory is its own: warm up on the small file, then time the large one."""
    start = perf_counter()
    warm = decode(small) if what == "decode" else reduce_to_statistics(small)["total"]
    warm = max(warm, perf_counter() - start)
    result = {"total": decode(path)} if what == "decode" else reduce_to_statistics(path)
    status = Path("/proc/self/status").read_text() if Path("/proc/self/status").exists() else ""
    peak = next((int(line.split()[1]) / 1e3 for line in status.splitlines() if line.startswith("VmHWM")), float("nan"))
    print(json.dumps(result | {"start": warm, "peak_mb": peak}))


def main(n: int = 10_000_000, seed: int = 7) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path, small = Path(folder) / "rows.parquet", Path(folder) / "small.parquet"
        write(path, n, seed)
        write(small, 20_000, seed + 1)
        print(f"{n:,} rows, {path.stat().st_size / 1e6:.0f} MB of parquet")
        for what in ("decode", "reduce", "decode", "reduce", "decode", "reduce"):
            command = [sys.executable, __file__, "--one", what, str(path), str(small)]
            found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
            more = ""
            if what == "reduce":
                more = (
                    f" = {found['reduce']:.2f} s stream + {found['statistics']:.2f} s statistics; "
                    f"{found['cells']:,} cells, {found['entries']:,} entries"
                )
            print(
                f"{what:>7}: {found['total']:6.2f} s, peak {found['peak_mb']:.0f} MB"
                f" (imports, compiled code and 20,000 rows: {found['start']:.2f} s){more}"
            )


if __name__ == "__main__":
    if "--one" in sys.argv:
        one(sys.argv[2], Path(sys.argv[3]), Path(sys.argv[4]))
    else:
        main(*(int(a) for a in sys.argv[1:2]))
