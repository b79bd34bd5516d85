"""The linear form and the graph are one density: term by term, and with every effect integrated out."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from outcomemodels.inference.collapsed.collapse import Collapsed, Variances
from outcomemodels.inference.collapsed.sample import fixed_sds
from outcomemodels.inference.collapsed.stats import statistics
from outcomemodels.inference.predict import predict_linear
from outcomemodels.plugin import Block, LinearStructure
from outcomemodels.posterior import corr_name, sd_name
from outcomemodels.testing.gaussian import LinearPart
from outcomemodels.testing.graph_checks import built_cases
from outcomemodels.testing.probe import Point
from outcomemodels.testing.results import NotApplicableError
from outcomemodels.testing.subject import Case, Subject, constant, fail_unless, relative

FloatArray = NDArray[np.float64]


def linear_form_is_the_graph(subject: Subject) -> None:
    """Expected outcomes, likelihood and priors of the linear form are those of the graph, at draws from the prior."""
    _only_linear(subject)
    for case in built_cases(subject):
        part = _part(case)
        drawn = case.probe.prior(len(case.points), seed=23)
        points = [{n: drawn[n][i] for n in case.probe.named} for i in range(len(case.points))]
        expected = predict_linear(case.structure, case.design, case.probe.as_posterior(drawn), seed=1)
        where = f"world {case.world.name!r}: "
        fail_unless(
            relative(expected, drawn["expected"]) < 1e-8,
            where + "the linear form gives other expected outcomes than the graph: a term is missing or another",
        )
        gaps = [part.log_likelihood(p) - likelihood(case.structure, p, drawn["expected"][i])
                for i, p in enumerate(points)]  # fmt: skip
        size = max(abs(part.log_likelihood(p)) for p in points)
        fail_unless(
            constant(gaps, scale=size) < 1e-8,
            where + f"likelihoods of form and graph differ by {min(gaps):.4g} to {max(gaps):.4g}",
        )
        for point in points[:2]:
            found = part.prior(point)
            mean, covariance = _prior_of(case.structure, point)
            scale = np.sqrt(np.maximum(np.diag(covariance), 1e-300))
            off = np.abs(found.covariance - covariance) / np.maximum(scale[:, None] * scale[None, :], 1e-12)
            fail_unless(float(off.max()) < 1e-5, where + f"{_worst(part, off)} has another prior spread in the graph")
            fail_unless(
                float(np.max(np.abs(found.mean - mean) / np.maximum(scale, 1e-12))) < 1e-5,
                where + "prior means of form and graph differ",
            )
        alike = [{**p, **{n: points[0][n] for n in part.variances if n.startswith("lkj_")}} for p in points]
        gaps = [part.log_prior_of_variances(p) - _log_prior_of_spreads(case.structure, p) for p in alike]
        fail_unless(constant(gaps) < 1e-7, where + "the SDs have other priors in the form than in the graph")


def collapsed_and_conditional_are_the_graph(subject: Subject) -> None:
    """The exact engine's marginal density, conditional means and variances are those of the graph."""
    _only_linear(subject)
    cases = [c for c in built_cases(subject) if c.design.family == "gaussian"]
    if not cases:
        raise NotApplicableError("the exact engine takes Gaussian outcomes only")
    for case in cases:
        part = _part(case)
        engine = Collapsed.of(statistics(case.structure), fixed_sds(case.structure))
        gaps, size = [], 1.0
        for point in case.points:
            at = _variances_at(case.structure, point)
            graph = part.posterior(point)
            marginal = engine.log_density(at)
            gaps.append(graph.log_mass - part.log_prior_of_variances(point) - marginal)
            size = max(size, abs(marginal))
            moments = engine.moments(at)
            sd = np.sqrt(np.diag(graph.covariance))
            off = np.max(np.abs(moments.mean - graph.mean) / np.maximum(sd, 1e-12))
            fail_unless(float(off) < 1e-4, "conditional means of effects differ between the exact engine and the graph")
            spread = np.max(np.abs(np.sqrt(moments.variance) - sd) / np.maximum(sd, 1e-12))
            fail_unless(
                float(spread) < 1e-4, "conditional SDs of effects differ between the exact engine and the graph"
            )
        fail_unless(
            constant(gaps, scale=size) < 1e-6,
            f"world {case.world.name!r}: marginal log densities differ by {min(gaps):.4g} to {max(gaps):.4g}, "
            "which should be one constant",
        )


