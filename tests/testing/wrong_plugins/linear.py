"""Linear forms that are not the graph."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from outcomemodels.models.paul import INFO as PAUL
from outcomemodels.models.paul import Paul
from outcomemodels.plugin import Design, LinearStructure, Prior, Priors, Response


class LinearWithoutATerm(Paul):
    """The linear form lacks the last batch."""

    info = replace(PAUL, name="linear-without-a-term")

    def linear(self, design: Design, priors: Priors) -> LinearStructure:
        whole = super().linear(design, priors)
        return replace(whole, blocks=whole.blocks[:-1])

    def build(self, design: Design, priors: Priors) -> Any:
        return Paul().build(design, priors)


class LinearWithAnotherPrior(LinearWithoutATerm):
    """The linear form takes another prior for an SD."""

    info = replace(PAUL, name="linear-with-another-prior")

    def linear(self, design: Design, priors: Priors) -> LinearStructure:
        whole = Paul().linear(design, priors)
        first = whole.blocks[0]
        return replace(whole, blocks=(replace(first, sds=(Prior.half_normal(1.0),)), *whole.blocks[1:]))


class LinearWithOtherNoise(LinearWithoutATerm):
    """The linear form takes the outcomes to be known half as well."""

    info = replace(PAUL, name="linear-with-other-noise")

    def linear(self, design: Design, priors: Priors) -> LinearStructure:
        whole = Paul().linear(design, priors)
        return replace(whole, weight=np.full(design.n_obs, 0.5) if whole.family == "gaussian" else None)


class LinearPredictsOtherwise(LinearWithoutATerm):
    """Asked about rows, the linear form centres them by themselves."""

    info = replace(PAUL, name="linear-predicts-otherwise")

    def linear(self, design: Design, priors: Priors) -> LinearStructure:
        whole = Paul().linear(design, priors)
        if not design.is_counterfactual:
            return whole
        return replace(whole, X=whole.X - whole.X[:, :].mean(axis=0) * (np.array(whole.columns) != "intercept") + 1e-3)


class LinearForgetsTreatment(LinearWithoutATerm):
    """Asked about other treatments, the linear form forgets their effects on slopes."""

    info = replace(PAUL, name="linear-forgets-treatment")

    def linear(self, design: Design, priors: Priors) -> LinearStructure:
        whole = Paul().linear(design, priors)
        if not design.is_counterfactual:
            return whole
        return replace(
            whole, blocks=tuple(replace(b, values=b.values * (b.by != ("treatment",))) for b in whole.blocks)
        )


class LinearSkipsRows(LinearWithoutATerm):
    """From two hundred rows on, the linear form takes the first half of them for all."""

    info = replace(PAUL, name="linear-skips-rows")

    def linear(self, design: Design, priors: Priors) -> LinearStructure:
        whole = Paul().linear(design, priors)
        if design.is_counterfactual or design.n_obs < 200 or whole.family != "gaussian":
            return whole
        return replace(whole, weight=np.where(np.arange(design.n_obs) < design.n_obs // 2, 1.0, 1e-6))


class LinearCountsTwice(LinearWithoutATerm):
    """Every outcome stands for two in the linear form: the exact engine is too sure of everything."""

    info = replace(PAUL, name="linear-counts-twice")

    def linear(self, design: Design, priors: Priors) -> LinearStructure:
        whole, rows = Paul().linear(design, priors), design.response
        if rows is None or rows.kind != "rows":
            return whole
        return replace(whole, response=Response("cells", rows.y, 2.0 * rows.n, np.zeros(len(rows.y))))


class CaseloadByCode(Paul):
    """Therapists differ the more the larger their caseload, looked up by code: who is not known gets another's."""

    info = replace(PAUL, name="caseload-by-code")

    def linear(self, design: Design, priors: Priors) -> LinearStructure:
        whole = Paul().linear(design, priors)
        if "therapist" not in design.factors:
            return whole
        share = design.source.crossing(("therapist",)).count / design.source.n_obs
        size = np.sqrt(share * len(share))[design.factor("therapist").codes]
        return replace(
            whole,
            blocks=tuple(
                replace(b, values=b.values * size[:, None]) if b.by == ("therapist",) else b for b in whole.blocks
            ),
        )


class WeightsByCode(Paul):
    """Treatments enter by fixed weights of the start score, looked up by code: one never seen gets the last one's."""

    info = replace(PAUL, name="weights-by-code")

    def linear(self, design: Design, priors: Priors) -> LinearStructure:
        whole = Paul().linear(design, priors)
        weights = 1.0 + np.arange(len(design.factor("treatment").levels))
        by_start = np.array([name == "start" for name in whole.columns])
        x = np.where(by_start, whole.X * weights[design.factor("treatment").codes][:, None], whole.X)
        return replace(whole, X=x, blocks=tuple(b for b in whole.blocks if "treatment" not in b.by))
