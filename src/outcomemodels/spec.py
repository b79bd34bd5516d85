"""ModelSpec: what is to be fitted, as a frozen value that survives JSON. Knows no data."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from outcomemodels.errors import SpecError
from outcomemodels.priors import Prior, priors_from_dict, priors_to_dict

Option = str | float | int | bool | None
Family = Literal["gaussian", "binomial"]
FAMILIES: tuple[Family, ...] = ("gaussian", "binomial")


@dataclass(frozen=True, kw_only=True)
class ModelSpec:
    """A model by name, its outcome, and every choice made about it.

    Parameters
    ----------
    outcome : str
        A name in ``PaulDataset.outcomes``.
    model : str
        Entry-point name of a model plugin.
    family : {"gaussian", "binomial"}, optional
        Taken from the outcome field when absent.
    covariates : tuple of str, optional
        Numeric or categorical fields entered as fixed columns; None lets the model choose from the facets.
    batches : tuple of str, optional
        Batches of exchangeable effects ("therapist", "treatment:problem", "age|treatment" for slopes of age by
        treatment); None lets the model choose.
    formula : str
        lme4-style formula; excludes ``covariates`` and ``batches``.
    noise_by : str
        Labelled field whose levels have their own residual SD.
    priors : tuple of (name, Prior)
        Overrides of the model's default priors.
    accept : tuple of str
        Blocking audit findings accepted by name.
    options : tuple of (name, value)
        Choices of the model's own (``centered``), as its fields name them.
    outcomes : tuple of (response, outcome)
        For models of several responses: the outcome behind each; ``outcome`` is then the first of them.
    """

    outcome: str
    model: str = "paul"
    family: Family | None = None
    covariates: tuple[str, ...] | None = None
    batches: tuple[str, ...] | None = None
    formula: str = ""
    noise_by: str = ""
    priors: tuple[tuple[str, Prior], ...] = ()
    accept: tuple[str, ...] = ()
    options: tuple[tuple[str, Option], ...] = ()
    outcomes: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        if self.family is not None and self.family not in FAMILIES:
            raise SpecError(f"unknown family {self.family!r}", accepted=", ".join(FAMILIES))
        if self.formula and (self.covariates is not None or self.batches is not None):
            raise SpecError(
                "both a formula and covariates or batches were given",
                accepted="one of the two ways to say which terms enter",
                mend="drop covariates= and batches=, or drop formula=",
            )
        for name in ("covariates", "batches", "accept"):
            value = getattr(self, name)
            if isinstance(value, str):
                raise SpecError(f"{name}={value!r} is one string", accepted=f"a tuple: {name}=({value!r},)")
            if value is not None:
                object.__setattr__(self, name, tuple(value))
        if self.outcomes and self.outcomes[0][1] != self.outcome:
            raise SpecError(
                f"outcome={self.outcome!r} is not the first of several", accepted=f"outcome={self.outcomes[0][1]!r}"
            )
        if isinstance(self.priors, Mapping):
            object.__setattr__(self, "priors", tuple(self.priors.items()))

    def with_(self, **changes: Any) -> ModelSpec:
        """Return a spec with some fields changed."""
        return replace(self, **changes)

    def to_json(self) -> str:
        """One JSON object."""
        raw = {k: v for k, v in self.__dict__.items() if k != "priors"}
        raw["priors"] = priors_to_dict(dict(self.priors))
        return json.dumps(raw)

    @classmethod
    def from_json(cls, text: str) -> ModelSpec:
        """Inverse of :meth:`to_json`."""
        raw = json.loads(text)
        raw["priors"] = tuple(priors_from_dict(raw.get("priors", {})).items())
        for name in ("covariates", "batches", "accept"):
            if raw.get(name) is not None:
                raw[name] = tuple(raw[name])
        raw["outcomes"] = tuple((str(name), str(value)) for name, value in raw.get("outcomes", ()))
        raw["options"] = tuple((str(name), value) for name, value in raw.get("options", ()))
        try:
            return cls(**raw)
        except TypeError as error:
            raise SpecError(f"not a model specification: {error}") from None
