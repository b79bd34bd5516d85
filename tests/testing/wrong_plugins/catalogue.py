"""Every wrong model with the check that must catch it, and the checks that no model can fail by itself."""

from __future__ import annotations

from collections.abc import Mapping

from testing.wrong_plugins.entering import (
    DenseRows,
    IgnoredTreatment,
    MutatedDesign,
    OutcomeAsCovariate,
    OutcomeByTherapist,
    OverdeclaredNeed,
    RandomBuild,
    UndeclaredNeed,
)
from testing.wrong_plugins.fitted import CountsTwice, IronPrior, ManyModes, SlowToBuild
from testing.wrong_plugins.indices import (
    CoordsOfItsOwn,
    MislabelledDims,
    NoDims,
    ReferenceLevel,
    RowNumber,
    SortedLabels,
    SwappedAxes,
    SwappedColumns,
    TransposedIndex,
)
from testing.wrong_plugins.linear import (
    CaseloadByCode,
    LinearCountsTwice,
    LinearForgetsTreatment,
    LinearPredictsOtherwise,
    LinearSkipsRows,
    LinearWithAnotherPrior,
    LinearWithOtherNoise,
    LinearWithoutATerm,
    WeightsByCode,
)
from testing.wrong_plugins.links import CellsWithoutSpread, CellsWithoutWeights, ProbitMean, WrongLink
from testing.wrong_plugins.newcomers import LastForNew, NarrowForNew, ZeroForNew
from testing.wrong_plugins.protocol import (
    BadName,
    NoBuild,
    NoExpected,
    NotFrozen,
    NoUnits,
    NumbersForPriors,
    OtherOutcome,
    RestlessPriors,
    SaysLinear,
    SilentOnNew,
    UnknownFacet,
    Unsendable,
    WrongApi,
)
from testing.wrong_plugins.scales import (
    FlatPrior,
    GraphScaledByN,
    GreedyPriors,
    ImproperPrior,
    NegativeSd,
    OutsideSupport,
    PriorScaledByN,
    SdForVariance,
    SlopePerUnit,
    UnitDependentPrior,
    WildPrior,
)

CATCHES: tuple[tuple[type, str], ...] = (
    (TransposedIndex, "effects_reach_their_own_rows"),
    (SwappedAxes, "prior_can_be_drawn"),
    (MislabelledDims, "effects_reach_their_own_rows"),
    (SwappedColumns, "effects_reach_their_own_rows"),
    (SortedLabels, "label_names_do_not_matter"),
    (CoordsOfItsOwn, "dims_are_the_designs"),
    (ReferenceLevel, "level_order_does_not_matter"),
    (NoDims, "dims_are_the_designs"),
    (RowNumber, "row_order_does_not_matter"),
    (IgnoredTreatment, "declared_facets_matter"),
    (OutcomeAsCovariate, "outcome_is_no_covariate"),
    (OutcomeByTherapist, "outcome_is_no_covariate"),
    (UndeclaredNeed, "builds"),
    (GreedyPriors, "asks_for_no_more_than_it_says"),
    (OverdeclaredNeed, "declared_facets_matter"),
    (MutatedDesign, "leaves_the_design_alone"),
    (RandomBuild, "builds_the_same_twice"),
    (DenseRows, "memory_grows_with_rows"),
    (PriorScaledByN, "default_priors_ignore_n"),
    (GraphScaledByN, "prior_ignores_n"),
    (UnitDependentPrior, "outcome_units_do_not_matter"),
    (SdForVariance, "outcome_units_do_not_matter"),
    (SlopePerUnit, "number_units_do_not_matter"),
    (ImproperPrior, "prior_is_proper"),
    (FlatPrior, "prior_can_be_drawn"),
    (WildPrior, "prior_predictive_is_plausible"),
    (NegativeSd, "prior_can_be_drawn"),
    (OutsideSupport, "is_finite_at_prior_draws"),
    (WrongLink, "expected_is_the_mean_of_the_outcome"),
    (ProbitMean, "expected_is_the_mean_of_the_outcome"),
    (CellsWithoutWeights, "aggregates_count_their_rows"),
    (CellsWithoutSpread, "aggregates_count_their_rows"),
    (LastForNew, "new_levels_come_from_the_population"),
    (ZeroForNew, "new_levels_come_from_the_population"),
    (LinearWithoutATerm, "linear_form_is_the_graph"),
    (LinearWithAnotherPrior, "linear_form_is_the_graph"),
    (LinearWithOtherNoise, "collapsed_and_conditional_are_the_graph"),
    (CaseloadByCode, "unknown_levels_are_fitted_ones"),
    (WeightsByCode, "refused_levels_are_refused"),
    (LinearPredictsOtherwise, "fitted_rows_reproduce_expected"),
    (LinearForgetsTreatment, "contrasts_are_the_graphs"),
    (WrongApi, "keeps_the_protocol"),
    (NoBuild, "keeps_the_protocol"),
    (BadName, "info_is_honest"),
    (SilentOnNew, "info_is_honest"),
    (SaysLinear, "info_is_honest"),
    (UnknownFacet, "info_is_honest"),
    (NoUnits, "says_its_story_with_units"),
    (NotFrozen, "is_a_frozen_value"),
    (Unsendable, "is_a_frozen_value"),
    (RestlessPriors, "priors_are_pure"),
    (NumbersForPriors, "survives_json"),
    (NoExpected, "names_what_is_reserved"),
    (OtherOutcome, "names_what_is_reserved"),
)
"""Wrong models and the check that catches each at the graph tier or before."""


BY_FITTING: tuple[tuple[type, str], ...] = (
    (ManyModes, "fits_and_keeps_the_contract"),
    (IronPrior, "recovers_the_truth"),
    (LinearSkipsRows, "engines_agree"),
    (SlowToBuild, "stays_within_budget"),
    (CountsTwice, "ranks_are_uniform"),
)
"""Mistakes no look at the graph can show: every check of the graph passes, and a fit shows them."""

ALSO_BY_FITTING: tuple[tuple[type, str], ...] = (
    (NarrowForNew, "new_is_wider_than_unknown"),
    (RandomBuild, "saved_fit_answers_alike"),
    (LinearCountsTwice, "new_and_known_are_covered"),
)
"""Mistakes a look at the graph shows too, and by which a check of a fit is seen to catch."""

BEYOND_AUTHORS: Mapping[str, str] = {
    "unmet_needs_are_refused": "the library itself refuses, from `info.needs` alone and before it calls the model; an "
    "`info` that cannot be read so is caught by `info_is_honest`. The check guards the library.",
}
"""Checks that no model can fail by itself, and why."""
