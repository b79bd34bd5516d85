"""Paul's question as a value: which treatments, for whom, with what problem, by whom, where and when."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from outcomemodels.design import NEW, UNKNOWN, Design, Factor, Unseen
from outcomemodels.design.build import NOT_RECORDED
from outcomemodels.design.terms import main_factor, setting_factors
from outcomemodels.errors import QuestionError
from outcomemodels.schema import Assignment, Facet

Value = str | float | Unseen
Row = dict[str, Value]

_UNSEEN = {"NEW": NEW, "UNKNOWN": UNKNOWN}
_PLACES = (Facet.TREATMENT, Facet.PROBLEM, Facet.THERAPIST, Facet.SETTING)


@dataclass(frozen=True, kw_only=True)
class Question:
    """What treatment, by whom, for this individual with that problem, under which circumstances (Paul 1967).

    Parameters
    ----------
    problem : str or Unseen, optional
        A fitted label. None averages over the problems in the data by caseload (UNKNOWN).
    treatments : tuple of str
        Treatments to compare; empty means all that were fitted.
    reference : str, optional
        The treatment the others are held against. None takes the one given in most courses for this problem
        or, where clients were randomised, the first level that was given for it.
    client : mapping of field to label or number
        What is known of the client and the course: age, start score, a concurrent drug.
        Numbers left out stand at their fitted mean, labelled fields are averaged over.
    therapist : str or Unseen
        NEW (drawn from the population of therapists), UNKNOWN (one of those in the data) or a label.
    setting : str, Unseen or mapping of field to either
        The same for the setting; a mapping where several setting fields are to be named.
    when : mapping of field to label or number
        Fields of time: weeks since intake, year.
    worthwhile : float, optional
        Smallest difference worth having, in outcome units (probability for binomial outcomes), positive.
    response : str
        Which of several responses is asked about; empty for the first, or the only one.

    Raises
    ------
    QuestionError
        When a part has the wrong type. Labels are checked against a fit by :meth:`rows`.

    References
    ----------
    Paul (1967), Strategy of outcome research in psychotherapy, doi 10.1037/h0024436.

    Examples
    --------
    >>> Question(problem="PTSD", client={"age": 34}).to_dict()["client"]
    {'age': 34}
    """

    problem: str | Unseen | None = None
    treatments: tuple[str, ...] = ()
    reference: str | None = None
    client: Mapping[str, Value] = field(default_factory=dict)
    therapist: str | Unseen = NEW
    setting: str | Unseen | Mapping[str, str | Unseen] = NEW
    when: Mapping[str, Value] = field(default_factory=dict)
    worthwhile: float | None = None
    response: str = ""

    def __post_init__(self) -> None:
        if isinstance(self.treatments, str):
            raise QuestionError(
                f"treatments={self.treatments!r} is one string", accepted=f"treatments=({self.treatments!r},)"
            )
        treatments = tuple(self.treatments)
        if not all(isinstance(t, str) for t in treatments):
            raise QuestionError(f"treatments={treatments!r}", accepted="labels of fitted treatments")
        repeated = sorted({t for t in treatments if treatments.count(t) > 1})
        if repeated:
            raise QuestionError("a treatment is named twice", rows=repeated)
        object.__setattr__(self, "treatments", treatments)
        for name in ("client", "when"):
            object.__setattr__(self, name, _values(name, getattr(self, name)))
        if isinstance(self.setting, Mapping):
            object.__setattr__(self, "setting", _values("setting", self.setting))
        for name, allowed in (("problem", (str, Unseen, type(None))), ("therapist", (str, Unseen))):
            if not isinstance(getattr(self, name), allowed):
                raise QuestionError(f"{name}={getattr(self, name)!r}", accepted="a fitted label, NEW or UNKNOWN")
        if not isinstance(self.setting, str | Unseen | Mapping):
            raise QuestionError(
                f"setting={self.setting!r}", accepted="a fitted label, NEW, UNKNOWN, or a mapping of field to these"
            )
        if not isinstance(self.response, str):
            raise QuestionError(f"response={self.response!r}", accepted="the name of a response of the model")
        if self.reference is not None and not isinstance(self.reference, str):
            raise QuestionError(f"reference={self.reference!r}", accepted="the label of a fitted treatment")
        if self.worthwhile is not None and not (np.isfinite(self.worthwhile) and self.worthwhile >= 0):
            raise QuestionError(
                f"worthwhile={self.worthwhile!r}", accepted="a number of outcome units, zero or more, without sign"
            )

    # -- against a fit ---------------------------------------------------------------------------------------

    def rows(self, design: Design) -> tuple[tuple[str, ...], list[Row]]:
        """Treatment labels (reference included) and, for each, the row :meth:`Design.at` wants.

        Raises
        ------
        QuestionError
            For a field or label the fit does not know, with near matches.
        """
        fitted = design if design.fitted is None else design.fitted
        treatment = _treatment(fitted)
        reference = self.reference_of(fitted)
        labels = list(self.treatments) or _given(treatment, fitted)
        if reference not in labels:
            labels.insert(0, reference)
        for label in labels:
            _known(treatment, label)
        common: Row = {**self._problem(fitted), **self._therapist(fitted), **self._setting(fitted)}
        common |= _checked("client", self.client, fitted, [n for n in _fields(fitted) if not _is_place(n, fitted)])
        common |= _checked("when", self.when, fitted, [n for n in _fields(fitted) if _facet(n, fitted) is Facet.TIME])
        return tuple(labels), [{treatment.name: label, **common} for label in labels]

    def counterfactual(self, design: Design) -> Design:
        """The design whose rows are the treatments of :meth:`rows`, in order."""
        return design.at(self.rows(design)[1])

    def reference_of(self, design: Design) -> str:
        """The reference treatment.

        The one named; else, where clients were randomised, the first level asked about that was given for this
        problem; else the one given in most courses for it.
        """
        fitted = design if design.fitted is None else design.fitted
        treatment = _treatment(fitted)
        if self.reference is not None:
            _known(treatment, self.reference)
            return self.reference
        levels = _given(treatment, fitted)
        asked = [t for t in levels if t in self.treatments] or levels
        if len(self.treatments) == 1:
            asked = [t for t in levels if t not in self.treatments] or levels
        courses = np.ones(fitted.n_obs) if fitted.response is None else fitted.response.n
        problem = main_factor(fitted.factors, Facet.PROBLEM)
        mine = np.ones(fitted.n_obs, dtype=bool)
        if problem is not None and isinstance(self.problem, str):
            mine = problem.codes == _known(problem, self.problem)
        count = np.bincount(treatment.codes[mine], weights=courses[mine], minlength=len(treatment.levels))
        if fitted.assignment is Assignment.RANDOMISED:
            return next((t for t in asked if count[treatment.code(t)] > 0), asked[0])
        return max(asked, key=lambda t: count[treatment.code(t)])

    def unused(self, design: Design, uses: frozenset[str] | None = None) -> tuple[str, ...]:
        """Fields the question names that change nothing: not among ``uses``, or in no column and no batch."""
        fitted = design if design.fitted is None else design.fitted
        used = set() if uses is None else set(uses)
        if uses is None:
            used |= {name for column in fitted.columns for name, _ in column.parts}
            for batch in fitted.batches:
                used |= {*batch.by, *(part.split("[")[0] for column in batch.columns for part in column.split(":"))}
        row = self.rows(fitted)[1][0]
        named = {*self.client, *self.when, *self._problem(fitted)}
        named |= {name for name in row if _is_place(name, fitted) and isinstance(row[name], str)}
        return tuple(sorted(named - used - {_treatment(fitted).name}))

    def _problem(self, design: Design) -> Row:
        if self.problem is None:
            return {}
        factor = main_factor(design.factors, Facet.PROBLEM)
        if factor is None:
            raise _no_field("problem", self.problem, Facet.PROBLEM)
        if isinstance(self.problem, str):
            _known(factor, self.problem)
        return {factor.name: self.problem}

    def _therapist(self, design: Design) -> Row:
        factor = main_factor(design.factors, Facet.THERAPIST)
        if factor is None:
            if isinstance(self.therapist, str):
                raise _no_field("therapist", self.therapist, Facet.THERAPIST)
            return {}
        if isinstance(self.therapist, str):
            _known(factor, self.therapist)
        others = {
            f.name: self.therapist for f in design.of_facet(Facet.THERAPIST) if isinstance(self.therapist, Unseen)
        }
        return _with_implied({**others, factor.name: self.therapist}, design, Facet.THERAPIST)

    def _setting(self, design: Design) -> Row:
        factors = {f.name: f for f in design.of_facet(Facet.SETTING)}
        setting = self.setting
        if isinstance(setting, Unseen):
            return dict.fromkeys(factors, setting)
        if not factors:
            raise _no_field("setting", setting, Facet.SETTING)
        if isinstance(setting, str):
            kept = list(setting_factors(design.factors)) or list(factors.values())
            holding = [f for f in kept if setting in f.levels]
            factor = holding[0] if len(holding) == 1 else kept[0]
            _known(factor, setting)
            return _with_implied({factor.name: setting}, design, Facet.SETTING)
        named = _checked("setting", setting, design, list(factors))
        return _with_implied(named, design, Facet.SETTING)

    # -- as text and JSON ------------------------------------------------------------------------------------

    def to_dict(self) -> dict[str, Any]:
        """Plain dict for JSON; NEW and UNKNOWN become ``{"unseen": "NEW"}``."""
        return {
            "problem": _plain(self.problem),
            "treatments": list(self.treatments),
            "reference": self.reference,
            "client": _plain(self.client),
            "therapist": _plain(self.therapist),
            "setting": _plain(self.setting),
            "when": _plain(self.when),
            "worthwhile": self.worthwhile,
            "response": self.response,
        }

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> Question:
        """Inverse of :meth:`to_dict`; parts left out take their default.

        Raises
        ------
        QuestionError
            For a key that is no part of a question.
        """
        known = set(cls.__dataclass_fields__)
        unknown = sorted(set(raw) - known)
        if unknown:
            near = difflib.get_close_matches(unknown[0], sorted(known), n=1)
            raise QuestionError(
                f"{unknown[0]!r} is no part of a question",
                accepted=", ".join(sorted(known)),
                mend=f"did you mean {near[0]!r}?" if near else None,
            )
        values: dict[str, Any] = {k: _rich(v) for k, v in raw.items()}
        if isinstance(values.get("treatments"), list):
            values["treatments"] = tuple(values["treatments"])
        return cls(**values)

    def sentence(self, design: Design | None = None) -> str:
        """The question in words; with a design, without therapist and setting where it has no such field."""
        what = f"Which of {_listed(self.treatments)}" if self.treatments else "Which treatment"
        whom = f" for a client with {self.problem}" if isinstance(self.problem, str) else " for a client"
        known = {**self.client, **self.when}
        details = f" ({', '.join(f'{k} {v}' for k, v in known.items())})" if known else ""
        has = {Facet.THERAPIST, Facet.SETTING} if design is None else {f.facet for f in design.factors.values()}
        by = f", seen by {_whose(self.therapist, 'therapist')}" if Facet.THERAPIST in has else ""
        place = (
            " and ".join(f"{k} {_whose(v, k)}" if isinstance(v, str) else _whose(v, k) for k, v in self.setting.items())
            if isinstance(self.setting, Mapping)
            else _whose(self.setting, "setting")
        )
        return f"{what}{whom}{details}{by}{f' in {place}' if Facet.SETTING in has else ''}?"


def _whose(value: object, noun: str) -> str:
    if value is NEW:
        return f"a new {noun}"
    if value is UNKNOWN:
        return f"any {noun} in these data"
    return str(value)


def _listed(labels: Sequence[str]) -> str:
    return labels[0] if len(labels) == 1 else ", ".join(labels[:-1]) + " and " + labels[-1]


def _values(name: str, given: object) -> Row:
    if not isinstance(given, Mapping):
        raise QuestionError(
            f"{name}={given!r} is not a mapping", accepted=f"{name}={{'age': 34}}: fields and their values"
        )
    out: Row = {}
    for key, value in given.items():
        if isinstance(value, bool) or not isinstance(value, str | int | float | Unseen | np.number):
            raise QuestionError(f"{name}[{key!r}]={value!r}", column=str(key), accepted="a label or a number")
        if isinstance(value, str | Unseen):
            out[str(key)] = value
            continue
        number = value.item() if isinstance(value, np.number) else value
        if not np.isfinite(number):
            raise QuestionError(f"{name}[{key!r}]={value!r}", column=str(key), accepted="a finite number")
        out[str(key)] = number
    return out


def _treatment(design: Design) -> Factor:
    factor = main_factor(design.factors, Facet.TREATMENT)
    if factor is None:
        raise QuestionError(
            "the fit has no treatment field, so treatments cannot be compared",
            facet="treatment",
            accepted="a labelled field of facet treatment",
            mend="declare one in the schema and fit again",
        )
    return factor


def _given(treatment: Factor, design: Design) -> list[str]:
    """Treatments with courses, in declared order; an unrecorded treatment is none."""
    levels = [level[0] for level in design.crossing((treatment.name,)).levels]
    return [level for level in levels if level != NOT_RECORDED] or levels


def _no_field(part: str, value: object, facet: Facet) -> QuestionError:
    return QuestionError(
        f"{part}={value!r}, but the fit has no {facet.value} field",
        facet=facet.value,
        accepted=f"no {part}, since the data name none",
        mend=f"leave {part} out, or declare the field in the schema and fit again",
    )


def _known(factor: Factor, label: str) -> int:
    code = factor.code(label)
    if not np.isin(factor.codes, (code, UNKNOWN)).any():  # UNKNOWN: summed over, so the level itself is not seen
        raise QuestionError(f"{label!r} has no course in the fitted data", column=factor.name, facet=factor.facet.value)
    return code


def _fields(design: Design) -> list[str]:
    return [*design.factors, *design.numbers]


def _facet(name: str, design: Design) -> Facet:
    return design.factors[name].facet if name in design.factors else design.numbers[name].facet


def _is_place(name: str, design: Design) -> bool:
    """Whether a field is set by another part of the question than ``client``."""
    facet = _facet(name, design)
    if facet in (Facet.TREATMENT, Facet.PROBLEM):  # only the main one is; a concurrent drug is known of the course
        factor = main_factor(design.factors, facet)
        return factor is not None and factor.name == name
    return facet in _PLACES and name in design.factors


def _checked(part: str, given: Mapping[str, Value], design: Design, accepted: Iterable[str]) -> Row:
    names = list(accepted)
    for name, value in given.items():
        if name not in names:
            near = difflib.get_close_matches(name, names, n=3)
            elsewhere = name in _fields(design)
            raise QuestionError(
                f"{name!r} is not a field {part}= may name"
                + (f"; it belongs to {_facet(name, design).value}" if elsewhere else ""),
                column=name,
                accepted=", ".join(names) or "none: the fit has no such field",
                mend=f"did you mean {' or '.join(repr(n) for n in near)}?" if near else None,
            )
        if name in design.factors and not isinstance(value, Unseen):
            _known(design.factors[name], str(value))
        if name in design.numbers and isinstance(value, str):
            raise QuestionError(
                f"{value!r} is not a number",
                column=name,
                accepted=f"a number in {design.numbers[name].units or 'its units'}",
            )
    return {n: str(v) if n in design.factors and not isinstance(v, Unseen) else v for n, v in given.items()}


def _with_implied(row: Row, design: Design, facet: Facet) -> Row:
    """Fill in fields of the facet that follow from those named: the region of a named service."""
    out = dict(row)
    for name, value in row.items():
        if isinstance(value, Unseen):
            continue
        factor = design.factors[name]
        mask = factor.codes == factor.code(str(value))
        for other in design.of_facet(facet):
            if other.name in row:
                continue
            found = np.unique(other.codes[mask])
            if len(found) == 1:
                out[other.name] = other.levels[int(found[0])]
    return out


def _plain(value: Any) -> Any:
    if isinstance(value, Unseen):
        return {"unseen": value.name}
    if isinstance(value, Mapping):
        return {k: _plain(v) for k, v in value.items()}
    return value


def _rich(value: Any) -> Any:
    if isinstance(value, Mapping):
        if set(value) == {"unseen"} and value["unseen"] in _UNSEEN:
            return _UNSEEN[value["unseen"]]
        return {k: _rich(v) for k, v in value.items()}
    return value
