"""A bambi model as a plugin: a formula in bambi's words, answered by this library's verbs. Needs the extra ``bambi``.

bambi makes its levels, its centring and its default priors from the table it is given. Asked about other rows, it would
make others; so predictors are not centred, the priors are always those of the fitted table, and the rows asked about
follow rows that show every fitted level.
"""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from outcomemodels.errors import PluginError
from outcomemodels.models.frame import frame_of
from outcomemodels.models.wrapped_pymc import reserve
from outcomemodels.plugin import Design, ModelInfo, Needs, OutcomeKind, Priors, SpecError, expected_name, outcome_name

if TYPE_CHECKING:
    import pandas as pd
    import pymc as pm

KINDS: Mapping[str, tuple[OutcomeKind, ...]] = {
    "gaussian": ("continuous",),
    "t": ("continuous",),
    "bernoulli": ("binary",),
    "poisson": ("count",),
    "negativebinomial": ("count",),
}
"""Families whose first parameter is the mean of the outcome, and the outcomes they take."""

STATEFUL = re.compile(r"\b(scale|center|standardize|bs|poly|C|offset|hsgp)\s*\(")


@dataclass(frozen=True)
class FromBambi:
    """A bambi formula as a plugin.

    link(expected[obs]) = common and group-specific terms of the formula;  outcome[obs] ~ family(expected[obs])

    Units: the outcome's; coefficients per unit of each field, on the scale of the link. Made by :func:`from_bambi`.
    """

    info: ModelInfo
    formula: str
    family: str = "gaussian"
    priors: Mapping[str, Any] = field(default_factory=dict, repr=False)

    def default_priors(self, design: Design) -> Priors:
        """None of ours: bambi scales its own to the fitted table."""
        return {}

    def build(self, design: Design, priors: Priors) -> pm.Model:
        """Build the formula on the fitted rows, or on the rows asked about after rows that show every level."""
        fitted = _model(self.formula, self._table(design.source), self.family, self.priors)
        if not design.is_counterfactual:
            graph = fitted.backend.model
            reserve(graph, {_mean(fitted): expected_name(), self._outcome: outcome_name()}, rows=design.n_obs)
            return graph
        return self._asked(design, fitted)

    def _asked(self, design: Design, fitted: Any) -> pm.Model:
        import pandas as pd
        import pymc as pm

        asked = self._table(design)
        shown = _every_level(self._table(design.source), asked)
        model = _model(self.formula, pd.concat([shown, asked], ignore_index=True), self.family, _priors_of(fitted))
        graph: Any = model.backend.model
        graph.add_coord("obs", range(design.n_obs))
        with graph:
            for given, reserved in ((_mean(model), expected_name()), (self._outcome, outcome_name())):
                pm.Deterministic(reserved, graph[given][len(shown) :], dims="obs")
        made: pm.Model = graph
        return made

    @property
    def _outcome(self) -> str:
        return self.formula.partition("~")[0].strip()

    def _table(self, design: Design) -> pd.DataFrame:
        named = set(re.findall(r"[A-Za-z_]\w*", self.formula.partition("~")[2]))
        return frame_of(design, [n for n in (*design.factors, *design.numbers) if n in named])


def from_bambi(
    formula: str, *, family: str = "gaussian", name: str = "bambi", priors: Mapping[str, Any] | None = None
) -> FromBambi:
    """Wrap a bambi formula as a plugin.

    Parameters
    ----------
    formula : str
        ``"phq9_end ~ phq9_start + treatment + (1|therapist)"``; the left side names the outcome of the data.
    family : {"gaussian", "t", "bernoulli", "poisson", "negativebinomial"}
    name : str
        Of the plugin.
    priors : mapping of term to bambi.Prior, optional
        bambi's own defaults, scaled to the fitted table, for the others.

    Returns
    -------
    FromBambi
        To be passed as ``fit(…, outcome=…, model=…)``. NEW levels of a grouping (right of a bar) are drawn; those of
        other fields refused.

    Raises
    ------
    PluginError
        If bambi is not installed.
    SpecError
        For a family whose mean is not its first parameter, or a formula that transforms by what is in the table.
    """
    if importlib.util.find_spec("bambi") is None:
        raise PluginError("bambi is not installed", mend="install outcomemodels[bambi]")
    if family not in KINDS:
        raise SpecError(f"family {family!r} cannot be wrapped", accepted=", ".join(KINDS))
    if "~" not in formula:
        raise SpecError(f"formula {formula!r} names no outcome", accepted="'outcome ~ terms'")
    found = STATEFUL.search(formula)
    if found:
        raise SpecError(
            f"{found.group(1)}() depends on the table, and a question has another one",
            accepted="fields as they are, their products and groupings",
            mend="transform the field in the data, before reading",
        )
    groups = re.findall(r"\|\s*([A-Za-z_][\w:]*)", formula)
    info = ModelInfo(
        name=name,
        summary=f"bambi: {formula} ({family})",
        needs=Needs(outcome=KINDS[family]),
        unseen={part: "draw" for group in groups for part in group.split(":")},
    )
    return FromBambi(info, formula, family, dict(priors or {}))


def _model(formula: str, table: pd.DataFrame, family: str, priors: Mapping[str, Any]) -> Any:
    import bambi

    model: Any = bambi.Model(formula, table, family=family, priors=dict(priors) or None, center_predictors=False)
    model.build()
    return model


def _mean(model: Any) -> str:
    return str(model.family.likelihood.parent)


def _priors_of(model: Any) -> dict[str, Any]:
    """Priors of a built model, defaults scaled to its table included."""
    terms = model.parameters[_mean(model)].terms
    named = {name: term.prior for name, term in terms.items() if getattr(term, "prior", None) is not None}
    constants = {name: part.prior for name, part in model.marginal_parameters.items()}
    return {**named, **constants}


def _every_level(table: pd.DataFrame, asked: pd.DataFrame) -> pd.DataFrame:
    """A few fitted rows in which every level of every labelled field occurs, as the rows asked about name them."""
    import pandas as pd

    labelled = [c for c in table.columns if isinstance(table[c].dtype, pd.CategoricalDtype)]
    keep = {0}
    for column in labelled:
        keep |= set(np.unique(table[column].cat.codes.to_numpy(), return_index=True)[1].tolist())
    shown = table.iloc[sorted(keep)].copy()
    for column in labelled:
        shown[column] = pd.Categorical(shown[column].astype(str), asked[column].cat.categories, ordered=True)
    return shown
