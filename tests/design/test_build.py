"""Designs: which terms enter, what is dropped, counterfactual rows, storage."""

from __future__ import annotations

import numpy as np
import pytest

from outcomemodels.data.columns import from_columns
from outcomemodels.design import NEW, UNKNOWN, build_design
from outcomemodels.design.store import from_dataset, to_dataset
from outcomemodels.errors import DataError, QuestionError, SpecError
from outcomemodels.spec import ModelSpec
from small import columns, episodes, schema


def names(design: object) -> list[str]:
    return [b.name for b in design.batches]  # type: ignore[attr-defined]


def test_terms_follow_the_facets() -> None:
    design = build_design(episodes(), ModelSpec(outcome="phq9_end"))
    assert [c.name for c in design.columns] == ["intercept", "phq9_start", "age"]
    assert names(design) == [
        "treatment",
        "problem",
        "therapist",
        "service",
        "treatment:problem",
        "treatment:therapist",
        "treatment:service",
        "phq9_start|treatment",
        "age|treatment",
        "service:problem",
    ]
    assert design.direction == "lower_is_better"
    assert design.units == "phq9 points"


def test_terms_by_name_and_by_formula_are_one() -> None:
    data = episodes()
    named = build_design(
        data,
        ModelSpec(outcome="phq9_end", covariates=("phq9_start", "treatment"), batches=("therapist", "1 + age|service")),
    )
    formula = build_design(
        data,
        ModelSpec(
            outcome="phq9_end", formula="phq9_end ~ phq9_start + treatment + (1 | therapist) + (1 + age | service)"
        ),
    )
    assert named.columns == formula.columns
    assert named.batches == formula.batches
    np.testing.assert_array_equal(named.matrix(), formula.matrix())


def test_columns_are_centred_and_coded_against_the_first_level() -> None:
    design = build_design(episodes(), ModelSpec(outcome="phq9_end", formula="phq9_end ~ treatment * age"))
    assert [c.name for c in design.columns] == [
        "intercept",
        "treatment[CBT]",
        "treatment[IPT]",
        "age",
        "treatment[CBT]:age",
        "treatment[IPT]:age",
    ]
    np.testing.assert_allclose(design.matrix()[:, 1:].mean(axis=0), 0, atol=1e-12)


def test_an_interaction_alone_is_coded_in_full() -> None:
    design = build_design(episodes(), ModelSpec(outcome="phq9_end", formula="phq9_end ~ 1 + treatment:age"))
    assert len(design.columns) == 4


def test_missing_rows_are_counted_by_reason() -> None:
    raw = columns()
    raw["phq9_end"][:7] = np.nan
    raw["age"][5:10] = np.nan
    design = build_design(from_columns(schema(), raw), ModelSpec(outcome="phq9_end"))
    assert design.dropped == {"phq9_end missing": 7, "age missing": 3}
    assert design.n_obs == 230


def test_missing_labels_become_a_level() -> None:
    raw = columns()
    raw["problem"][:5] = ""
    design = build_design(from_columns(schema(), raw), ModelSpec(outcome="phq9_end"))
    assert design.factor("problem").levels[-1] == "not recorded"


def test_nothing_left_is_an_error() -> None:
    raw = columns()
    raw["age"][:] = np.nan
    raw["age"][0] = 40
    raw["phq9_end"][0] = np.nan
    with pytest.raises(DataError, match="no row has both 'phq9_end'"):
        build_design(from_columns(schema(), raw), ModelSpec(outcome="phq9_end"))


@pytest.mark.parametrize(
    ("choices", "message"),
    [
        ({"outcome": "phq_end"}, "did you mean 'phq9_end'"),
        ({"outcome": "phq9_end", "covariates": ("agee",)}, "did you mean 'age'"),
        ({"outcome": "phq9_end", "batches": ("age",)}, "'age' is not a labelled field"),
        ({"outcome": "phq9_end", "batches": ("problem|therapist",)}, "not slopes of one number"),
        ({"outcome": "phq9_end", "family": "binomial"}, "is not 0 or 1"),
        ({"outcome": "phq9_end", "noise_by": "age"}, "noise_by='age'"),
    ],
)
def test_bad_specs_are_refused(choices: dict[str, object], message: str) -> None:
    with pytest.raises(SpecError, match=message):
        build_design(episodes(), ModelSpec(**choices))  # type: ignore[arg-type]


def test_counterfactual_rows_keep_the_fitted_levels() -> None:
    design = build_design(episodes(), ModelSpec(outcome="phq9_end"))
    asked = design.at([{"treatment": "IPT", "age": 30.0}, {"treatment": "BA", "therapist": UNKNOWN}])
    assert asked.is_counterfactual
    assert asked.n_obs == 2
    assert asked.factor("therapist").codes.tolist() == [NEW, UNKNOWN]
    assert asked.factor("problem").codes.tolist() == [UNKNOWN, UNKNOWN]
    assert asked.crossing(("treatment",)).levels == design.crossing(("treatment",)).levels
    assert asked.column_values("age")[0] == pytest.approx(30 - design.numbers["age"].centre)
    assert asked.column_values("age")[1] == pytest.approx(0)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"treatment": "CBTT"}, "did you mean 'CBT'"),
        ({"colour": "red"}, "not a field of the fitted design"),
        ({"age": "old"}, "is not a number"),
    ],
)
def test_bad_rows_are_refused(row: dict[str, object], message: str) -> None:
    design = build_design(episodes(), ModelSpec(outcome="phq9_end"))
    with pytest.raises(QuestionError, match=message):
        design.at([row])  # type: ignore[list-item]


def test_storage_keeps_the_design() -> None:
    design = build_design(episodes(), ModelSpec(outcome="phq9_end", noise_by="treatment"))
    again = from_dataset(to_dataset(design))
    assert again.columns == design.columns
    assert again.batches == design.batches
    assert again.coords.keys() == design.coords.keys()
    np.testing.assert_array_equal(again.matrix(), design.matrix())
    np.testing.assert_array_equal(
        again.crossing(("treatment", "problem")).codes, design.crossing(("treatment", "problem")).codes
    )
