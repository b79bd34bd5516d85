"""Fits without rows: reduce a table to sums, add the sums of parts or sites, and fit those."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from outcomemodels.design.formula import parse_formula
from outcomemodels.errors import SpecError
from outcomemodels.fitted import Fit, assemble
from outcomemodels.inference.settings import Settings
from outcomemodels.plugin import LinearModel, check_needs, resolve_priors
from outcomemodels.priors import Prior
from outcomemodels.registry import load_model
from outcomemodels.schema import Facet, Schema
from outcomemodels.schema.toml import read_schema
from outcomemodels.spec import ModelSpec
from outcomemodels.workflow.origin import provenance_of

if TYPE_CHECKING:
    from outcomemodels.inference.collapsed.cells import Reduced


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
    provenance = provenance_of(reduced.recipe.schema, reduced.digest(), tree, settings)
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


def _named_outcome(schema: Schema, formula: str) -> str:
    named = parse_formula(formula).response if formula else ""
    facets = (Facet.OUTCOME, Facet.FUNCTIONING)
    ends = [f.name for f in schema.of_table("main") if f.facet in facets and f.occasion != "start" and not f.of]
    if named or len(ends) == 1:
        return named or ends[0]
    raise SpecError(
        "which outcome?", facet="outcome", accepted=", ".join(ends) or "none declared", mend="say outcome=…"
    )
