"""Outcome rules applied: referrals in, a verdict per referral out, as the published statistics define them.

Plain arrays in, plain arrays out; a million referrals take a fraction of a second.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from outcomemodels.errors import DataError
from outcomemodels.outcomes.criteria import Criterion, Flag, ReliableChange
from outcomemodels.outcomes.referrals import ReferralScores, ScorePair
from outcomemodels.outcomes.rule import OutcomeRule, nhs_rule

__all__ = ["OutcomeRule", "ReferralScores", "RuleResult", "ScorePair", "apply_rule", "nhs_rule"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleResult:
    """What a rule says of each referral; all arrays of dims (referral,).

    Every referral is judged, finished or not; published counts take only the finished ones (see
    ``denominators``).

    Parameters
    ----------
    rule : str
        Version of the rule.
    finished, paired : ndarray of bool
        Finished course of treatment; enough scores on the depression and on the chosen anxiety measure.
    at_caseness : ndarray of int8, Flag
        At caseness at start: YES, NO, NOT_ASSESSED.
    recovered : ndarray of int8, Flag
        YES, NO, NOT_APPLICABLE (not a case at start), NOT_ASSESSED (no paired scores; the national formula
        counts such a finisher as not recovered).
    reliable : ndarray of int8, ReliableChange
        IMPROVED, NONE, DETERIORATED, NOT_ASSESSED.
    reliable_recovery : ndarray of int8, Flag
        YES, NO, NOT_APPLICABLE. Without paired scores: NO, as nationally counted.
    anxiety_measure : ndarray of int8
        Position in ``anxiety_measures`` of the measure used for pairing; -1 when none had enough scores.
    anxiety_measures : tuple of str
        Their names.
    """

    rule: str
    finished: NDArray[np.bool_]
    paired: NDArray[np.bool_]
    at_caseness: NDArray[np.int8]
    recovered: NDArray[np.int8]
    reliable: NDArray[np.int8]
    reliable_recovery: NDArray[np.int8]
    anxiety_measure: NDArray[np.int8]
    anxiety_measures: tuple[str, ...] = field(default=())

    @property
    def n(self) -> int:
        """Number of referrals."""
        return int(self.finished.shape[0])


def apply_rule(rule: OutcomeRule, referrals: ReferralScores) -> RuleResult:
    """Score referrals with a rule.

    The anxiety measure is the one of the last problem descriptor if it has enough scores, else the default
    (GAD-7) if that has, else none. For caseness from first scores alone, the same order is followed with one
    score being enough.

    Parameters
    ----------
    rule : OutcomeRule
        The definitions.
    referrals : ReferralScores
        Arrays of dims (referral,).

    Returns
    -------
    RuleResult
        Arrays of dims (referral,).

    Raises
    ------
    DataError
        When a score lies outside its instrument's range.
    """
    n = referrals.n
    _in_range(rule.depression, referrals.depression)
    offered: list[ScorePair | None] = []
    for criterion in rule.anxiety:
        pair = referrals.anxiety.get(criterion.measure)
        if pair is not None:
            _in_range(criterion, pair)
        offered.append(pair)

    wanted = _wanted(rule, referrals)
    default = rule.anxiety_measures.index(rule.default_anxiety)
    enough = [_enough(p, rule.min_scores, n) for p in offered]
    some = [np.zeros(n, np.bool_) if p is None else np.isfinite(p.first) for p in offered]
    used = _choose(wanted, default, enough)
    started = np.where(used >= 0, used, _choose(wanted, default, some)).astype(np.int8)

    depressed = rule.depression.is_case(referrals.depression.first)
    anxious = np.zeros(n, np.bool_)
    anxious_last = np.zeros(n, np.bool_)
    moved_anxiety = np.zeros(n, np.int8)
    for code, (criterion, pair) in enumerate(zip(rule.anxiety, offered, strict=True)):
        if pair is None:
            continue
        rows = np.flatnonzero(started == code)
        if rows.size == 0:
            continue
        first, last = pair.first[rows], pair.last[rows]
        anxious[rows] = criterion.is_case(first)
        anxious_last[rows] = criterion.is_case(last)
        moved_anxiety[rows] = criterion.change(first, last)

    paired = _enough(referrals.depression, rule.min_scores, n) & (used >= 0)
    case = depressed | anxious
    if rule.caseness_from == "paired":
        known = paired
    else:
        known = case | (np.isfinite(referrals.depression.first) & (started >= 0))
    at_caseness = np.where(known, case, np.int8(Flag.NOT_ASSESSED)).astype(np.int8)

    depressed_last = rule.depression.is_case(referrals.depression.last)
    still_case = {
        "both": depressed_last | anxious_last,
        "depression": depressed_last,
        "anxiety": anxious_last,
        "the_case": (depressed & depressed_last) | (anxious & anxious_last),
    }[rule.recovery_needs]
    recovered = (~still_case).astype(np.int8)
    recovered[~paired] = Flag.NOT_ASSESSED
    recovered[at_caseness == Flag.NO] = Flag.NOT_APPLICABLE

    moved_depression = rule.depression.change(referrals.depression.first, referrals.depression.last)
    reliable = np.sign(moved_depression + moved_anxiety).astype(np.int8)
    if rule.mixed_change != "none":
        mixed = moved_depression * moved_anxiety == -1
        wins = ReliableChange.IMPROVED if rule.mixed_change == "improved_wins" else ReliableChange.DETERIORATED
        reliable[mixed] = wins
    reliable[~paired] = ReliableChange.NOT_ASSESSED

    both = ((recovered == Flag.YES) & (reliable == ReliableChange.IMPROVED)).astype(np.int8)
    both[at_caseness == Flag.NO] = Flag.NOT_APPLICABLE
    return RuleResult(
        rule=rule.version,
        finished=referrals.discharged & (referrals.treatment_contacts >= rule.min_contacts),
        paired=paired,
        at_caseness=at_caseness,
        recovered=recovered,
        reliable=reliable,
        reliable_recovery=both,
        anxiety_measure=used,
        anxiety_measures=rule.anxiety_measures,
    )


def _wanted(rule: OutcomeRule, referrals: ReferralScores) -> NDArray[np.int8]:
    """Code of the descriptor's own anxiety measure, dims (referral,)."""
    names = rule.anxiety_measures
    of_label = [names.index(rule.measure_of(label)) for label in referrals.problem_labels]
    table = np.asarray([*of_label, names.index(rule.default_anxiety)], dtype=np.int8)  # code -1 takes the last
    return np.asarray(table[referrals.problem])