def likelihood(structure: LinearStructure, point: Point, expected: FloatArray) -> float:
    """Log likelihood of a linear form, written out from its definition; constants in the parameters may be left out."""
    response = structure.response
    assert response is not None
    if structure.family == "binomial":
        p = np.clip(expected, 1e-300, 1 - 1e-16)
        return float((response.y * np.log(p) + (response.n - response.y) * np.log1p(-p)).sum())
    sd = _noise(structure, point)
    variance = sd**2
    if structure.weight is not None:
        variance = variance / structure.weight
    if response.kind == "cells":
        variance = variance / response.n
    if structure.known_variance is not None:
        variance = variance + structure.known_variance
    total = float((-0.5 * np.log(variance) - (response.y - expected) ** 2 / (2 * variance)).sum())
    if response.kind == "cells":
        total += float((-(response.n - 1) * np.log(sd)).sum())
        total -= float((np.nan_to_num((response.n - 1) * response.sd**2) / (2 * sd**2)).sum())
    return total


# -- parts -------------------------------------------------------------------------------------------------------


def _only_linear(subject: Subject) -> None:
    if not subject.model.info.linear:
        raise NotApplicableError("the model does not say it is linear")


def _part(case: Case) -> LinearPart:
    part = LinearPart(case.probe, case.structure)
    _ = part.targets
    return part


def _noise(structure: LinearStructure, point: Point) -> FloatArray:
    noise = np.asarray(point["noise"], dtype=float).reshape(-1)
    assert structure.response is not None
    if len(noise) == 1 or structure.noise_codes is None:
        return np.full(len(structure.response.y), noise[0])
    return noise[structure.noise_codes]


def _covariance(block: Block, point: Point) -> FloatArray:
    sds = np.asarray(point[sd_name(block.id)], dtype=float).reshape(-1)
    corr = np.asarray(point[corr_name(block.id)]) if block.correlation is not None else np.eye(len(sds))
    return np.asarray(sds[:, None] * corr * sds[None, :])


def _prior_of(structure: LinearStructure, point: Point) -> tuple[FloatArray, FloatArray]:
    """Mean and covariance of effects then coefficients, as the form says."""
    parts = [np.kron(np.eye(len(b.levels)), _covariance(b, point)) for b in structure.blocks]
    fixed = [p.values[1] if p.name == "normal" else 0.0 for p in structure.column_priors]
    parts.append(np.diag(np.square(fixed)) if fixed else np.zeros((0, 0)))
    size = sum(len(p) for p in parts)
    covariance, at = np.zeros((size, size)), 0
    for p in parts:
        covariance[at : at + len(p), at : at + len(p)] = p
        at += len(p)
    mean = np.zeros(size)
    mean[size - len(fixed) :] = [p.values[0] for p in structure.column_priors]
    return mean, covariance


def _log_prior_of_spreads(structure: LinearStructure, point: Point) -> float:
    total = 0.0
    for block in structure.blocks:
        sds = np.asarray(point[sd_name(block.id)], dtype=float).reshape(-1)
        total += sum(float(p.logpdf(s)) for p, s in zip(block.sds, sds, strict=True) if p.name != "constant")
    if structure.noise:
        noise = np.asarray(point["noise"], dtype=float).reshape(-1)
        total += sum(float(p.logpdf(s)) for p, s in zip(structure.noise, noise, strict=True) if p.name != "constant")
    return total


def _variances_at(structure: LinearStructure, point: Point) -> Variances:
    factors = tuple(np.linalg.cholesky(_covariance(b, point)) for b in structure.blocks)
    return Variances(factors, np.asarray(point["noise"], dtype=float).reshape(-1))


def _worst(part: LinearPart, off: FloatArray) -> str:
    at, start = int(np.unravel_index(int(np.argmax(off)), off.shape)[0]), 0
    sizes = [len(b.levels) * len(b.columns) for b in part.structure.blocks] + [len(part.structure.columns)]
    for name, size in zip((*(b.id for b in part.structure.blocks), "coefficients"), sizes, strict=True):
        if at < start + size:
            return name
        start += size
    return "an effect"
