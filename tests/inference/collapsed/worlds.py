"""Small random linear structures of every kind, and their dense multivariate normal."""

from __future__ import annotations

import numpy as np

from outcomemodels.design import Response
from outcomemodels.inference.collapsed.collapse import Variances
from outcomemodels.plugin import Block, LinearStructure
from outcomemodels.priors import Prior

KINDS = (
    "crossed", "nested", "slopes", "independent_slopes", "cells", "weights", "known", "heteroscedastic",
    "singletons", "one_level", "rank_deficient", "no_blocks", "no_columns", "disconnected",
    "near_disconnected", "constants", "known_cells",
)  # fmt: skip


def block(name: str, codes: np.ndarray, levels: int, values: np.ndarray | None = None, lkj: bool = False) -> Block:
    values = np.ones((len(codes), 1)) if values is None else values
    q = values.shape[1]
    return Block(
        id=name,
        by=(name,),
        levels=tuple(f"{name}{i}" for i in range(levels)),
        codes=codes.astype(np.int32),
        columns=("1", "x", "w")[:q],
        values=values,
        sds=(Prior.half_normal(1.0), Prior.half_student_t(3, 1.0), Prior.exponential(1.5))[:q],
        correlation=Prior.lkj(2.0) if lkj else None,
    )


def world(kind: str, seed: int = 0, n: int = 40) -> LinearStructure:
    rng = np.random.default_rng(seed)
    X = np.column_stack([np.ones(n), rng.normal(size=n)])
    x = rng.normal(size=n)
    small, large = rng.integers(0, 4, n), rng.integers(0, 9, n)
    blocks: tuple[Block, ...] = (block("service", small, 4), block("therapist", large, 9))
    extra: dict[str, object] = {}
    noise: tuple[Prior, ...] = (Prior.half_normal(2.0),)
    response = Response("rows", rng.normal(1.0, 1.5, n), np.ones(n), np.full(n, np.nan))
    if kind == "nested":
        blocks = (block("service", large // 3, 3), block("therapist", large, 9), block("problem", small, 4))
    elif kind == "slopes":
        blocks = (block("therapist", large, 9, np.column_stack([np.ones(n), x]), lkj=True), block("service", small, 4))
    elif kind == "independent_slopes":
        three = np.column_stack([np.ones(n), x, x**2])
        blocks = (block("service", small, 4, three[:, :2], lkj=True), block("therapist", large, 9, three))
    elif kind in ("cells", "known_cells"):
        count = rng.integers(1, 9, n).astype(float)
        sd = np.where(count > 1, rng.gamma(4, 0.4, n), np.nan)
        response = Response("cells", response.y, count, sd)
        if kind == "known_cells":
            extra["known_variance"] = rng.gamma(2, 0.2, n)
    elif kind == "weights":
        extra["weight"] = rng.gamma(3, 0.5, n)
    elif kind == "known":
        extra["known_variance"] = rng.gamma(2, 0.3, n)
        extra["weight"] = rng.gamma(3, 0.5, n)
    elif kind == "heteroscedastic":
        noise = (Prior.half_normal(2.0),) * 3
        extra |= {
            "noise_by": "g",
            "noise_levels": ("a", "b", "c"),
            "noise_codes": rng.integers(0, 3, n).astype(np.int32),
        }
    elif kind == "singletons":
        blocks = (block("client", np.arange(n), n), block("service", small, 4))
    elif kind == "one_level":
        blocks = (block("service", np.zeros(n, int), 1), block("therapist", large, 9))
    elif kind == "rank_deficient":
        X = np.column_stack([X, X[:, 1] * 2, np.zeros(n)])
    elif kind == "no_blocks":
        blocks = ()
    elif kind == "no_columns":
        X = np.zeros((n, 0))
    elif kind in ("disconnected", "near_disconnected"):
        service = (large > 4).astype(int)
        if kind == "near_disconnected":  # one row of next to no weight joins the two halves
            service[0] = 1 - service[0]
            extra["weight"] = np.where(np.arange(n) == 0, 1e-9, 1.0)
        blocks = (block("service", service, 2), block("therapist", large, 9), block("problem", large % 5, 5))
    columns = tuple(f"c{i}" for i in range(X.shape[1]))
    priors = tuple(Prior.normal(0.5 * i, 1.0 + i) for i in range(X.shape[1]))
    if kind == "constants":
        priors = (Prior.normal(0, 1), Prior.constant(0.7))
    return LinearStructure(
        family="gaussian", columns=columns, X=X, column_priors=priors, blocks=blocks, response=response,
        noise=noise, **extra,  # type: ignore[arg-type]
    )  # fmt: skip


def random_point(structure: LinearStructure, seed: int, zero: bool = False) -> Variances:
    rng = np.random.default_rng(seed)
    factors = []
    for k, b in enumerate(structure.blocks):
        q = len(b.columns)
        L = np.diag(rng.gamma(2, 0.5, q))
        if b.correlation is not None:
            raw = rng.normal(size=(q, q + 2))
            cov = raw @ raw.T
            corr = cov / np.sqrt(np.outer(np.diag(cov), np.diag(cov)))
            L = L @ np.linalg.cholesky(corr)
        factors.append(L * (0.0 if zero and k == 0 else 1.0))
    return Variances(tuple(factors), rng.gamma(5, 0.2, len(structure.noise)))


def dense(structure: LinearStructure, at: Variances) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Design F over (effects, columns), prior mean and covariance of its variables, and row variances."""
    n = structure.X.shape[0]
    response = structure.response
    assert response is not None
    parts, covariances = [], []
    for b, L in zip(structure.blocks, at.factors, strict=True):
        q, J = len(b.columns), len(b.levels)
        Z = np.zeros((n, J * q))
        for i in range(n):
            Z[i, b.codes[i] * q : (b.codes[i] + 1) * q] = b.values[i]
        parts.append(Z)
        covariances += [L @ L.T] * J
    F = np.column_stack([*parts, structure.X])
    p = F.shape[1]
    G = np.zeros((p, p))
    start = 0
    for c in covariances:
        G[start : start + len(c), start : start + len(c)] = c
        start += len(c)
    mean = np.zeros(p)
    for i, prior in enumerate(structure.column_priors):
        mean[start + i] = prior.values[0]
        G[start + i, start + i] = prior.values[1] ** 2 if prior.name == "normal" else 0.0
    codes = structure.noise_codes if structure.noise_codes is not None else np.zeros(n, int)
    v = at.noise[codes] ** 2
    if structure.weight is not None:
        v = v / structure.weight
    if response.kind == "cells":
        v = v / response.n
    if structure.known_variance is not None:
        v = v + structure.known_variance
    return F, mean, G, v


def dense_log_density(structure: LinearStructure, at: Variances) -> float:
    F, mean, G, v = dense(structure, at)
    response = structure.response
    assert response is not None
    S = F @ G @ F.T + np.diag(v)
    r = response.y - F @ mean
    _, logdet = np.linalg.slogdet(S)
    value = -0.5 * (len(r) * np.log(2 * np.pi) + logdet + r @ np.linalg.solve(S, r))
    if response.kind == "cells":
        codes = structure.noise_codes if structure.noise_codes is not None else np.zeros(len(r), int)
        s = at.noise[codes]
        d = response.n - 1
        value += float((-d * np.log(s) - np.nan_to_num(d * response.sd**2) / (2 * s**2)).sum())
    return float(value)


def fixed_sd(structure: LinearStructure) -> np.ndarray:
    return np.array([p.values[1] if p.name == "normal" else 0.0 for p in structure.column_priors])
