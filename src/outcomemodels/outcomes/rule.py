"""An outcome rule as a frozen value that holds every threshold it uses and survives JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from outcomemodels.errors import SchemaError
from outcomemodels.outcomes.criteria import Criterion, Operator
from outcomemodels.outcomes.instruments import InstrumentSet, instruments
from outcomemodels.schema import Direction

FORMAT = "outcomemodels.OutcomeRule/1"
CasenessFrom = Literal["first_scores", "paired"]
MixedChange = Literal["none", "improved_wins", "deteriorated_wins"]
RecoveryNeeds = Literal["both", "depression", "anxiety", "the_case"]
_CHOICES: dict[str, tuple[str, ...]] = {
    "caseness_from": ("first_scores", "paired"),
    "recovery_needs": ("both", "depression", "anxiety", "the_case"),
    "mixed_change": ("none", "improved_wins", "deteriorated_wins"),
}


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
        Whether caseness at start is decided from first scores alone (as the published counts do) or needs
        paired data.
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
        """Write the whole rule, thresholds included, as JSON."""
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


_NHS: dict[str, tuple[str, str]] = {
    "nhs-1.5": (
        "ies_r",
        "IAPT data set v1.5 (to August 2020), IES-R for PTSD: from memory, check before relying on it",
    ),
    "nhs-2.0": (
        "pcl5",
        "A guide to IAPT data and publications (NHS Digital 2021), 7.4-7.7; IAPT v2.0 monthly metadata v1.7",
    ),
    "nhs-2.1": (
        "pcl5",
        "As nhs-2.0: data set v2.1 (April 2022) changed fields, not outcome definitions, so far as checked",
    ),
}
"""Measure for PTSD (F43.1) and source, by version."""


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

    References ---------- NHS Digital (2021), A guide to IAPT data and publications. Clark et al. (2018), doi
    10.1016/S0140-6736(17)32133-5.
    """
    if version not in _NHS:
        raise SchemaError(f"no outcome rule {version!r}", accepted=", ".join(_NHS))
    trauma, source = _NHS[version]
    known = instruments() if measures is None else measures
    own = {"F400": "mi_alone", "F401": "spin", "F410": "pdss", "F42": "oci", "F431": trauma, "F452": "hai"}
    names = ("gad7", *own.values())
    return OutcomeRule(
        version=version,
        depression=known["phq9"].criterion(),
        anxiety=tuple(known[name].criterion() for name in names),
        descriptors=tuple(own.items()),
        source=source,
    )


def _icd10(problem: str) -> str:
    return problem.strip().upper().replace(".", "").rstrip("*")


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
