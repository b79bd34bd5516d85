"""The verbs: about ten lines of wiring each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from outcomemodels.audit import AuditReport, audit_dataset
from outcomemodels.data.dataset import PaulDataset
from outcomemodels.design import Design, build_design
from outcomemodels.design.formula import parse_formula
from outcomemodels.errors import BlockedError, SpecError
from outcomemodels.estimands import Answer, Question, answer_from
from outcomemodels.fit import Fit, assemble
from outcomemodels.inference.settings import Engine, Settings
from outcomemodels.plugin import LinearModel, OutcomeModel, resolve_priors
from outcomemodels.priors import Prior
from outcomemodels.registry import checked, load_model
from outcomemodels.spec import Family, ModelSpec

if TYPE_CHECKING:
    import xarray as xr

PACKAGES = ("outcomemodels", "numpy", "scipy", "xarray", "pymc", "nutpie", "arviz")


def audit(data: PaulDataset) -> AuditReport:
    """Say what the data can and cannot answer, column by column of Paul's framework."""
    return audit_dataset(data)


def fit(
    data: PaulDataset,
    *,
    outcome: str = "",
    model: str | OutcomeModel = "paul",
    engine: Engine = "auto",
    seed: int = 1,
    family: Family | None = None,
    covariates: Sequence[str] | None = None,
    batches: Sequence[str] | None = None,
    formula: str = "",
    noise_by: str = "",
    priors: Mapping[str, Prior] | None = None,
    draws: int = 1000,
    tune: int = 1000,
    chains: int = 4,
    accept: Sequence[str] = (),
    progress: bool = True,
) -> Fit:
    """Fit a model to a dataset.

    Parameters
    ----------
    data : PaulDataset
    outcome : str
        One of ``data.outcomes``; may be left out when the formula names it or there is only one.
    model : str or OutcomeModel
        Name of an installed model (``outcomemodels models``) or the model itself.
    engine : {"auto", "nuts", "collapsed"}
        ``"auto"`` takes the exact engine where the model allows and says why.
    seed, draws, tune, chains
        See :class:`outcomemodels.inference.settings.Settings`.
    family, covariates, batches, formula, noise_by
        See :class:`outcomemodels.spec.ModelSpec`.
    priors : mapping of parameter name to Prior
        Overrides of the defaults.
    accept : sequence of str
        Blocking audit findings to accept by name; the acceptance is recorded.
    progress : bool

    Returns
    -------
    Fit

    Raises
    ------
    SpecError, NeedsError, BlockedError, FitError, PluginError
        For a specification the data cannot carry, a blocking audit finding, or a failed fit.
    """
    plugin = load_model(model) if isinstance(model, str) else checked(model)
    settings = Settings(engine=engine, draws=draws, tune=tune, chains=chains, seed=seed, progress=progress)
    spec = ModelSpec(
        outcome=outcome or _only_outcome(data, formula),
        model=plugin.info.name,
        family=family,
        covariates=None if covariates is None else tuple(covariates),
        batches=None if batches is None else tuple(batches),
        formula=formula,
        noise_by=noise_by,
        priors=tuple((priors or {}).items()),
        accept=tuple(accept),
    )
    design = build_design(data, spec)
    seen = consult(data, design, accept=spec.accept)
    resolved = resolve_priors(plugin, design, dict(spec.priors))

    from outcomemodels.inference.fit import sample

    tree = sample(plugin, design, resolved, settings)
    return assemble(tree, design, spec, resolved, provenance=_provenance(data, tree, settings), audit=seen)


def consult(data: PaulDataset, design: Design, *, accept: Sequence[str]) -> dict[str, object]:
    """Ask the audit before fitting; return what it said, with the findings accepted.

    Raises
    ------
    BlockedError
        For a blocking finding that was not accepted by name.
    """
    report = audit_dataset(data)
    used = {name for column in design.columns for name, _ in column.parts}
    blocking = report.blocking(outcome=design.outcome, covariates=tuple(sorted(used)))
    refused = [f for f in blocking if f.name not in accept]
    if refused:
        raise BlockedError(
            f"the audit blocks this fit: {', '.join(f.name for f in refused)}",
            rows=[f.sentence for f in refused],
            mend="mend the data, or accept it by name: " + f"fit(…, accept={[f.name for f in refused]})",
        )
    return {**report.to_dict(), "accepted": [f.name for f in blocking]}


def _only_outcome(data: PaulDataset, formula: str) -> str:
    named = parse_formula(formula).response if formula else ""
    if named:
        return named
    if len(data.outcomes) == 1:
        return data.outcomes[0]
    raise SpecError(
        "which outcome?", facet="outcome", accepted=", ".join(data.outcomes) or "none declared", mend="say outcome=…"
    )


def _provenance(data: PaulDataset, tree: xr.DataTree, settings: Settings) -> dict[str, object]:
    schema = data.schema
    return {
        "name": schema.name,
        "title": schema.title,
        "source": schema.source,
        "licence": schema.licence,
        "assignment": schema.assignment.value,
        "data_digest": data.digest(),
        "schema_version": schema.version,
        "versions": {name: version(name) for name in PACKAGES},
        "engine": tree.attrs["engine"],
        "engine_reason": tree.attrs["engine_reason"],
        "seconds": float(tree.attrs["seconds"]),
        "seed": settings.seed,
        "draws": settings.draws,
        "chains": settings.chains,
    }
