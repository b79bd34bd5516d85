"""Fit: a posterior tree with the design it came from; saved and loaded without pickle."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import xarray as xr

from outcomemodels.auditing import AuditReport
from outcomemodels.data.store import read_tree, write_tree
from outcomemodels.design import Design
from outcomemodels.design import store as design_store
from outcomemodels.diagnostics import Verdict, diagnose
from outcomemodels.errors import FileError
from outcomemodels.estimands.decomposition import Decomposition, decompose
from outcomemodels.plugin import OutcomeModel
from outcomemodels.posterior import FORMAT, get_json, outcome_name, put_json, validate
from outcomemodels.priors import Priors, priors_from_dict, priors_to_dict
from outcomemodels.spec import ModelSpec


@dataclass(frozen=True, eq=False, repr=False)
class Fit:
    """What ``outcomemodels.fitted`` returns.

    Parameters
    ----------
    tree : xarray.DataTree
        Keeps the contract of :mod:`outcomemodels.posterior`; any ArviZ function takes it unchanged.
    design : Design
        The fitted design.
    spec : ModelSpec
        What was asked to be fitted.
    priors : mapping of parameter name to Prior
    verdict : Verdict
        Whether the sampling can be trusted, in words.
    model : OutcomeModel, optional
        The model itself, where it was passed as an object; it is never saved.
    look : callable, optional
        Audits the data that were fitted, when somebody asks; it is never saved, what it found is.
    """

    tree: xr.DataTree
    design: Design
    spec: ModelSpec
    priors: Priors
    verdict: Verdict
    model: OutcomeModel | None = None
    look: Callable[[], AuditReport] | None = None

    @property
    def posterior(self) -> xr.Dataset:
        """Posterior draws, dims (chain, draw, …)."""
        return self.tree["posterior"].to_dataset()

    @property
    def provenance(self) -> Mapping[str, Any]:
        """Data digest, schema, versions, seed, engine and why it was chosen, seconds."""
        found: Mapping[str, Any] = get_json(self.tree.attrs, "provenance", {})
        return found

    @property
    def uses(self) -> frozenset[str]:
        """Fields the model looked at."""
        if "uses" in self.tree.attrs:
            return frozenset(str(self.tree.attrs["uses"]).split())
        used = {name for column in self.design.columns for name, _ in column.parts}
        for batch in self.design.batches:
            used |= {*batch.by, *(part.split("[")[0] for column in batch.columns for part in column.split(":"))}
        return frozenset(used - {"1"})

    @property
    def is_linear(self) -> bool:
        """Whether the tree holds the columns and batches of the design, as linear models do."""
        return "uses" not in self.tree.attrs

    @cached_property
    def audit(self) -> Mapping[str, Any]:
        """The audit of the data that were fitted, as plain values; worked out when it is first asked for."""
        found: Mapping[str, Any] = get_json(self.tree.attrs, "audit", {})
        return found if self.look is None else {**self.look().full_dict(outcome=self.design.outcome), **found}

    @property
    def accepted(self) -> tuple[str, ...]:
        """Blocking findings of the audit that were accepted by name."""
        return tuple(str(name) for name in get_json(self.tree.attrs, "audit", {}).get("accepted", ()))

    def decomposition(self) -> Decomposition:
        """How much outcome each of Paul's columns accounts for: SDs of batches, and their shares of the variance."""
        return decompose(self.design, self.posterior)

    def save(self, path: str | Path) -> Path:
        """Write netCDF (``.nc``) or zarr (``.zarr``), whole or not at all; with it the audit, worked out by then."""
        tree = self.tree.copy(deep=False)
        tree.attrs = put_json({str(k): v for k, v in tree.attrs.items()}, {"audit": dict(self.audit)})
        return write_tree(tree, path)

    @classmethod
    def load(cls, path: str | Path, *, model: OutcomeModel | None = None) -> Fit:
        """Read what :meth:`save` wrote.

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
        tree = read_tree(path)
        if tree.attrs.get("format") != FORMAT:
            raise FileError(f"{path} is not a saved fit", accepted=FORMAT, mend="write it with Fit.save")
        return cls.from_tree(tree, model=model)

    @classmethod
    def from_tree(
        cls,
        tree: xr.DataTree,
        *,
        model: OutcomeModel | None = None,
        look: Callable[[], AuditReport] | None = None,
    ) -> Fit:
        """Fit around a tree that keeps the contract."""
        validate(tree)
        return cls(
            tree=tree,
            design=design_store.from_dataset(tree["constant_data"].to_dataset()),
            spec=ModelSpec.from_json(str(tree.attrs["spec"])),
            priors=priors_from_dict(get_json(tree.attrs, "priors", {})),
            verdict=diagnose(tree),
            model=model,
            look=look,
        )

    def __repr__(self) -> str:
        design, seen = self.design, self.provenance
        batches = ", ".join(f"{b.name} ({len(design.crossing(b.by).levels)})" for b in design.batches)
        looked_at = [f"  uses     {', '.join(sorted(self.uses)) or 'nothing'}"]
        if self.is_linear:
            columns = f"  columns  {', '.join(c.name for c in design.columns)}"
            looked_at = [columns, f"  batches  {batches or 'none'}"]
        kind = design.family if self.is_linear else design.units
        outcomes = " and ".join(repr(t.outcome) for t in design.targets.values()) or repr(design.outcome)
        lines = [
            f"Fit of {outcomes} by model {self.spec.model!r} ({kind}, {seen.get('engine', '?')} engine)",
            f"  data     {design.n_rows:,} rows ({design.unit_of_analysis}),"
            f" {seen.get('title') or seen.get('name', '')}",
            *looked_at,
            f"  verdict  {'passed' if self.verdict.passed else 'FAILED: ' + ' '.join(self.verdict.sentences)}",
        ]
        return "\n".join(lines)


def observed_of(design: Design) -> xr.Dataset:
    """What was observed: ``outcome``, or ``outcome_<name>`` for each of several responses; dims (obs,)."""
    if design.targets:
        return xr.Dataset({outcome_name(n): ("obs", t.response.y) for n, t in design.targets.items()})
    return xr.Dataset() if design.response is None else xr.Dataset({outcome_name(): ("obs", design.response.y)})


def assemble(
    sampled: xr.DataTree,
    design: Design,
    spec: ModelSpec,
    priors: Priors,
    *,
    provenance: Mapping[str, Any],
    audit: Mapping[str, Any],
    model: OutcomeModel | None = None,
    look: Callable[[], AuditReport] | None = None,
) -> Fit:
    """Put an engine's tree, the design and the provenance together; a new tree, the engine's is left alone.

    Raises
    ------
    FitError
        If the tree breaks the posterior contract.
    """
    stored = design_store.to_dataset(design)
    groups = {name: node.to_dataset() for name, node in sampled.children.items()}
    groups["observed_data"] = observed_of(design)
    groups["constant_data"] = stored
    tree = xr.DataTree.from_dict(groups)
    attrs = {**{str(k): v for k, v in sampled.attrs.items()}, "format": FORMAT, "spec": spec.to_json()}
    tree.attrs = put_json(
        attrs, {"priors": priors_to_dict(priors), "provenance": dict(provenance), "audit": dict(audit)}
    )
    return Fit.from_tree(tree, model=model, look=look)