def _choose(wanted: NDArray[np.int8], default: int, usable: list[NDArray[np.bool_]]) -> NDArray[np.int8]:
    chosen = np.full(wanted.shape, -1, dtype=np.int8)
    chosen[usable[default]] = default
    for code, ok in enumerate(usable):
        if code != default:
            chosen[(wanted == code) & ok] = code
    return chosen


def _enough(pair: ScorePair | None, least: int, n: int) -> NDArray[np.bool_]:
    if pair is None:
        return np.zeros(n, np.bool_)
    return np.asarray((pair.count >= least) & np.isfinite(pair.first) & np.isfinite(pair.last))


def _in_range(criterion: Criterion, pair: ScorePair) -> None:
    for occasion, scores in (("first", pair.first), ("last", pair.last)):
        outside = np.flatnonzero((scores < criterion.low) | (scores > criterion.high))
        if outside.size:
            raise DataError(
                f"{outside.size} {occasion} scores of {criterion.measure!r} lie outside its range",
                column=f"{criterion.measure}_{occasion}",
                rows=[f"row {i}: {scores[i]:g}" for i in outside[:6]],
                accepted=f"{criterion.low:g} to {criterion.high:g}, NaN for missing",
                mend="set impossible scores to NaN, and count them as invalid",
            )
