"""Every check: its name, its tier, and what has to hold before it can be looked at."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from outcomemodels.testing import (
    calibration_checks,
    graph_checks,
    invariance_checks,
    linear_checks,
    meaning_checks,
    prediction_checks,
    sampling_checks,
    static_checks,
)
from outcomemodels.testing.results import Tier
from outcomemodels.testing.subject import Subject


@dataclass(frozen=True, slots=True)
class Check:
    """A check: a function of a subject that raises when something does not hold.

    Parameters
    ----------
    run : callable
    tier : {"static", "graph", "sampling", "calibration"}
    after : tuple of str
        Checks that must have passed; where one failed this one is skipped.
    """

    run: Callable[[Subject], None]
    tier: Tier
    after: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Name of the function."""
        return self.run.__name__

    @property
    def says(self) -> str:
        """What holds when it passes, one sentence."""
        return (self.run.__doc__ or "").strip().split("\n")[0]


_PROTOCOL = ("keeps_the_protocol",)
_BUILT = (*_PROTOCOL, "asks_for_no_more_than_it_says", "builds")
_DRAWN = (*_BUILT, "prior_can_be_drawn", "names_what_is_reserved")
_FITTED = (*_DRAWN, "fits_and_keeps_the_contract")


def _checks(tier: Tier, after: tuple[str, ...], *functions: Callable[[Subject], None]) -> tuple[Check, ...]:
    return tuple(Check(f, tier, after) for f in functions)


CHECKS: tuple[Check, ...] = (
    *_checks("static", (), static_checks.keeps_the_protocol),
    *_checks(
        "static",
        _PROTOCOL,
        static_checks.is_a_frozen_value,
        static_checks.info_is_honest,
        static_checks.says_its_story_with_units,
        static_checks.asks_for_no_more_than_it_says,
    ),
    *_checks(
        "static",
        _BUILT[:2],
        static_checks.survives_json,
        static_checks.priors_are_pure,
        static_checks.default_priors_ignore_n,
        static_checks.unmet_needs_are_refused,
    ),
    *_checks("graph", _BUILT[:2], graph_checks.builds),
    *_checks("graph", _BUILT, graph_checks.prior_can_be_drawn),
    *_checks("graph", (*_BUILT, "prior_can_be_drawn"), graph_checks.names_what_is_reserved),
    *_checks(
        "graph",
        _DRAWN,
        graph_checks.dims_are_the_designs,
        graph_checks.leaves_the_design_alone,
        graph_checks.builds_the_same_twice,
        graph_checks.is_finite_at_prior_draws,
        graph_checks.prior_is_proper,
        graph_checks.prior_predictive_is_plausible,
        graph_checks.memory_grows_with_rows,
        invariance_checks.row_order_does_not_matter,
        invariance_checks.label_names_do_not_matter,
        invariance_checks.level_order_does_not_matter,
        invariance_checks.outcome_units_do_not_matter,
        invariance_checks.number_units_do_not_matter,
        invariance_checks.prior_ignores_n,
        invariance_checks.outcome_is_no_covariate,
        meaning_checks.declared_facets_matter,
        meaning_checks.effects_reach_their_own_rows,
        meaning_checks.expected_is_the_mean_of_the_outcome,
        meaning_checks.aggregates_count_their_rows,
        prediction_checks.fitted_rows_reproduce_expected,
        prediction_checks.contrasts_are_the_graphs,
        prediction_checks.new_levels_come_from_the_population,
        prediction_checks.unknown_levels_are_fitted_ones,
        prediction_checks.refused_levels_are_refused,
        linear_checks.linear_form_is_the_graph,
        linear_checks.collapsed_and_conditional_are_the_graph,
    ),
    *_checks("sampling", _DRAWN, sampling_checks.fits_and_keeps_the_contract),
    *_checks(
        "sampling",
        _FITTED,
        sampling_checks.recovers_the_truth,
        sampling_checks.new_is_wider_than_unknown,
        sampling_checks.engines_agree,
        sampling_checks.saved_fit_answers_alike,
        sampling_checks.stays_within_budget,
    ),
    *_checks(
        "calibration",
        _DRAWN,
        calibration_checks.ranks_are_uniform,
        calibration_checks.new_and_known_are_covered,
    ),
)
"""All checks, cheapest first."""


def checks_up_to(tier: Tier, only: tuple[str, ...] = ()) -> tuple[Check, ...]:
    """Checks of the tiers up to and including one; with ``only``, these and what they come after.

    Raises
    ------
    LookupError
        For a name no check has.
    """
    from outcomemodels.testing.results import TIERS

    wanted = TIERS[: TIERS.index(tier) + 1]
    if not only:
        return tuple(c for c in CHECKS if c.tier in wanted)
    by_name = {c.name: c for c in CHECKS}
    unknown = [n for n in only if n not in by_name]
    if unknown:
        raise LookupError(f"no check is called {', '.join(unknown)}; there are {', '.join(by_name)}")
    needed = {n for name in only for n in (name, *by_name[name].after)}
    return tuple(c for c in CHECKS if c.name in needed)
