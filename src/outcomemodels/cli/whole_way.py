"""The whole way through a simulated folder: read, audit, fit, ask, report, and the answers beside the truth."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from outcomemodels.cli.options import DataOptions
from outcomemodels.cli.sources import open_data, step

if TYPE_CHECKING:
    from outcomemodels.estimands.against_truth import TruthComparison
    from outcomemodels.fitted import Fit

OUTCOME = "phq9_end"
WHERE = ("finished=yes",)
COVARIATES = ("phq9_start", "gad7_start", "age", "long_term_condition", "previous_episode")
BATCHES = ("treatment", "problem", "treatment:problem", "therapist", "provider")


def whole_way(
    folder: Path,
    *,
    outcome: str = OUTCOME,
    where: Sequence[str] = WHERE,
    problems: Sequence[str] = (),
    seed: int = 1,
    quiet: bool = False,
) -> tuple[Fit, TruthComparison]:
    """Go the whole way; writes ``report.html``, ``fit.nc`` and ``comparison.json`` into the folder.

    Parameters
    ----------
    folder : Path
        Written by ``simulate_nhs``.
    outcome : str
        Field of the reader's dataset.
    where : sequence of str
        Rows to keep, as ``FIELD=LABEL``.
    problems : sequence of str
        Problems to ask about; without one, the commonest the world has a truth for.
    seed : int
    quiet : bool
    """
    from outcomemodels.data.nhs_simulation.truth import load_truth

    truth = load_truth(folder)
    with step(f"read {folder}", quiet=quiet) as tell:
        data = open_data(str(folder), DataOptions(where=tuple(where)), tell=tell)
    with step("loaded the machinery", quiet=quiet):
        from outcomemodels.estimands import Question
        from outcomemodels.estimands.against_truth import compare_with_truth
        from outcomemodels.reporting import default_questions
        from outcomemodels.workflow import ask, fit, report
    with step(f"audited and fitted {data.n:,} courses", quiet=quiet):
        covariates = [name for name in COVARIATES if name in data.schema]
        fitted = fit(data, outcome=outcome, covariates=covariates, batches=list(BATCHES), seed=seed)
        fitted.save(folder / "fit.nc")
    common = [q for q in default_questions(fitted.design) if q.problem in truth.problems][:4]
    asked = [Question(problem=p) for p in problems] or common
    with step(f"asked {len(asked)} questions and wrote {folder / 'report.html'}", quiet=quiet):
        report(fitted, folder / "report.html", questions=asked)
    found = compare_with_truth([ask(fitted, q) for q in asked], truth)
    (folder / "comparison.json").write_text(json.dumps(found.to_dict(), ensure_ascii=False, indent=1), encoding="utf-8")
    return fitted, found
