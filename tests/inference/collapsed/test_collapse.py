"""The collapsed density against the dense multivariate normal, its gradient, and its draws."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from outcomemodels.inference.collapsed.collapse import Collapsed
from outcomemodels.inference.collapsed.parameters import Parameters
from outcomemodels.inference.collapsed.stats import indicator, statistics_of
from outcomemodels.plugin import Block, LinearStructure, Response
from outcomemodels.priors import Prior


def block(rng: np.random.Generator, name: str, n: int, levels: int, width: int = 1, eta: float | None = None) -> Block:
    codes = np.append(np.arange(levels), rng.integers(0, levels, n - levels)).astype(np.int32)
    values = np.column_stack([np.ones(n), rng.normal(size=(n, width - 1))])
    return Block(
        id=name,
        by=(name,),
        levels=tuple(f"{name}{i}" for i in range(levels)),
        codes=codes,
        columns=tuple("1xz"[:width]),
        values=values,
        sds=(Prior.half_normal(1.5), Prior.half_student_t(4, 1.0), Prior.pc(2, 0.1))[:width],
        correlation=None if eta is None else Prior.lkj(eta),
    )


def structure(kind: str, seed: int = 0, n: int = 40) -> LinearStructure:
    rng = np.random.default_rng(seed)
    blocks: tuple[Block, ...] = {
        "none": (),
        "one": (block(rng, "a", n, 8),),
        "crossed": (block(rng, "a", n, 8), block(rng, "b", n, 5), block(rng, "c", n, 3)),
        "slopes": (block(rng, "a", n, 8, 3, eta=2.0), block(rng, "b", n, 5, 2)),
        "slopes in the rest": (block(rng, "a", n, 12), block(rng, "b", n, 5, 3, eta=1.0)),
        "one level": (block(rng, "a", n, 8), block(rng, "b", n, 1)),
        "singletons": (block(rng, "a", n, n),),
        "noise": (block(rng, "a", n, 8), block(rng, "b", n, 5)),
        "cells": (block(rng, "a", n, 8), block(rng, "b", n, 5)),
        "weights": (block(rng, "a", n, 8),),
        "rank deficient": (block(rng, "a", n, 8),),
    }[kind]
    X = np.column_stack([np.ones(n), rng.normal(size=(n, 2))])
    if kind == "rank deficient":
        X = np.column_stack([X, X[:, 1] + X[:, 2], np.zeros(n)])
    y = rng.normal(2, 1.5, n)
    response = Response("rows", y, np.ones(n), np.full(n, np.nan))
    if kind == "cells":
        response = Response("cells", y, rng.integers(1, 9, n).astype(float), rng.uniform(0.5, 2, n))
    levels = ("low", "high") if kind == "noise" else ("all",)
    return LinearStructure(
        family="gaussian",
        columns=tuple(f"x{i}" for i in range(X.shape[1])),
        X=X,
        column_priors=tuple(Prior.normal(0.3 * i, 2.0) for i in range(X.shape[1])),
        blocks=blocks,
        response=response,
        noise=(Prior.half_normal(2.0),) * len(levels),
        noise_by="intensity" if kind == "noise" else "",
        noise_levels=levels,
        noise_codes=rng.integers(0, len(levels), n).astype(np.int32),
        weight=rng.uniform(0.5, 2, n) if kind == "weights" else None,
    )


KINDS = (
    "none",
    "one",
    "crossed",
    "slopes",
    "slopes in the rest",
    "one level",
    "singletons",
    "noise",
    "cells",
    "weights",
    "rank deficient",
)


def collapsed(made: LinearStructure) -> Collapsed:
    return Collapsed(made, statistics_of(made), Parameters.of(made))


def dense(made: LinearStructure, model: Collapsed, eta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and covariance of the responses with everything integrated out, and the density's other factors."""
    theta = model.parameters.at(eta)
    response = made.response
    assert response is not None
    mean = made.X @ np.array([p.values[0] for p in made.column_priors])
    covariance = (made.X * np.array([p.values[1] ** 2 for p in made.column_priors])) @ made.X.T
    for b, each in enumerate(made.blocks):
        Z = indicator(each).toarray()
        covariance += Z @ np.kron(np.eye(len(each.levels)), theta.covariance(b)) @ Z.T
    assert made.noise_codes is not None
    variance = theta.noise[made.noise_codes] ** 2
    if made.weight is not None:
        variance = variance / made.weight
    if response.kind == "cells":
        variance = variance / response.n
    return mean, covariance + np.diag(variance)


