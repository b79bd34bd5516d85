"""Outcome multiverse: whether a ranking of treatments or services survives another rule or denominator.

Descriptive rates in every universe; no case-mix adjustment and no uncertainty, so it shows how far
*definitions* move a ranking, never which service is better.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import rankdata

from outcomemodels.errors import DataError
from outcomemodels.outcomes.criteria import Flag, Operator
from outcomemodels.outcomes.denominators import DENOMINATORS, OUTCOMES, members, outcomes_of
from outcomemodels.outcomes.referrals import ReferralScores
from outcomemodels.outcomes.rules import OutcomeRule, apply_rule


@dataclass(frozen=True, slots=True, kw_only=True)
class Multiverse:
    """Rates and ranks of groups in every universe.

    Parameters
    ----------
    groups : tuple of str
        Treatments or services.
    universes : tuple of (rule, outcome, denominator)
        What was varied.
    rate : ndarray of float, dims (universe, group)
        Share with the outcome; NaN for an empty denominator.
    total : ndarray of int, dims (universe, group)
        Clients in the denominator.
    rank : ndarray of float, dims (universe, group)
        1 is best (fewest for deterioration); ties share; NaN where the rate is.
    """

    groups: tuple[str, ...]
    universes: tuple[tuple[str, str, str], ...]
    rate: NDArray[np.float64]
    total: NDArray[np.int64]
    rank: NDArray[np.float64]

    def best_share(self) -> dict[str, float]:
        """Share of universes in which each group ranks first (ties count for all that tie)."""
        least = np.nanmin(np.where(np.isnan(self.rank), np.inf, self.rank), axis=1, keepdims=True)
        return dict(zip(self.groups, np.mean(self.rank == least, axis=0).tolist(), strict=True))

    def rank_range(self) -> dict[str, tuple[float, float]]:
        """Best and worst rank of each group over universes."""
        low = np.min(np.where(np.isnan(self.rank), np.inf, self.rank), axis=0)
        high = np.max(np.where(np.isnan(self.rank), -np.inf, self.rank), axis=0)
        return {g: (float(a), float(b)) for g, a, b in zip(self.groups, low, high, strict=True)}


def rule_variants(rule: OutcomeRule) -> tuple[OutcomeRule, ...]:
    """Return the rule and variants an analyst could defend: operators, caseness, recovery, dose."""
    name = rule.version
    return (
        rule,
        rule.variant(f"{name}+strict-change", reliable_operator=Operator.ABOVE),
        rule.variant(f"{name}+strict-caseness", caseness_operator=Operator.ABOVE),
        rule.variant(f"{name}+paired-caseness", caseness_from="paired"),
        rule.variant(f"{name}+case-measure-only", recovery_needs="the_case"),
        rule.variant(f"{name}+depression-only", recovery_needs="depression"),
        rule.variant(f"{name}+mixed-is-worse", mixed_change="deteriorated_wins"),
        rule.variant(f"{name}+four-contacts", min_contacts=4),
    )


def outcome_multiverse(
    referrals: ReferralScores,
    group: ArrayLike,
    groups: Sequence[str],
    *,
    rules: Sequence[OutcomeRule],
    outcomes: Sequence[str] = OUTCOMES,
    denominators: Sequence[str] = DENOMINATORS,
) -> Multiverse:
    """Compute every outcome over every denominator under every rule, by group.

    Parameters
    ----------
    referrals : ReferralScores
        Dims (referral,).
    group : array_like of int, dims (referral,)
        Code of each referral's treatment or service; -1 leaves it out.
    groups : sequence of str
        Labels of the codes.
    rules, outcomes, denominators : sequence
        What is varied; see ``denominators`` for the names.

    Raises
    ------
    DataError
        On unknown names, codes without a label, or a repeated rule version.
    """
    codes = np.asarray(group)
    if codes.shape != (referrals.n,) or not np.issubdtype(codes.dtype, np.integer):
        raise DataError(f"'group' has shape {codes.shape}", column="group", accepted=f"{referrals.n} integer codes")
    if codes.size and (codes.min() < -1 or codes.max() >= len(groups)):
        raise DataError("a group code has no label", column="group", accepted=f"-1 to {len(groups) - 1}")
    for given, known in ((outcomes, OUTCOMES), (denominators, DENOMINATORS)):
        unknown = [g for g in given if g not in known]
        if unknown:
            raise DataError(f"unknown {unknown}", accepted=", ".join(known))
    versions = [r.version for r in rules]
    if not rules or len(set(versions)) != len(versions):
        raise DataError("rules are absent or share a version", rows=versions, accepted="distinct versions")
    member = codes >= 0
    universes, tops, bottoms = [], [], []
    for rule in rules:
        result = apply_rule(rule, referrals)
        who, hit = members(result, referrals), outcomes_of(result)
        case = result.at_caseness != Flag.NO
        for outcome in outcomes:
            for denominator in denominators:
                inside = who[denominator] & member
                if outcome in ("recovery", "reliable_recovery"):
                    inside = inside & case
                universes.append((rule.version, outcome, denominator))
                bottoms.append(np.bincount(codes[inside], minlength=len(groups)))
                tops.append(np.bincount(codes[inside & hit[outcome]], minlength=len(groups)))
    total = np.asarray(bottoms, dtype=np.int64)
    rate = np.divide(np.asarray(tops), total, out=np.full(total.shape, np.nan), where=total > 0)
    worse = np.asarray([1.0 if u[1] == "deterioration" else -1.0 for u in universes])[:, None]
    rank = rankdata(worse * rate, axis=1, method="min", nan_policy="omit").astype(np.float64)
    return Multiverse(
        groups=tuple(groups),
        universes=tuple(universes),
        rate=rate,
        total=total,
        rank=np.where(np.isnan(rate), np.nan, rank),
    )
