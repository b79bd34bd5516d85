"""From data and a specification to a fit: the audit is asked first, then the model is built and sampled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING

from outcomemodels.auditing import AuditReport, audit_dataset
from outcomemodels.auditing.checks import blocking_of
from outcomemodels.data.dataset import PaulDataset
from outcomemodels.design import Design, build_design
from outcomemodels.design.formula import parse_formula
from outcomemodels.errors import BlockedError, SpecError
from outcomemodels.fitted import Fit, assemble, observed_of
from outcomemodels.inference.settings import Engine, Sampler, Settings
from outcomemodels.plugin import OutcomeModel, check_needs, resolve_priors
from outcomemodels.priors import Prior
from outcomemodels.registry import checked, load_model, options_of
from outcomemodels.spec import Family, ModelSpec
from outcomemodels.workflow.origin import provenance_of

if TYPE_CHECKING:
    import xarray as xr


def audit(data: PaulDataset) -> AuditReport:
    """Say what the data can and cannot answer, column by column of Paul's framework."""
    return audit_dataset(data)


def fit(
    data: PaulDataset,
    *,
    outcome: str | Mapping[str, str] = "",
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
    sampler: Sampler = "nutpie",
    accept: Sequence[str] = (),
    progress: bool = True,
) -> Fit:
    """Fit a model to a dataset.

    Parameters
    ----------
    data : PaulDataset
    outcome : str, or mapping of response to str
        One of ``data.outcomes``; may be left out when the formula names it or there is only one. For a model of several
        responses, the outcome behind each: ``{"change": "phq9_change", "dropout": "sessions"}``.
    model : str or OutcomeModel
        Name of an installed model (``outcomemodels models``) or the model itself.
    engine : {"auto", "nuts", "collapsed"}
        ``"auto"`` takes the exact engine where the model allows and says why.
    seed, draws, tune, chains, sampler
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
    settings = Settings(
        engine=engine, draws=draws, tune=tune, chains=chains, seed=seed, sampler=sampler, progress=progress
    )
    plugin = load_model(model) if isinstance(model, str) else checked(model)
    several = tuple(outcome.items()) if isinstance(outcome, Mapping) else ()
    one = several[0][1] if several else "" if isinstance(outcome, Mapping) else outcome
    spec = ModelSpec(
        outcome=one or _only_outcome(data, formula),
        outcomes=several,
        model=plugin.info.name,
        family=family,
        covariates=None if covariates is None else tuple(covariates),
        batches=None if batches is None else tuple(batches),
        formula=formula,
        noise_by=noise_by,
        priors=tuple((priors or {}).items()),
        accept=tuple(accept),
        options=options_of(plugin),
    )
    return fit_spec(data, spec, model=plugin, settings=settings)


def fit_spec(
    data: PaulDataset, spec: ModelSpec, *, model: OutcomeModel | None = None, settings: Settings | None = None
) -> Fit:
    """Fit a :class:`ModelSpec`; ``fit`` with its choices already made. Raises as :func:`fit` does."""
    plugin = load_model(spec.model, options=spec.options) if model is None else model
    chosen = Settings() if settings is None else settings
    design = build_design(data, spec, accepts=plugin.info.needs.outcome)
    check_needs(plugin, design, data)
    accepted = consult(data, design, accept=spec.accept)
    priors = resolve_priors(plugin, design, dict(spec.priors))

    from outcomemodels.inference.fit import sample

    tree = sample(plugin, design, priors, chosen)
    provenance = provenance_of(data.schema, data.digest(), tree, chosen)
    return assemble(
        tree,
        design,
        spec,
        priors,
        provenance=provenance,
        audit={"accepted": list(accepted)},
        model=model,
        look=cache(lambda: audit_dataset(data)),
    )


def prior_predictive(
    data: PaulDataset, spec: ModelSpec, *, model: OutcomeModel | None = None, draws: int = 500, seed: int = 1
) -> xr.DataTree:
    """Draw parameters and outcomes from the prior of a spec, before any fit.

    Returns
    -------
    xarray.DataTree
        Groups ``prior`` (parameters), ``prior_predictive`` and ``observed_data`` (``outcome``, dims (obs,)).
    """
    import xarray as xr

    from outcomemodels.inference.nuts import sample_prior

    plugin = load_model(spec.model, options=spec.options) if model is None else model
    design = build_design(data, spec, accepts=plugin.info.needs.outcome)
    check_needs(plugin, design, data)
    graph = plugin.build(design, resolve_priors(plugin, design, dict(spec.priors)))
    parameters, outcomes = sample_prior(graph, draws=draws, seed=seed)
    observed = observed_of(design)
    return xr.DataTree.from_dict({"prior": parameters, "prior_predictive": outcomes, "observed_data": observed})


def consult(data: PaulDataset, design: Design, *, accept: Sequence[str]) -> tuple[str, ...]:
    """Ask the audit for blocking findings before fitting; return the names of those that were accepted.

    Raises
    ------
    BlockedError
        For a blocking finding that was not accepted by name.
    """
    used = {name for column in design.columns for name, _ in column.parts}
    blocking = blocking_of(
        data, outcome=design.outcome, covariates=tuple(sorted(used)), batches=[b.by for b in design.batches]
    )
    refused = [f for f in blocking if f.name not in accept]
    if refused:
        raise BlockedError(
            f"the audit blocks this fit: {', '.join(f.name for f in refused)}",
            rows=[f.sentence for f in refused],
            mend="mend the data, or accept it by name: " + f"fit(…, accept={[f.name for f in refused]})",
        )
    return tuple(f.name for f in blocking)


def _only_outcome(data: PaulDataset, formula: str) -> str:
    named = parse_formula(formula).response if formula else ""
    if named:
        return named
    if len(data.outcomes) == 1:
        return data.outcomes[0]
    raise SpecError(
        "which outcome?",
        facet="outcome",
        accepted=", ".join(data.outcomes) or "none declared",
        mend="say outcome=…",
    )
