"""Outcome rules as versioned, executable values: the published NHS Talking Therapies definitions and variants.

Plain arrays in, plain arrays out; a million referrals take a fraction of a second. :func:`nhs_rule` returns a shipped
rule, :func:`apply_rule` scores referrals with it. A rule holds every threshold it uses, so its JSON alone repeats it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from outcomemodels.errors import DataError, SchemaError
from outcomemodels.outcomes.criteria import Criterion, Flag, Operator, ReliableChange
from outcomemodels.outcomes.instruments import InstrumentSet, instruments
from outcomemodels.schema import Direction

FORMAT = "outcomemodels.OutcomeRule/1"
CasenessFrom = Literal["first_scores", "paired"]
MixedChange = Literal["none", "improved_wins", "deteriorated_wins"]
RecoveryNeeds = Literal["both", "depression", "anxiety", "the_case"]

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class ScorePair:
    """First and last score of one measure.

    Parameters
    ----------
    first, last : ndarray of float, dims (referral,)
        Earliest and latest score in score points; NaN when there is none. With a single score, ``last`` may be NaN or
        repeat the first: ``count`` decides.
    count : ndarray of int, dims (referral,)
        Number of scores recorded in the referral.
    """

    first: FloatArray
    last: FloatArray
    count: NDArray[np.integer]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferralScores:
    """What a rule needs to know of each referral; make one with :meth:`from_arrays`, which validates.

    Parameters
    ----------
    depression : ScorePair
        PHQ-9, dims (referral,).
    anxiety : mapping of str to ScorePair
        By measure name ("gad7", "spin", …); measures the rule does not use are ignored.
    problem : ndarray of int, dims (referral,)
        Code of the last recorded problem descriptor; -1 when there is none.
    problem_labels : tuple of str
        ICD-10 code each problem code stands for ("F40.1", "F401", "F42*" and "f401 " are the same).
    treatment_contacts : ndarray of int, dims (referral,)
        Attended treatment contacts between referral and discharge; follow-up and employment-support contacts excluded.
    discharged : ndarray of bool, dims (referral,)
        Whether the referral has ended.
    """

    depression: ScorePair
    anxiety: Mapping[str, ScorePair]
    problem: NDArray[np.integer]
    problem_labels: tuple[str, ...]
    treatment_contacts: NDArray[np.integer]
    discharged: NDArray[np.bool_]

    @property
    def n(self) -> int:
        """Number of referrals."""
        return int(self.discharged.shape[0])

    @classmethod
    def from_arrays(
        cls,
        *,
        phq9_first: ArrayLike,
        phq9_last: ArrayLike,
        phq9_count: ArrayLike,
        anxiety: Mapping[str, tuple[ArrayLike, ArrayLike, ArrayLike]],
        problem: ArrayLike,
        problem_labels: tuple[str, ...] | None = None,
        treatment_contacts: ArrayLike,
        discharged: ArrayLike,
    ) -> ReferralScores:
        """Check and keep plain arrays, all of dims (referral,).

        Parameters
        ----------
        phq9_first, phq9_last, phq9_count : array_like
            PHQ-9 first and last score (points, NaN missing) and number of scores.
        anxiety : mapping of str to (first, last, count)
            The same per anxiety measure.
        problem : array_like
            Integer codes into ``problem_labels`` (-1 missing), or, without labels, the ICD-10 codes themselves as
            text (slower: they are factorised here).
        problem_labels : tuple of str, optional
            See ``problem``.
        treatment_contacts, discharged : array_like
            Attended treatment contacts; whether the referral has ended.

        Raises
        ------
        DataError
            When lengths differ, a code has no label, or a count is negative.
        """
        gone = np.asarray(discharged)
        if gone.dtype != np.bool_:
            raise DataError("'discharged' is not boolean", column="discharged", accepted="an array of True and False")
        n = gone.shape[0] if gone.ndim == 1 else -1
        if n < 0:
            raise DataError("'discharged' is not one-dimensional", column="discharged", accepted="dims (referral,)")
        codes, labels = _problem_codes(problem, problem_labels, n)
        return cls(
            depression=_pair("phq9", phq9_first, phq9_last, phq9_count, n),
            anxiety={name: _pair(name, *arrays, n) for name, arrays in anxiety.items()},
            problem=codes,
            problem_labels=labels,
            treatment_contacts=_counts("treatment_contacts", treatment_contacts, n),
            discharged=gone,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class OutcomeRule:
    """A versioned definition of who finished, who was a case, who recovered and who reliably changed.

    Parameters
    ----------
    version : str
        Its name ("nhs-2.1"); a variant must carry another name.
    depression : Criterion
        Thresholds of the depression measure.
    anxiety : tuple of Criterion
        Thresholds of every anxiety measure the rule may choose.
    descriptors : tuple of (ICD-10 prefix, measure)
        Which anxiety measure belongs to which problem descriptor; the longest matching prefix counts.
    default_anxiety : str
        Anxiety measure used when the descriptor's own is absent or has too few scores.
    min_contacts : int
        Attended treatment contacts of a finished course.
    min_scores : int
        Scores per measure that make data paired.
    caseness_from : {"first_scores", "paired"}
        Whether caseness at start is decided from first scores alone (as the published counts do) or needs paired data.
    recovery_needs : {"both", "depression", "anxiety", "the_case"}
        Which last scores must be below caseness; "the_case" means those that were at caseness at start.
    mixed_change : {"none", "improved_wins", "deteriorated_wins"}
        Verdict when one measure reliably improves and the other reliably deteriorates. Nationally: none.
    source : str
        Where the definition is published.
    """

    version: str
    depression: Criterion
    anxiety: tuple[Criterion, ...]
    descriptors: tuple[tuple[str, str], ...]
    default_anxiety: str = "gad7"
    min_contacts: int = 2
    min_scores: int = 2
    caseness_from: CasenessFrom = "first_scores"
    recovery_needs: RecoveryNeeds = "both"
    mixed_change: MixedChange = "none"
    source: str = ""

    def __post_init__(self) -> None:
        names = [c.measure for c in self.anxiety]
        missing = sorted(({m for _, m in self.descriptors} | {self.default_anxiety}) - set(names))
        if missing:
            raise SchemaError(
                f"rule {self.version!r} pairs descriptors with measures it has no criterion for: {missing}",
                column="anxiety",
                accepted=", ".join(names),
            )
        if len(set(names)) != len(names):
            raise SchemaError(f"rule {self.version!r} lists an anxiety measure twice", column="anxiety", rows=names)
        for key, value in (("min_contacts", self.min_contacts), ("min_scores", self.min_scores)):
            if value < 1:
                raise SchemaError(f"rule {self.version!r}: {key} is {value}", column=key, accepted="1 or more")

    @property
    def anxiety_measures(self) -> tuple[str, ...]:
        """Names of the anxiety measures, in the order of the codes of :attr:`RuleResult.anxiety_measure`."""
        return tuple(c.measure for c in self.anxiety)

    def measure_of(self, problem: str) -> str:
        """Anxiety measure the descriptor asks for; the default one when it has none of its own."""
        code = _icd10(problem)
        best = max((p for p, _ in self.descriptors if code.startswith(p)), key=len, default="")
        return dict(self.descriptors).get(best, self.default_anxiety)

    def variant(
        self,
        version: str,
        *,
        caseness_operator: Operator | None = None,
        reliable_operator: Operator | None = None,
        caseness: Mapping[str, float] | None = None,
        reliable: Mapping[str, float] | None = None,
        min_contacts: int | None = None,
        caseness_from: CasenessFrom | None = None,
        recovery_needs: RecoveryNeeds | None = None,
        mixed_change: MixedChange | None = None,
    ) -> OutcomeRule:
        """Return the rule under another name with some definitions changed.

        Parameters
        ----------
        version : str
            Name of the variant; must differ from this rule's.
        caseness_operator, reliable_operator : Operator, optional
            Use ``>=`` or ``>`` for *every* measure.
        caseness, reliable : mapping of measure to points, optional
            Other thresholds for some measures.
        min_contacts, caseness_from, recovery_needs, mixed_change : optional
            As in the class.

        Raises
        ------
        SchemaError
            When the name is not new or a measure is unknown.
        """
        if version == self.version:
            raise SchemaError(f"a variant of {version!r} needs a name of its own", column="version")
        known = {self.depression.measure, *self.anxiety_measures}
        unknown = sorted((set(caseness or ()) | set(reliable or ())) - known)
        if unknown:
            raise SchemaError(f"rule {self.version!r} has no measures {unknown}", accepted=", ".join(sorted(known)))

        def changed(c: Criterion) -> Criterion:
            return replace(
                c,
                caseness=(caseness or {}).get(c.measure, c.caseness),
                reliable=(reliable or {}).get(c.measure, c.reliable),
                caseness_operator=caseness_operator or c.caseness_operator,
                reliable_operator=reliable_operator or c.reliable_operator,
            )

        return replace(
            self,
            version=version,
            depression=changed(self.depression),
            anxiety=tuple(changed(c) for c in self.anxiety),
            min_contacts=self.min_contacts if min_contacts is None else min_contacts,
            caseness_from=caseness_from or self.caseness_from,
            recovery_needs=recovery_needs or self.recovery_needs,
            mixed_change=mixed_change or self.mixed_change,
            source=f"variant of {self.version}",
        )

    def to_json(self) -> str:
        """The whole rule, thresholds included, as JSON."""
        raw = {
            "format": FORMAT,
            "version": self.version,
            "source": self.source,
            "depression": _criterion_dict(self.depression),
            "anxiety": [_criterion_dict(c) for c in self.anxiety],
            "descriptors": [list(pair) for pair in self.descriptors],
            "default_anxiety": self.default_anxiety,
            "min_contacts": self.min_contacts,
            "min_scores": self.min_scores,
            "caseness_from": self.caseness_from,
            "recovery_needs": self.recovery_needs,
            "mixed_change": self.mixed_change,
        }
        return json.dumps(raw, indent=1)

    @classmethod
    def from_json(cls, text: str) -> OutcomeRule:
        """Read what :meth:`to_json` wrote.

        Raises
        ------
        SchemaError
            When it is not a rule of this format.
        """
        mend = "write rules with OutcomeRule.to_json()"
        try:
            raw = json.loads(text)
        except ValueError as error:
            raise SchemaError(f"not JSON: {error}", mend=mend) from error
        if not isinstance(raw, dict) or raw.get("format") != FORMAT:
            raise SchemaError("not an outcome rule", accepted=f'"format": "{FORMAT}"', mend=mend)
        raw = {k: v for k, v in raw.items() if k != "format"}
        try:
            for key, allowed in _CHOICES.items():
                if raw[key] not in allowed:
                    raise SchemaError(f"rule: {key} is {raw[key]!r}", column=key, accepted=", ".join(allowed))
            return cls(
                **(
                    raw
                    | {
                        "depression": _criterion_from(raw["depression"]),
                        "anxiety": tuple(_criterion_from(c) for c in raw["anxiety"]),
                        "descriptors": tuple((str(p), str(m)) for p, m in raw["descriptors"]),
                        "min_contacts": int(raw["min_contacts"]),
                        "min_scores": int(raw["min_scores"]),
                    }
                )
            )
        except SchemaError:
            raise
        except (TypeError, KeyError, ValueError) as error:
            raise SchemaError(f"not a complete outcome rule: {error!r}", mend=mend) from error


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleResult:
    """What a rule says of each referral; all arrays of dims (referral,).

    Every referral is judged, finished or not; published counts take only the finished ones (see ``denominators``).

    Parameters
    ----------
    rule : str
        Version of the rule.
    finished, paired : ndarray of bool
        Finished course of treatment; enough scores on the depression and on the chosen anxiety measure.
    at_caseness : ndarray of int8, Flag
        At caseness at start: YES, NO, NOT_ASSESSED.
    recovered : ndarray of int8, Flag
        YES, NO, NOT_APPLICABLE (not a case at start), NOT_ASSESSED (no paired scores; the national formula counts
        such a finisher as not recovered).
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


