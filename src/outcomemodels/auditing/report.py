"""AuditReport: the columns, the findings and the waterfall of one dataset, as a value that shows itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from outcomemodels.auditing.asked import Asked
from outcomemodels.auditing.burden import FieldCost, costs_of
from outcomemodels.auditing.checks import blocking_of, findings_of
from outcomemodels.auditing.columns import layers_of
from outcomemodels.auditing.components import Components
from outcomemodels.auditing.crossings import Crossings, crossings_of
from outcomemodels.auditing.findings import Finding, Layer
from outcomemodels.auditing.gates import Ground, ground_of
from outcomemodels.auditing.lattice import LatticeNode, lattice_of
from outcomemodels.auditing.verdict import QuestionVerdict, verdict_on
from outcomemodels.auditing.waterfall import Step, waterfall_of
from outcomemodels.data.dataset import PaulDataset
from outcomemodels.outcomes.suppression import Disclosure

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False, repr=False)
class AuditReport:
    """What one dataset can and cannot say, column by column of Paul's framework.

    Parameters
    ----------
    layers : tuple of Layer
        Numbers by column and layer.
    findings : tuple of Finding
    crossings : Crossings or None
        Courses by treatment and problem.
    waterfall : tuple of Step
        Rows left after each requirement.
    """

    name: str
    title: str
    grain: str
    n: int
    layers: tuple[Layer, ...]
    findings: tuple[Finding, ...]
    crossings: Crossings | None
    waterfall: tuple[Step, ...]
    data: PaulDataset = field(compare=False)
    _grounds: dict[str, Ground] = field(default_factory=dict, compare=False)

    def blocking(
        self, *, outcome: str, covariates: Sequence[str] = (), batches: Sequence[Sequence[str]] = ()
    ) -> tuple[Finding, ...]:
        """Findings that stop a fit of ``outcome`` until they are accepted by name."""
        return blocking_of(self.data, outcome=outcome, covariates=covariates, batches=batches)

    def verdict(self, question: Asked, *, outcome: str = "", components: Components | None = None) -> QuestionVerdict:
        """Say whether a question can be answered from these data, which gate fails first, and by how much.

        Parameters
        ----------
        question : Question
        outcome : str
            One of ``data.outcomes``; the first of them when left out.
        components : Components, optional
            Variance components behind the expected precision; estimated or assumed when left out.

        Raises
        ------
        QuestionError
            When the outcome is not in the data.
        """
        return verdict_on(self.ground(outcome, components), question)

    def ground(self, outcome: str = "", components: Components | None = None) -> Ground:
        """What every verdict on one outcome stands on; kept for the next question where nothing was given."""
        if components is not None:
            return ground_of(self.data, outcome, components)
        if outcome not in self._grounds:
            self._grounds[outcome] = ground_of(self.data, outcome)
        return self._grounds[outcome]

    def lattice(self, question: Asked | None = None, *, outcome: str = "") -> tuple[LatticeNode, ...]:
        """Every question from "does treatment matter at all" to the finest, each with its verdict.

        Parameters
        ----------
        question : Question, optional
            Fixes the treatments and whatever else it names; the rest is the best-supplied case.
        outcome : str
            One of ``data.outcomes``; the first of them when left out.
        """
        return lattice_of(self.ground(outcome), question)

    def costs(self, *, outcome: str = "") -> tuple[FieldCost, ...]:
        """What each recorded field serves and how much narrower it makes the interval."""
        return costs_of(self.ground(outcome))

    def costs_table(self, *, outcome: str = "") -> pd.DataFrame:
        """One row per field: field, facet, recorded, serves, width_without, why, serves_none."""
        import pandas as pd

        return pd.DataFrame([cost.to_dict() for cost in self.costs(outcome=outcome)])

    def lattice_table(self, question: Asked | None = None, *, outcome: str = "") -> pd.DataFrame:
        """One row per node of the lattice: label, answerable, gate, why."""
        import pandas as pd

        nodes = [node.to_dict() for node in self.lattice(question, outcome=outcome)]
        return pd.DataFrame(nodes)[["label", "answerable", "gate", "why"]]

    def table(self, *, disclosure: Disclosure | None = None) -> pd.DataFrame:
        """One row per number: column, layer, measure, value, numerator, denominator, sentence.

        With a ``disclosure`` small counts are hidden, and the frame's ``attrs["suppression"]`` says so.
        """
        import pandas as pd

        plain = self.to_dict() if disclosure is None else self.suppressed(disclosure)
        frame = pd.DataFrame(plain["layers"])
        if disclosure is not None:
            frame.attrs["suppression"] = disclosure.note
        return frame

    def to_dict(self) -> dict[str, Any]:
        """Plain dict for JSON; small enough to be kept with a fit."""
        return {
            "name": self.name,
            "title": self.title,
            "grain": self.grain,
            "n": self.n,
            "layers": [layer.to_dict() for layer in self.layers],
            "findings": [finding.to_dict() for finding in self.findings],
            "crossings": None if self.crossings is None else self.crossings.to_dict(),
            "waterfall": [step.to_dict() for step in self.waterfall],
        }

    def full_dict(self, *, outcome: str = "") -> dict[str, Any]:
        """:meth:`to_dict` with the lattice and what each field costs, for one outcome."""
        lattice = [node.to_dict() for node in self.lattice(outcome=outcome)]
        return {**self.to_dict(), "lattice": lattice, "costs": [c.to_dict() for c in self.costs(outcome=outcome)]}

    def suppressed(self, disclosure: Disclosure | None = None) -> dict[str, Any]:
        """As :meth:`to_dict`, with small counts hidden, the others rounded, and a note that says so.

        Whole numbers in sentences are treated as counts, so some that are none are rounded too.
        """
        rule = disclosure or Disclosure()
        return {**rule.plain(self.full_dict()), "suppression": rule.note}

    def show(self, *, disclosure: Disclosure | None = None) -> None:
        """Print the audit to the terminal; with a ``disclosure``, small counts are hidden."""
        from outcomemodels.auditing.show import print_report

        print_report(self.full_dict() if disclosure is None else self.suppressed(disclosure))

    def __repr__(self) -> str:
        from outcomemodels.auditing.show import text_of

        return text_of(self.full_dict())

    def _repr_html_(self) -> str:
        from outcomemodels.auditing.show import html_of

        return html_of(self.full_dict())


def audit_dataset(data: PaulDataset) -> AuditReport:
    """Audit a dataset; looks, never changes."""
    return AuditReport(
        name=data.schema.name,
        title=data.schema.title,
        grain=data.grain.value,
        n=data.n,
        layers=layers_of(data),
        findings=findings_of(data),
        crossings=crossings_of(data),
        waterfall=waterfall_of(data),
        data=data,
    )
