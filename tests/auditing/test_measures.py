"""Association, connectedness, overlap and effective sizes against scipy, networkx and hand-made numbers."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pytest
from scipy.stats import chi2_contingency
from scipy.stats.contingency import association

import outcomemodels as om
from outcomemodels.auditing.association import cramers_v, crosstab, effective_courses, kish, nesting
from outcomemodels.auditing.graph import algebraic_connectivity, disjoint_chains
from outcomemodels.auditing.overlap import overlap_of, propensity
from outcomemodels.data.columns import from_columns
from outcomemodels.schema import Established, Facet, Field, Kind
from small import columns, episodes, schema


def bergsma(table: np.ndarray) -> float:
    """The formula of Bergsma (2013) on scipy's chi-square."""
    n, (r, k) = table.sum(), table.shape
    phi2 = chi2_contingency(table, correction=False).statistic / n
    corrected = max(0.0, phi2 - (r - 1) * (k - 1) / (n - 1))
    rc, kc = r - (r - 1) ** 2 / (n - 1), k - (k - 1) ** 2 / (n - 1)
    return float(np.sqrt(corrected / (min(rc, kc) - 1)))


@pytest.mark.parametrize("seed", range(8))
def test_cramers_v_is_that_of_scipy_once_corrected(seed: int) -> None:
    rng = np.random.default_rng(seed)
    table = rng.poisson(rng.uniform(1, 30, (rng.integers(2, 6), rng.integers(2, 9)))) + 1.0
    found = cramers_v(table)
    assert found is not None
    assert found.v == pytest.approx(bergsma(table), abs=1e-12)
    plain = association(table.astype(int), method="cramer")
    assert found.v <= plain + 1e-12
    assert found.low <= found.v <= found.high + 1e-9


def test_one_to_one_and_unrelated() -> None:
    assert cramers_v(np.diag([400.0, 500.0, 300.0])).v == pytest.approx(1.0, abs=1e-2)
    assert cramers_v(np.full((3, 4), 50.0)).v == 0.0
    assert cramers_v(np.array([[5.0, 6.0]])) is None


def test_the_interval_of_v_covers() -> None:
    """Coverage of the true V in 400 tables within Monte-Carlo error of 95 %."""
    rng = np.random.default_rng(1)
    p = np.array([[0.3, 0.1, 0.1], [0.1, 0.15, 0.25]])
    expected = p.sum(1, keepdims=True) * p.sum(0, keepdims=True)
    truth = np.sqrt(((p - expected) ** 2 / expected).sum())
    inside = 0
    for _ in range(400):
        found = cramers_v(rng.multinomial(300, p.ravel()).reshape(2, 3).astype(float))
        inside += found.low <= truth <= found.high
    assert 0.91 <= inside / 400 <= 0.985


def test_crosstab_counts_weights_and_leaves_missing_out() -> None:
    a, b = np.array([0, 0, 1, -1], dtype=np.int32), np.array([1, 1, 0, 0], dtype=np.int32)
    np.testing.assert_array_equal(crosstab(a, b), [[0, 2], [1, 0]])
    np.testing.assert_array_equal(crosstab(a, b, np.array([2.0, 3, 4, 9])), [[0, 5], [4, 0]])


@pytest.mark.parametrize("seed", range(8))
def test_connectivity_is_that_of_networkx(seed: int) -> None:
    rng = np.random.default_rng(seed)
    table = rng.poisson(0.8, (4, 7)) * rng.integers(1, 9, (4, 7)).astype(float)
    table[:, table.sum(axis=0) == 0] = 1.0
    table[table.sum(axis=1) == 0] = 1.0
    graph = nx.Graph()
    for t, g in zip(*np.nonzero(table), strict=True):
        graph.add_edge(("t", t), ("g", g), weight=table[t, g])
    values = np.sort(np.linalg.eigvalsh(nx.normalized_laplacian_matrix(graph).toarray()))
    assert algebraic_connectivity(table) == pytest.approx(max(values[1], 0.0), abs=1e-9)


@pytest.mark.parametrize("seed", range(8))
def test_disjoint_chains_are_a_vertex_cut(seed: int) -> None:
    """Menger: chains without a common group are as many as groups needed to cut; treatments cannot be cut."""
    rng = np.random.default_rng(seed)
    table = (rng.uniform(size=(4, 6)) < 0.4).astype(float)
    graph = nx.DiGraph()
    for g in range(6):
        graph.add_edge(("in", g), ("out", g), capacity=1)
    for t, g in zip(*np.nonzero(table), strict=True):
        graph.add_edge(("t", t), ("in", g))
        graph.add_edge(("out", g), ("t", t))
    graph.add_nodes_from([("t", 0), ("t", 1)])
    assert disjoint_chains(table, 0, 1) == nx.maximum_flow_value(graph, ("t", 0), ("t", 1))


def test_nesting_counts_groups_with_one_level() -> None:
    found = nesting(np.array([[5.0, 0, 2, 0], [0, 3, 4, 0]]))
    assert (found.single, found.groups, found.courses_single, found.courses) == (2, 3, 8.0, 14.0)


def test_effective_sizes() -> None:
    assert kish(np.array([1.0, 1, 1])) == pytest.approx(3)
    assert kish(np.array([1.0, 0, 0])) == pytest.approx(1)
    assert effective_courses(np.full(10, 20.0), 0.05) == pytest.approx(200 / (1 + 19 * 0.05))
    assert effective_courses(np.full(10, 1.0), 0.05) == pytest.approx(10)


def test_propensity_is_that_of_statsmodels() -> None:
    import statsmodels.api as sm

    rng = np.random.default_rng(0)
    X = np.column_stack([np.ones(500), rng.normal(size=(500, 2))])
    t = (rng.uniform(size=500) < 1 / (1 + np.exp(-X @ [0.2, 0.8, -0.5]))).astype(float)
    mine = propensity(X, t, np.ones(500), ridge=1e-9)
    np.testing.assert_allclose(mine, sm.Logit(t, X).fit(disp=0).predict(), atol=1e-6)


def test_overlap_is_whole_without_and_gone_with_separation() -> None:
    rng = np.random.default_rng(0)
    start = rng.normal(15, 5, 2000)
    random = rng.uniform(size=2000) < 0.5
    fair = overlap_of(random, {"start": start}, {})
    assert fair.common_support > 0.95
    assert min(fair.effective) > 0.95 * min(fair.courses)
    severe = overlap_of(start > 15, {"start": start}, {})
    assert severe.common_support < 0.1


def test_how_each_value_was_established_is_counted_course_by_course() -> None:
    by = Field(name="problem_by", facet=Facet.PROBLEM, kind=Kind.CATEGORICAL, of="problem")
    raw = columns(200)
    raw["problem_by"] = np.array(["service_code"] * 150 + ["structured_interview"] * 50, dtype=object)
    report = om.audit(from_columns(schema(by), raw))
    layer = next(
        x for x in report.layers if (x.column, x.measure) == ("problem", "established by a standard procedure")
    )
    assert (layer.numerator, layer.denominator) == (50, 200)
    assert int(Established.STRUCTURED_INTERVIEW) == 4


def test_a_broken_rule_is_named() -> None:
    raw = columns(200)
    raw["problem"][:100] = ""
    report = om.audit(from_columns(schema(), raw))
    layer = next(x for x in report.layers if (x.column, x.measure) == ("problem", "unspecified share"))
    assert layer.rule == "at most 20% unspecified"
    whole = om.audit(episodes()).layers
    assert not next(x for x in whole if (x.column, x.measure) == ("problem", "unspecified share")).rule
