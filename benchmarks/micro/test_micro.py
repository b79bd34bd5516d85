"""Micro-benchmarks: log density, gradient, reduction a row, design building, import.

``pytest benchmarks/micro`` prints times; ``pytest benchmarks/micro -k ratio`` compares within one run, which may gate a
change: absolute times may not, on a machine that others use.
"""

from __future__ import annotations

import subprocess
import sys
from time import perf_counter

import numpy as np
import pytest

from outcomemodels.benchmarking.worlds import crossed
from outcomemodels.data.simulate import crossed_world
from outcomemodels.design import build_design
from outcomemodels.inference.collapsed.collapse import Collapsed
from outcomemodels.inference.collapsed.parameters import Parameters
from outcomemodels.inference.collapsed.sample import fixed_sds
from outcomemodels.inference.collapsed.stats import statistics
from outcomemodels.spec import ModelSpec


@pytest.fixture(scope="module")
def engine() -> tuple[Parameters, Collapsed, np.ndarray]:
    structure = crossed(10_000, 1)
    parameters = Parameters(structure)
    made = Collapsed.of(statistics(structure), fixed_sds(structure))
    eta = parameters.start(made)
    parameters.gradient(made, eta)
    return parameters, made, eta


def test_log_density(benchmark, engine) -> None:
    parameters, made, eta = engine
    benchmark(parameters.log_posterior, made, eta)


def test_gradient(benchmark, engine) -> None:
    parameters, made, eta = engine
    benchmark(parameters.gradient, made, eta)


@pytest.mark.parametrize("rows", [10_000, 100_000])
def test_reduction(benchmark, rows: int) -> None:
    structure = crossed(rows, 1)
    benchmark.pedantic(statistics, args=(structure,), rounds=3)


def test_design(benchmark) -> None:
    data, _ = crossed_world(1, clients=5_000)
    benchmark(build_design, data, ModelSpec(outcome="end"))


def test_import(benchmark) -> None:
    benchmark.pedantic(
        subprocess.run, args=([sys.executable, "-c", "import outcomemodels"],), kwargs={"check": True}, rounds=3
    )


def best(function, *arguments, rounds: int = 7) -> float:
    """Least of several times, in turn: the quietest moment met."""
    times = []
    for _ in range(rounds):
        begin = perf_counter()
        function(*arguments)
        times.append(perf_counter() - begin)
    return min(times)


def test_ratio_gradient_to_density(engine) -> None:
    """A gradient costs what a few densities do."""
    parameters, made, eta = engine
    ratio = best(parameters.gradient, made, eta) / best(parameters.log_posterior, made, eta)
    print(f"gradient / density: {ratio:.2f}")
    assert ratio < 6


def test_ratio_density_does_not_grow_with_rows() -> None:
    """Ten times the rows with the same levels: the density is read from statistics of the same size."""
    few, many = (_engine(crossed_rows(rows)) for rows in (10_000, 100_000))
    ratio = best(many[0].log_posterior, many[1], many[2]) / best(few[0].log_posterior, few[1], few[2])
    print(f"density at 100,000 rows / at 10,000: {ratio:.2f}")
    assert ratio < 2


def test_ratio_reduction_is_linear_in_rows() -> None:
    few, many = crossed_rows(20_000), crossed_rows(200_000)
    ratio = best(statistics, many, rounds=3) / best(statistics, few, rounds=3)
    print(f"reduction of 200,000 rows / of 20,000: {ratio:.1f}")
    assert ratio < 20


def crossed_rows(rows: int):
    """Rows with 60 therapists whatever their number."""
    from outcomemodels.benchmarking.worlds import nearly_disconnected

    return nearly_disconnected(1, rows=rows)


def _engine(structure):
    parameters = Parameters(structure)
    made = Collapsed.of(statistics(structure), fixed_sds(structure))
    eta = parameters.start(made)
    parameters.log_posterior(made, eta)
    return parameters, made, eta
