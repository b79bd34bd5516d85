"""The flagship model: Paul's columns as batches of exchangeable effects."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from outcomemodels.models.linear_graph import linear_graph
from outcomemodels.plugin import Batch, Block, Design, LinearStructure, ModelInfo, Needs, Prior, Priors

if TYPE_CHECKING:
    import pymc as pm

INFO = ModelInfo(
    name="paul",
    summary="batches of exchangeable effects for treatment, problem, therapist, setting and their crossings",
    needs=Needs(outcome=("continuous", "binary", "count")),
    unseen={"client": "draw", "therapist": "draw", "setting": "draw", "treatment": "refuse"},
    linear=True,
)


@dataclass(frozen=True)
class Paul:
    """What treatment, by whom, for which problem, in which setting: one batch of effects for each.

    outcome[obs]   ~ Normal(expected[obs], noise)   or   Binomial(n[obs], expected[obs])
    link(expected) = X[obs] . beta + sum over batches of effect_<batch>[level of obs] * column[obs]
    effect_<batch> ~ Normal(0, sd_<batch>);  sd_<batch> ~ HalfNormal(spread / 2);  beta ~ Normal

    The link is the identity for Gaussian and the logit for binomial outcomes. ``beta`` dims (coefficient,), in outcome
    units per unit of the column, columns centred at their mean; effects and ``sd_<batch>`` in outcome units (logits
    for binomial). A cell with n, mean and SD counts as n rows.

    References
    ----------
    Gelman (2005), Analysis of variance: why it is more important than ever, doi 10.1214/009053604000001048.
    """

    info = INFO

    def default_priors(self, design: Design) -> Priors:
        """Scale-aware priors by parameter name.

        ``spread`` is the SD of the outcome (1 logit for binomial outcomes). Intercept Normal(centre, 2.5 spread);
        other columns Normal(0, 2.5 spread / spread of the column); SDs of batches HalfNormal(spread / 2), of slopes
        HalfNormal(spread / 4 / spread of the column); noise HalfNormal(spread); correlations LKJ(2).
        """
        spread = design.scale.spread
        priors: dict[str, Prior] = {}
        for column in design.columns:
            if not column.parts:
                priors[column.name] = Prior.normal(design.scale.centre, 2.5 * spread)
            else:
                priors[column.name] = Prior.normal(0.0, 2.5 * spread / column.spread)
        for batch in design.batches:
            for name, scale in zip(_sd_names(batch), _sd_scales(batch, design), strict=True):
                priors[name] = Prior.half_normal(scale)
            if batch.correlated:
                priors[f"corr_{batch.id}"] = Prior.lkj(2.0)
        if design.family == "gaussian":
            priors["noise"] = Prior.half_normal(spread)
        return priors

    def linear(self, design: Design, priors: Priors) -> LinearStructure:
        """The linear form: fixed columns, one block a batch, and the residual SD."""
        noise_levels: tuple[str, ...] = ("all",)
        noise_codes = np.zeros(design.n_obs, dtype=np.int32)
        if design.noise_by:
            factor = design.factor(design.noise_by)
            noise_levels, noise_codes = factor.levels, factor.codes
        noise = (priors["noise"],) * len(noise_levels) if design.family == "gaussian" else ()
        return LinearStructure(
            family=design.family,
            columns=tuple(c.name for c in design.columns),
            X=design.matrix(),
            column_priors=tuple(priors[c.name] for c in design.columns),
            blocks=tuple(_block(batch, design, priors) for batch in design.batches),
            response=design.response,
            noise=noise,
            noise_by=design.noise_by,
            noise_levels=noise_levels,
            noise_codes=noise_codes,
        )

    def build(self, design: Design, priors: Priors) -> pm.Model:
        """Build the graph of the linear form."""
        return linear_graph(self.linear(design, priors), design)


def _sd_names(batch: Batch) -> tuple[str, ...]:
    if len(batch.columns) == 1:
        return (f"sd_{batch.id}",)
    return tuple(f"sd_{batch.id}[{c}]" for c in batch.columns)


def _sd_scales(batch: Batch, design: Design) -> list[float]:
    spread = design.scale.spread
    scales = []
    for name in batch.columns:
        if name == "1":
            scales.append(spread / 2)
        else:
            scales.append(spread / 4 / design.spread_of(name))
    return scales


def _block(batch: Batch, design: Design, priors: Priors) -> Block:
    crossing = design.crossing(batch.by)
    return Block(
        id=batch.id,
        by=batch.by,
        levels=crossing.labels,
        codes=crossing.codes,
        columns=batch.columns,
        values=np.stack([design.column_values(c) for c in batch.columns], axis=1),
        sds=tuple(priors[name] for name in _sd_names(batch)),
        correlation=priors[f"corr_{batch.id}"] if batch.correlated else None,
    )
