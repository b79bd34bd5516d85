"""The verbs: about ten lines of wiring each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from outcomemodels.auditing import AuditReport, audit_dataset
from outcomemodels.auditing.checks import blocking_of
from outcomemodels.data.dataset import PaulDataset
from outcomemodels.design import Design, Unseen, build_design
from outcomemodels.design.formula import parse_formula
from outcomemodels.errors import BlockedError, SpecError
from outcomemodels.estimands import Answer, Question, answer_from
from outcomemodels.fitted import Fit, assemble, observed_of
from outcomemodels.inference.settings import Engine, Sampler, Settings
from outcomemodels.plugin import LinearModel, OutcomeModel, check_needs, resolve_priors
from outcomemodels.priors import Prior
from outcomemodels.registry import checked, load_model, options_of
from outcomemodels.schema import Facet, Schema
from outcomemodels.schema.toml import read_schema
from outcomemodels.spec import Family, ModelSpec

if TYPE_CHECKING:
    import xarray as xr

    from outcomemodels.inference.collapsed.cells import Reduced
    from outcomemodels.outcomes.suppression import Disclosure

PACKAGES = ("outcomemodels", "numpy", "scipy", "xarray", "pymc", "nutpie", "arviz")


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
    provenance = _provenance(data.schema, data.digest(), tree, chosen)
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


def reduce(
    source: Any,
    *,
    schema: Schema | Mapping[str, Any] | str | Path,
    outcome: str = "",
    model: str = "paul",
    covariates: Sequence[str] | None = None,
    batches: Sequence[str] | None = None,
    formula: str = "",
    noise_by: str = "",
    checkpoint: str | Path | None = None,
    client: Any = None,
    progress: bool = True,
) -> Reduced:
    """Reduce a table of any length to the sums an exact fit needs, in one pass and bounded memory.

    Memory grows with the combinations of treatment, problem, therapist, setting and time that occur, not with the
    rows. What is fitted must be said here, because the sums depend on it; :func:`fit_reduced` goes on from there.

    Parameters
    ----------
    source : path, list of paths, folder, frame, record batches or mapping of columns
        Parquet and csv files are streamed.
    schema : Schema, dict or path to TOML
    outcome, model, covariates, batches, formula, noise_by
        See :func:`fit`. The outcome must be a score with one value a row, or cells with n, mean and SD.
    checkpoint : path, optional
        File that lets a killed reduction go on from its last finished partition, with identical numbers.
    client : distributed.Client, optional
        A dask cluster to share the partitions of parquet files among; needs the extra ``dask``.
    progress : bool

    Raises
    ------
    SpecError, FileError, DataError
        For terms that cannot be reduced, sources that cannot be read, and values the schema does not allow.
    """
    from outcomemodels.inference.collapsed.stream import reduce_rows

    described = read_schema(schema)
    load_model(model)
    spec = ModelSpec(
        outcome=outcome or _named_outcome(described, formula),
        model=model,
        covariates=None if covariates is None else tuple(covariates),
        batches=None if batches is None else tuple(batches),
        formula=formula,
        noise_by=noise_by,
    )
    if client is None:
        return reduce_rows(source, described, spec, checkpoint=checkpoint, progress=progress)
    from outcomemodels.inference.collapsed.distributed import reduce_on

    return reduce_on(client, source, described, spec, checkpoint=checkpoint)


def fit_reduced(
    reduced: Reduced,
    *,
    seed: int = 1,
    priors: Mapping[str, Prior] | None = None,
    draws: int = 1000,
    chains: int = 4,
    progress: bool = True,
) -> Fit:
    """Fit the model a table was reduced for; the rows are not needed, and the posterior is the one they would give.

    Parameters
    ----------
    reduced : Reduced
        From :func:`reduce`, :func:`merge` or :func:`load_reduced`.
    seed, draws, chains
        See :class:`outcomemodels.inference.settings.Settings`.
    priors : mapping of parameter name to Prior
        Overrides of the defaults.
    progress : bool

    Raises
    ------
    SpecError, NeedsError, FitError
        If the model cannot be fitted to sums, needs what is not there, or no gate of the exact engine is passed.
    """
    from outcomemodels.inference.collapsed.condense import condense
    from outcomemodels.inference.fit import sample_reduced

    settings = Settings(engine="collapsed", draws=draws, chains=chains, seed=seed, progress=progress)
    spec = replace(reduced.recipe.spec, priors=tuple((priors or {}).items()))
    plugin = load_model(spec.model, options=spec.options)
    if not isinstance(plugin, LinearModel):
        raise SpecError(
            f"model {spec.model!r} has no linear form", accepted="linear models", mend="read the rows and fit them"
        )
    condensed = condense(reduced)
    check_needs(plugin, condensed.design, schema=reduced.recipe.schema)
    resolved = resolve_priors(plugin, condensed.design, dict(spec.priors))
    tree = sample_reduced(plugin, condensed, resolved, settings)
    provenance = _provenance(reduced.recipe.schema, reduced.digest(), tree, settings)
    provenance |= {"reduced_from": reduced.source, "approximate": list(reduced.notes)}
    return assemble(tree, condensed.design, spec, resolved, provenance=provenance, audit={})


def export_packet(
    reduced: Reduced,
    path: str | Path | None = None,
    *,
    site: str,
    minimum: int = 10,
    small: Literal["refuse", "suppress"] = "refuse",
    round_to: int = 0,
) -> Reduced:
    """Make what a site may hand over instead of its rows; see :func:`outcomemodels.inference.collapsed.packets`.

    Parameters
    ----------
    reduced : Reduced
    path : path, optional
        Where to write it (``.nc`` or ``.zarr``).
    site : str
        Therapists are numbered under this name, so it must differ between sites.
    minimum : int
        Fewest courses behind any count that is shown.
    small : {"refuse", "suppress"}
        Whether smaller counts stop the export, or are left out and the packet marked approximate.
    round_to : int
        Round the courses of each cell to a multiple of this; marks the packet approximate.

    Raises
    ------
    BlockedError
        For counts below the minimum, saying which.
    """
    from outcomemodels.inference.collapsed.packets import export_packet as export

    return export(reduced, path, site=site, minimum=minimum, small=small, round_to=round_to)


def merge(parts: Sequence[Reduced | str | Path]) -> Reduced:
    """Add reduced tables, or the packets of several sites: the sums of all their rows.

    Parameters
    ----------
    parts : sequence of Reduced or path

    Raises
    ------
    SpecError
        If they were reduced by different recipes, saying in what they differ.
    """
    from outcomemodels.inference.collapsed.cells import merge_reduced

    return merge_reduced([load_reduced(p) if isinstance(p, str | Path) else p for p in parts])


def load_reduced(path: str | Path) -> Reduced:
    """Read reduced rows, or a packet of a site, that were saved.

    Raises
    ------
    FileError
        If the file is absent, damaged or something else.
    """
    from outcomemodels.inference.collapsed.cells import Reduced as Held

    return Held.load(path)


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


def ask(fit: Fit, question: Question, *, probability: float = 0.95, seed: int | None = None) -> Answer:
    """Put Paul's question to a fit.

    Parameters
    ----------
    fit : Fit
    question : Question
    probability : float
        Of the intervals.
    seed : int, optional
        For draws of new therapists and settings; the seed of the fit when absent, so that asking twice answers alike.

    Raises
    ------
    QuestionError
        If the question names a field or label the fit does not know.
    PluginError
        If the model that was fitted is not installed.
    """
    from outcomemodels.inference.predict import expected_draws, prior_draws

    model = _model_of(fit)
    asked = question.counterfactual(fit.design)
    response = question.response or next(iter(fit.design.targets), "")
    posterior, chosen = fit.posterior, _seed(fit, seed)
    linear = isinstance(model, LinearModel) and model.info.linear
    return answer_from(
        question,
        asked.of_response(response),
        expected_draws(model, asked, fit.priors, posterior, seed=chosen, response=response),
        structure=model.linear(asked, fit.priors) if isinstance(model, LinearModel) and linear else None,
        posterior=posterior,
        prior_expected=None if linear else prior_draws(model, asked, fit.priors, seed=chosen, response=response),
        uses=None if linear else fit.uses,
        verdict=fit.verdict,
        probability=probability,
    )


def predict(
    fit: Fit,
    rows: Sequence[Mapping[str, str | float | Unseen]] | Question | None = None,
    *,
    what: Literal["expected", "outcome"] = "expected",
    response: str = "",
    seed: int | None = None,
) -> xr.DataArray:
    """Predict rows from a fit: one predicted draw for each posterior draw.

    Parameters
    ----------
    fit : Fit
    rows : sequence of mapping of field to label, number, NEW or UNKNOWN; or Question
        Fields left out: NEW for clients, therapists and settings, UNKNOWN for other labelled fields, the fitted mean
        for numbers. A question stands for its rows, one a treatment. None predicts the fitted rows.
    what : {"expected", "outcome"}
        The expected outcome, or outcomes drawn for new courses.
    response : str
        Which of several responses; the first when absent.
    seed : int, optional
        For levels outside the fit and for outcomes; the seed of the fit when absent.

    Returns
    -------
    xarray.DataArray, dims (chain, draw, row)
        In outcome units (probability for expected binomial outcomes).

    Raises
    ------
    QuestionError
        For a field, label or policy the fit does not know.
    PluginError
        If the model that was fitted is not installed.
    """
    import xarray as xr

    from outcomemodels.inference.predict import expected_draws

    design = fit.design
    if isinstance(rows, Question):
        design = rows.counterfactual(design)
    elif rows is not None:
        design = design.at(rows)
    posterior, name = fit.posterior, response or next(iter(fit.design.targets), "")
    if isinstance(rows, Question) and not response:
        name = rows.response or name
    design_of = design.of_response(name)
    drawn = expected_draws(
        _model_of(fit), design, fit.priors, posterior, seed=_seed(fit, seed), what=what, response=name
    )
    shape = (posterior.sizes["chain"], posterior.sizes["draw"], design.n_obs)
    return xr.DataArray(
        drawn.reshape(shape),
        dims=("chain", "draw", "row"),
        coords={"chain": posterior["chain"].values, "draw": posterior["draw"].values},
        name=what,
        attrs={"units": design_of.units, "outcome": design_of.outcome},
    )


def report(
    fit: Fit,
    path: str | Path,
    *,
    questions: Sequence[Question] = (),
    audit: AuditReport | None = None,
    disclosure: Disclosure | None = None,
) -> Path:
    """Write one self-contained HTML file: answers, what they rest on, and where the data stop.

    Parameters
    ----------
    fit : Fit
    path : path
        Ending in ``.html``.
    questions : sequence of Question
        Without one, about each problem in the data.
    audit : AuditReport, optional
        The audit of the data that were fitted when absent; a fit that was loaded has kept it, but no data to judge
        the questions by.
    disclosure : Disclosure, optional
        Hides small counts and rounds the others: ``Disclosure(smallest=5, base=5)``.

    Raises
    ------
    FileError
        If the path cannot be written.
    QuestionError
        If a question cannot be put to this fit.
    """
    from outcomemodels.reporting import default_questions, write_report

    asked = list(questions or default_questions(fit.design))
    live = fit.look() if audit is None and fit.look is not None else audit
    verdicts = [] if live is None else [live.verdict(q, outcome=_outcome_of(fit, q)).in_short() for q in asked]
    return write_report(
        fit,
        path,
        answers=[ask(fit, q) for q in asked],
        verdicts=verdicts,
        audit=None if audit is None else audit.full_dict(outcome=fit.design.outcome),
        disclosure=disclosure,
    )


def load_fit(path: str | Path, *, model: OutcomeModel | None = None) -> Fit:
    """Read a fit that :meth:`Fit.save` wrote.

    Parameters
    ----------
    path : path
    model : OutcomeModel, optional
        The model that was fitted, where it is not an installed one.

    Raises
    ------
    FileError
        If the file is absent, damaged or not a fit.
    """
    return Fit.load(path, model=model)


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


def _model_of(fit: Fit) -> OutcomeModel:
    return load_model(fit.spec.model, options=fit.spec.options) if fit.model is None else fit.model


def _outcome_of(fit: Fit, question: Question) -> str:
    name = question.response or next(iter(fit.design.targets), "")
    return fit.design.of_response(name).outcome


def _seed(fit: Fit, seed: int | None) -> int:
    return int(fit.provenance.get("seed", 1)) if seed is None else seed


def _named_outcome(schema: Schema, formula: str) -> str:
    named = parse_formula(formula).response if formula else ""
    facets = (Facet.OUTCOME, Facet.FUNCTIONING)
    ends = [f.name for f in schema.of_table("main") if f.facet in facets and f.occasion != "start" and not f.of]
    if named or len(ends) == 1:
        return named or ends[0]
    raise SpecError(
        "which outcome?", facet="outcome", accepted=", ".join(ends) or "none declared", mend="say outcome=…"
    )


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


def _provenance(schema: Schema, digest: str, tree: xr.DataTree, settings: Settings) -> dict[str, object]:
    return {
        "name": schema.name,
        "title": schema.title,
        "source": schema.source,
        "licence": schema.licence,
        "assignment": schema.assignment.value,
        "data_digest": digest,
        "schema_version": schema.version,
        "versions": {name: version(name) for name in PACKAGES},
        "engine": tree.attrs["engine"],
        "engine_reason": tree.attrs["engine_reason"],
        "seconds": float(tree.attrs["seconds"]),
        "seed": settings.seed,
        "draws": settings.draws,
        "chains": settings.chains,
    }
