"""The expected half-width against the exact engine in simulated worlds, before and after courses are added."""

from __future__ import annotations

import numpy as np
import pytest

import outcomemodels as om
from outcomemodels.auditing.asked import targets_of
from outcomemodels.auditing.cells import cells_of
from outcomemodels.auditing.components import Components, components_of
from outcomemodels.auditing.courses import courses_of
from outcomemodels.auditing.gates import ground_of
from outcomemodels.auditing.improving import with_courses
from outcomemodels.auditing.precision import system_of
from outcomemodels.auditing.supporting import widths
from outcomemodels.data.dataset import PaulDataset
from outcomemodels.data.simulate import crossed_world
from outcomemodels.estimands import Question

SDS = {"treatment": 2.0, "problem": 1.5, "therapist": 1.2, "service": 1.0, "treatment:problem": 1.0}
SHAPE = {"treatments": 4, "problems": 4, "therapists": 40, "services": 10}
ASKED = Question(problem="P0", treatments=("T1",), reference="T0")
KNOWN = Components(
    noise=4.0,
    sds={k.replace("service", "setting"): v for k, v in SDS.items()}
    | dict.fromkeys(("time", "treatment:time", "cell", "treatment:therapist", "treatment:setting"), 0.0),
)


def fitted(data: PaulDataset, seed: int) -> float:
    fit = om.fit(data, outcome="end", seed=seed, progress=False)
    found = next(t for t in om.ask(fit, ASKED).treatments if t.treatment == "T1")
    return (found.contrast_high - found.contrast_low) / 2


def test_the_closed_form_is_the_mixed_model_solution() -> None:
    """Against the dense inverse of V = Z D Z' + noise² I, the other way to write the same posterior."""
    data, _ = crossed_world(3, clients=120)
    courses = courses_of(data)
    cells = cells_of(courses)
    components = components_of(courses, cells)
    system = system_of(cells, components)
    n = len(cells.n)
    Z, d = [np.ones((n, 1))], [(30 * components.noise) ** 2]
    for k, batch in enumerate(cells.layout.batches):
        first, end = cells.layout.starts[k : k + 2]
        block = np.zeros((n, end - first))
        for row in range(n):
            block[row, cells.layout.at(batch, tuple(int(cells.codes[b][row]) for b in batch)) - first] = 1.0
        Z.append(block)
        d += [max(components.sds[cells.role(batch)], 1e-6 * components.noise) ** 2] * (end - first)
    W, D = np.concatenate(Z, axis=1), np.diag(d)
    V = W @ D @ W.T + np.diag(components.noise**2 / cells.n)
    posterior = D - D @ W.T @ np.linalg.solve(V, W @ D)
    c = np.zeros(len(d))
    c[1], c[2] = 1.0, -1.0
    np.testing.assert_allclose(c @ system.solve(c), c @ posterior @ c, rtol=1e-6)


@pytest.mark.sampling
def test_the_predicted_half_width_is_within_15_percent_of_the_fitted_one() -> None:
    data, _ = crossed_world(0, clients=800, sds=SDS, **SHAPE)
    verdict = om.audit(data).verdict(ASKED)
    gate = next(c for c in verdict.comparisons if c.target.a == "T1").gate("precise enough")
    assert gate is not None
    assert abs(gate.details["half_width_single"] / fitted(data, 0) - 1) < 0.15


def test_more_courses_never_widen() -> None:
    data, _ = crossed_world(1, clients=300, sds=SDS, **SHAPE)
    ground = ground_of(data, components=KNOWN)
    target = targets_of(ASKED, ground.courses)[0]
    found = [widths(with_courses(ground, target, n), target).alone for n in (1.0, 10.0, 100.0)]
    assert found == sorted(found, reverse=True)
