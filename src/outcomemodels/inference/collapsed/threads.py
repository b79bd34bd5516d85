"""Work spread over the cores of this machine; the compiled loops and LAPACK let go of the interpreter's lock."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

MAX_WORKERS = 8


def workers() -> int:
    """Threads to use: the cores this process may run on, at most eight."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(cores, MAX_WORKERS))


def over_range(work: Callable[[int, int], None], count: int, least: int = 1) -> None:
    """Call ``work(start, stop)`` on pieces of ``range(count)``, several at a time.

    Parameters
    ----------
    work : callable
        Fills its own part of a result; pieces do not overlap, so results do not depend on the number of threads.
    count : int
    least : int
        Fewest items worth a thread.
    """
    threads = min(workers(), max(1, count // max(least, 1)))
    if threads <= 1:
        if count:
            work(0, count)
        return
    pieces = min(4 * threads, max(threads, count // max(least, 1)))
    edges = [count * i // pieces for i in range(pieces + 1)]
    with ThreadPoolExecutor(threads) as pool:
        for done in [pool.submit(work, a, b) for a, b in itertools.pairwise(edges) if b > a]:
            done.result()