def dense_log_density(made: LinearStructure, model: Collapsed, eta: np.ndarray) -> float:
    response = made.response
    assert response is not None
    mean, covariance = dense(made, model, eta)
    value = float(stats.multivariate_normal(mean, covariance, allow_singular=False).logpdf(response.y))
    if response.kind == "cells":
        noise = model.parameters.at(eta).noise[0]
        squares = ((response.n - 1) * response.sd**2).sum()
        value += -float((response.n - 1).sum()) * np.log(noise) - squares / (2 * noise**2)
    return value - 0.5 * float(eta @ eta)


@pytest.mark.parametrize("kind", KINDS)
def test_density_is_that_of_the_dense_normal(kind: str) -> None:
    """Differences between two points agree to 1e-8 of the density; constants in y and n may differ."""
    made = structure(kind)
    model = collapsed(made)
    rng = np.random.default_rng(1)
    points = rng.normal(0, 1, (6, model.size))
    ours = np.array([model.log_density(p) for p in points])
    theirs = np.array([dense_log_density(made, model, p) for p in points])
    gap = ours - theirs
    np.testing.assert_allclose(gap, gap[0], atol=1e-8 * np.abs(theirs).max())


@pytest.mark.parametrize("kind", KINDS)
def test_gradient_is_that_of_differences(kind: str) -> None:
    model = collapsed(structure(kind))
    eta = np.random.default_rng(2).normal(0, 0.7, model.size)
    value, gradient = model.log_density_and_gradient(eta)
    assert value == pytest.approx(model.log_density(eta))
    for i in range(model.size):
        step = np.zeros(model.size)
        step[i] = 1e-4
        slope = (model.log_density(eta + step) - model.log_density(eta - step)) / 2e-4
        assert gradient[i] == pytest.approx(slope, rel=1e-5, abs=1e-5), i


@pytest.mark.parametrize("kind", ["crossed", "slopes", "slopes in the rest", "noise", "cells"])
def test_draws_have_the_moments_of_the_closed_form(kind: str) -> None:
    """20,000 draws; means within 5 and SDs within 5 Monte Carlo errors of the normal's."""
    made = structure(kind)
    model = collapsed(made)
    eta = np.random.default_rng(3).normal(0, 0.5, model.size)
    beta, effects = model.draw(eta, 20_000, np.random.default_rng(4))
    theta, response = model.parameters.at(eta), made.response
    assert response is not None
    assert made.noise_codes is not None
    Z = np.hstack([made.X, *(indicator(b).toarray() for b in made.blocks)])
    prior = [np.diag([p.values[1] ** 2 for p in made.column_priors])]
    prior += [np.kron(np.eye(len(b.levels)), theta.covariance(i)) for i, b in enumerate(made.blocks)]
    weight = theta.noise[made.noise_codes] ** -2 * (response.n if response.kind == "cells" else 1.0)
    from scipy.linalg import block_diag

    covariance = np.linalg.inv(np.linalg.inv(block_diag(*prior)) + (Z.T * weight) @ Z)
    offset = np.concatenate([[p.values[0] for p in made.column_priors], np.zeros(Z.shape[1] - made.X.shape[1])])
    mean = offset + covariance @ (Z.T @ (weight * (response.y - Z @ offset)))
    drawn = np.hstack([beta, *(e.reshape(len(e), -1) for e in effects)])
    sd = np.sqrt(np.diag(covariance))
    np.testing.assert_array_less(np.abs(drawn.mean(0) - mean) / sd, 5 / np.sqrt(20_000))
    np.testing.assert_array_less(np.abs(drawn.std(0) / sd - 1), 5 / np.sqrt(2 * 20_000))
    centred = (drawn - drawn.mean(0)) / drawn.std(0)
    correlation = covariance / np.outer(sd, sd)
    np.testing.assert_allclose(centred.T @ centred / 20_000, correlation, atol=0.05)


def test_statistics_of_parts_are_parts_of_the_statistics() -> None:
    made = structure("crossed")
    assert made.response is not None
    whole = statistics_of(made)
    from dataclasses import replace

    def part(rows: slice) -> LinearStructure:
        r = made.response
        assert r is not None
        assert made.noise_codes is not None
        return replace(
            made,
            X=made.X[rows],
            blocks=tuple(replace(b, codes=b.codes[rows], values=b.values[rows]) for b in made.blocks),
            response=Response(r.kind, r.y[rows], r.n[rows], r.sd[rows]),
            noise_codes=made.noise_codes[rows],
        )

    merged = statistics_of(part(slice(0, 17))).merge(statistics_of(part(slice(17, None))))
    np.testing.assert_allclose(merged.A[0], whole.A[0], atol=1e-10)
    np.testing.assert_allclose(merged.B[0].toarray(), whole.B[0].toarray(), atol=1e-10)
    np.testing.assert_allclose(merged.D[0], whole.D[0], atol=1e-10)
    assert merged.count == pytest.approx(whole.count)