_NHS: dict[str, tuple[str, tuple[tuple[str, str], ...], str]] = {
    "nhs-1.5": (
        "ies_r",
        (
            ("F400", "mi_alone"),
            ("F401", "spin"),
            ("F410", "pdss"),
            ("F42", "oci"),
            ("F431", "ies_r"),
            ("F452", "hai"),
        ),
        "IAPT data set v1.5 (before September 2020): IES-R for PTSD. From memory; check before relying on it.",
    ),
    "nhs-2.0": (
        "pcl5",
        (
            ("F400", "mi_alone"),
            ("F401", "spin"),
            ("F410", "pdss"),
            ("F42", "oci"),
            ("F431", "pcl5"),
            ("F452", "hai"),
        ),
        "A guide to IAPT data and publications (NHS Digital 2021), sections 7.4-7.7; IAPT v2.0 monthly metadata v1.7",
    ),
    "nhs-2.1": (
        "pcl5",
        (
            ("F400", "mi_alone"),
            ("F401", "spin"),
            ("F410", "pdss"),
            ("F42", "oci"),
            ("F431", "pcl5"),
            ("F452", "hai"),
        ),
        "As nhs-2.0: the v2.1 data set (April 2022) changed fields, not outcome definitions, as far as could be checked",
    ),
}


