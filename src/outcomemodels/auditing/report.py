"""AuditReport: the columns, the findings and the waterfall of one dataset, as a value that shows itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from outcomemodels.auditing.checks import blocking_of, findings_of
from outcomemodels.auditing.columns import layers_of
from outcomemodels.auditing.crossings import Crossings, crossings_of
from outcomemodels.auditing.findings import Finding, Layer
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

    def blocking(
        self, *, outcome: str, covariates: Sequence[str] = (), batches: Sequence[Sequence[str]] = ()
    ) -> tuple[Finding, ...]:
        """Findings that stop a fit of ``outcome`` until they are accepted by name."""
        return blocking_of(self.data, outcome=outcome, covariates=covariates, batches=batches)

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

    def suppressed(self, disclosure: Disclosure | None = None) -> dict[str, Any]:
        """As :meth:`to_dict`, with small counts hidden, the others rounded, and a note that says so.

        Whole numbers in sentences are treated as counts, so some that are none are rounded too.
        """
        rule = disclosure or Disclosure()
        return {**rule.plain(self.to_dict()), "suppression": rule.note}

    def show(self, *, disclosure: Disclosure | None = None) -> None:
        """Print the audit to the terminal; with a ``disclosure``, small counts are hidden."""
        from outcomemodels.auditing.show import print_report

        print_report(self.to_dict() if disclosure is None else self.suppressed(disclosure))

    def __repr__(self) -> str:
        from outcomemodels.auditing.show import text_of

        return text_of(self.to_dict())

    def _repr_html_(self) -> str:
        from outcomemodels.auditing.show import html_of

        return html_of(self.to_dict())


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
