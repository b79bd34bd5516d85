"""Links between treatments and the label rule, case by case."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from outcomemodels.data.columns import from_columns
from outcomemodels.design import Design, build_design
from outcomemodels.estimands import Label, Question
from outcomemodels.estimands.evidence import MIN_COURSES, STRONG, WEAK, Link, components, evidence_of, label_of, links
from outcomemodels.schema import Assignment, Direction, Facet, Field, Grain, Kind, Schema
from outcomemodels.spec import ModelSpec

FIELDS = {
    "treatment": (Facet.TREATMENT, Kind.CATEGORICAL),
    "problem": (Facet.PROBLEM, Kind.CATEGORICAL),
    "service": (Facet.SETTING, Kind.IDENTIFIER),
    "therapist": (Facet.THERAPIST, Kind.IDENTIFIER),
}


def design_of(rows: Sequence[Sequence[str]], names: str, *, assignment: str = "routine", repeat: int = 3) -> Design:
    """Rows of labels under the named fields, each ``repeat`` times; an empty label is missing."""
    fields = names.split()
    table = {n: np.array([r[i] for r in rows for _ in range(repeat)], dtype=object) for i, n in enumerate(fields)}
    table["end"] = np.random.default_rng(1).normal(size=len(rows) * repeat)
    schema = Schema(
        name="graph",
        grain=Grain.EPISODE,
        assignment=Assignment(assignment),
        fields=(
            *(Field(name=n, facet=FIELDS[n][0], kind=FIELDS[n][1], missing=(("", "not recorded"),)) for n in fields),
            Field(name="end", facet=Facet.OUTCOME, kind=Kind.CONTINUOUS, direction=Direction.LOWER_IS_BETTER),
        ),
    )
    return build_design(from_columns(schema, table), ModelSpec(outcome="end", covariates=(), batches=("treatment",)))


def link(design: Design, a: str = "A", b: str = "B") -> Link:
    return links(design, (b, a), b)[a]


def test_a_trial_without_groups_is_linked() -> None:
    assert link(design_of([("A",), ("B",)], "treatment", assignment="randomised")) == Link()


def test_shared_services_link() -> None:
    rows = [("A", "s1"), ("B", "s1"), ("A", "s2")]
    assert link(design_of(rows, "treatment service")) == Link()


def test_a_chain_of_services_links() -> None:
    rows = [("A", "s1"), ("C", "s1"), ("C", "s2"), ("B", "s2")]
    design = design_of(rows, "treatment service")
    assert link(design) == Link()
    assert len(set(components(design.factors["treatment"], design.factors["service"]))) == 1


def test_services_apart_do_not_link_though_problems_are_shared() -> None:
    rows = [("A", "p", "s1"), ("A", "q", "s2"), ("B", "p", "s3"), ("B", "q", "s4")]
    found = link(design_of(rows, "treatment problem service"))
    assert "No setting (service) offered both A and B" in found.broken


def test_problems_apart_do_not_link() -> None:
    rows = [("A", "p", "s1"), ("B", "q", "s1")]
    for assignment in ("routine", "randomised"):
        found = link(design_of(rows, "treatment problem service", assignment=assignment))
        assert "No problem (problem) was treated with both" in found.broken


def test_a_shared_missing_label_links_nothing() -> None:
    rows = [("A", "s1"), ("A", ""), ("B", "s2"), ("B", "")]
    assert link(design_of(rows, "treatment service")).broken


def test_linked_one_by_one_but_aliased_together() -> None:
    rows = [("A", "p", "s1"), ("A", "q", "s2"), ("B", "q", "s1")]
    found = link(design_of(rows, "treatment problem service"))
    assert "problem and service together leave the difference of A and B undetermined" in found.broken
    rows.append(("B", "p", "s1"))
    assert link(design_of(rows, "treatment problem service")) == Link()


def test_services_allocated_whole_at_random_stand_for_each_other() -> None:
    rows = [("A", "s1"), ("A", "s2"), ("B", "s3"), ("B", "s4")]
    assert link(design_of(rows, "treatment service", assignment="randomised")) == Link()
    assert link(design_of(rows, "treatment service", assignment="routine")).broken
    assert link(design_of(rows[1:3], "treatment service", assignment="randomised")).broken


def test_two_trials_at_different_sites_are_not_one() -> None:
    rows = [("A", "s1"), ("C", "s1"), ("B", "s2"), ("D", "s2")]
    assert link(design_of(rows, "treatment service", assignment="randomised")).broken


def test_therapists_who_give_one_treatment_each() -> None:
    rows = [("A", "s1", "t1"), ("A", "s1", "t2"), ("B", "s1", "t3"), ("B", "s1", "t4")]
    found = link(design_of(rows, "treatment service therapist"))
    assert not found.broken
    assert "who delivers" in found.caution
    assert link(design_of(rows, "treatment service therapist", assignment="randomised")) == Link()
    without = [(r[0], r[2]) for r in rows]
    assert "therapist" in link(design_of(without, "treatment therapist")).broken
    assert link(design_of(rows[1:3], "treatment service therapist")).broken  # one therapist each


def test_the_rule() -> None:
    many = 10.0 * MIN_COURSES
    assert label_of(Link(), many, many, STRONG)[0] is Label.DATA_INFORMED
    assert label_of(Link(), many, many, STRONG - 0.01)[0] is Label.WEAKLY_INFORMED
    assert label_of(Link(), many, MIN_COURSES - 1, STRONG)[0] is Label.WEAKLY_INFORMED
    assert label_of(Link(), 0, many, STRONG)[0] is Label.WEAKLY_INFORMED
    assert label_of(Link(caution="nested"), many, many, STRONG) == (Label.WEAKLY_INFORMED, "nested")
    assert label_of(Link(), many, many, WEAK - 0.01)[0] is Label.PRIOR_DRIVEN
    assert label_of(Link(), many, many, None)[0] is Label.PRIOR_DRIVEN
    assert label_of(Link(broken="apart"), many, many, 0.999) == (Label.NOT_ESTIMABLE, "apart")


def test_the_reason_says_how_many_and_how_much() -> None:
    assert label_of(Link(), 1234, 500, 0.96)[1] == (
        "1,234 comparable courses against 500; the data remove 96% of the prior variance of the difference."
    )
    assert "borrowed from other problems" in label_of(Link(), 0, 500, 0.96)[1]


def test_counts_are_of_the_same_problem() -> None:
    rows = [("A", "p", "s1", "t1"), ("A", "q", "s1", "t2"), ("B", "p", "s1", "t1"), ("A", "p", "s2", "")]
    design = design_of(rows, "treatment problem service therapist", repeat=10)
    linked = links(design, ("A", "B"), "B")
    found = evidence_of(Question(problem="p"), design, linked, ("A", "B"), "B", np.array([0.95, 0.95]))
    assert [e.n_comparable for e in found] == [20, 10]
    assert [e.n_settings for e in found] == [2, 1]
    assert [e.n_therapists for e in found] == [1, 1]  # not recorded is nobody
    everywhere = evidence_of(Question(), design, linked, ("A", "B"), "B", np.array([0.95, 0.95]))
    assert [e.n_comparable for e in everywhere] == [30, 10]


def test_a_reference_nothing_links_to_cannot_be_judged() -> None:
    design = design_of([("A", "s1"), ("B", "s2")], "treatment service")
    found = evidence_of(Question(), design, links(design, ("A", "B"), "A"), ("A", "B"), "A", np.array([0.99, 0.99]))
    assert {e.label for e in found} == {Label.NOT_ESTIMABLE}


def test_large_graphs_are_quick() -> None:
    import time

    rng = np.random.default_rng(1)
    n = 100_000
    service = rng.integers(0, 200, n)
    rows = np.stack(
        [
            [f"T{i}" for i in rng.integers(0, 15, n)],
            [f"P{i}" for i in rng.integers(0, 15, n)],
            [f"S{i}" for i in service],
        ]
    ).T
    design = design_of(rows.tolist(), "treatment problem service", repeat=1)
    start = time.perf_counter()
    found = links(design, tuple(f"T{i}" for i in range(15)), "T0")
    assert all(v == Link() for v in found.values())
    assert time.perf_counter() - start < 5


@pytest.mark.parametrize("contraction", [np.nan, -0.2])
def test_contraction_that_is_unknown_or_negative(contraction: float) -> None:
    design = design_of([("A", "s1"), ("B", "s1")], "treatment service", repeat=30)
    found = evidence_of(
        Question(), design, links(design, ("A", "B"), "A"), ("A", "B"), "A", np.array([contraction] * 2)
    )
    assert {e.label for e in found} == {Label.PRIOR_DRIVEN}