def nhs_rule(version: str = "nhs-2.1", *, measures: InstrumentSet | None = None) -> OutcomeRule:
    """Return a shipped rule of NHS Talking Therapies.

    Parameters
    ----------
    version : {"nhs-1.5", "nhs-2.0", "nhs-2.1"}
        Named after the data set whose publications use it.
    measures : InstrumentSet, optional
        Where thresholds come from; the shipped set when absent. They are copied into the rule.

    Raises
    ------
    SchemaError
        On an unknown version.

    References
    ----------
    NHS Digital (2021), A guide to IAPT data and publications. Clark et al. (2018), doi 10.1016/S0140-6736(17)32133-5.
    """
    if version not in _NHS:
        raise SchemaError(f"no outcome rule {version!r}", accepted=", ".join(_NHS))
    trauma, descriptors, source = _NHS[version]
    known = instruments() if measures is None else measures
    names = ("gad7", "mi_alone", "spin", "pdss", "oci", trauma, "hai")
    return OutcomeRule(
        version=version,
        depression=known["phq9"].criterion(),
        anxiety=tuple(known[name].criterion() for name in names),
        descriptors=descriptors,
        source=source,
    )


def apply_rule(rule: OutcomeRule, referrals: ReferralScores) -> RuleResult:
    """Score referrals with a rule.

    The anxiety measure is the one of the last problem descriptor if it has enough scores, else the default (GAD-7) if
    that has, else none. For caseness from first scores alone, the same order is followed with one score being enough.

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


_CHOICES: dict[str, tuple[str, ...]] = {
    "caseness_from": ("first_scores", "paired"),
    "recovery_needs": ("both", "depression", "anxiety", "the_case"),
    "mixed_change": ("none", "improved_wins", "deteriorated_wins"),
}


def _icd10(problem: str) -> str:
    return problem.strip().upper().replace(".", "").rstrip("*")


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


def _problem_codes(
    problem: ArrayLike, labels: tuple[str, ...] | None, n: int
) -> tuple[NDArray[np.integer], tuple[str, ...]]:
    values = np.asarray(problem)
    if values.shape != (n,):
        raise DataError(f"'problem' has shape {values.shape}", column="problem", accepted=f"({n},)")
    if labels is None:
        texts = np.asarray(["" if v is None or v != v else str(v) for v in values.tolist()], dtype=np.str_)
        names, codes = np.unique(texts, return_inverse=True)
        return np.asarray(codes, dtype=np.int32), tuple(str(x) for x in names)
    if not np.issubdtype(values.dtype, np.integer):
        raise DataError("'problem' is not integer though labels are given", column="problem", accepted="integer codes")
    wrong = np.flatnonzero((values < -1) | (values >= len(labels)))
    if wrong.size:
        raise DataError(
            f"{wrong.size} problem codes have no label",
            column="problem",
            rows=[f"row {i}: {values[i]}" for i in wrong[:6]],
            accepted=f"-1 to {len(labels) - 1}",
        )
    return values, labels


def _pair(name: str, first: ArrayLike, last: ArrayLike, count: ArrayLike, n: int) -> ScorePair:
    return ScorePair(
        first=_scores(f"{name}_first", first, n),
        last=_scores(f"{name}_last", last, n),
        count=_counts(f"{name}_count", count, n),
    )


def _scores(name: str, values: ArrayLike, n: int) -> FloatArray:
    try:
        out = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(f"{name!r} is not numeric", column=name, accepted="numbers, NaN for missing") from error
    if out.shape != (n,):
        raise DataError(f"{name!r} has shape {out.shape}", column=name, accepted=f"({n},)")
    return out


def _counts(name: str, values: ArrayLike, n: int) -> NDArray[np.integer]:
    out = np.asarray(values)
    if not np.issubdtype(out.dtype, np.integer):
        raise DataError(f"{name!r} is not integer", column=name, accepted="whole numbers; 0 when there are none")
    if out.shape != (n,):
        raise DataError(f"{name!r} has shape {out.shape}", column=name, accepted=f"({n},)")
    if n and int(out.min()) < 0:
        raise DataError(
            f"{name!r} has negative counts", column=name, rows=[f"least: {out.min()}"], accepted="0 or more"
        )
    return out


def _criterion_dict(c: Criterion) -> dict[str, Any]:
    return {
        "measure": c.measure,
        "caseness": c.caseness,
        "caseness_operator": c.caseness_operator.value,
        "reliable": c.reliable,
        "reliable_operator": c.reliable_operator.value,
        "low": c.low,
        "high": c.high,
        "direction": c.direction.value,
    }


def _criterion_from(raw: Mapping[str, Any]) -> Criterion:
    values = dict(raw)
    values["caseness_operator"] = Operator(values["caseness_operator"])
    values["reliable_operator"] = Operator(values["reliable_operator"])
    values["direction"] = Direction(values["direction"])
    for key in ("caseness", "reliable", "low", "high"):
        if values[key] is not None:
            values[key] = float(values[key])
    return Criterion(**values)
