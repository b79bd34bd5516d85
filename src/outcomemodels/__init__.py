"""What works for whom in psychotherapy, as far as the data allow.

The verbs are :func:`read`, :func:`load`, :func:`audit`, :func:`fit`, :func:`ask`, :func:`predict` and
:func:`report`; everything heavy is imported on first use.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from outcomemodels import models
    from outcomemodels.auditing import AuditReport
    from outcomemodels.data.dataset import PaulDataset
    from outcomemodels.data.embedded import load
    from outcomemodels.data.nhs_annual import read_nhs_annual
    from outcomemodels.data.nhs_dataset.read import read_nhs_dataset, read_nhs_records
    from outcomemodels.data.read import read
    from outcomemodels.design import NEW, UNKNOWN
    from outcomemodels.errors import OutcomeModelsError
    from outcomemodels.estimands import Answer, Question
    from outcomemodels.fitted import Fit
    from outcomemodels.inference.collapsed.cells import Reduced
    from outcomemodels.priors import Prior
    from outcomemodels.schema import Field, Schema
    from outcomemodels.spec import ModelSpec
    from outcomemodels.workflow import (
        ask,
        audit,
        export_packet,
        fit,
        fit_reduced,
        load_fit,
        load_reduced,
        merge,
        predict,
        prior_predictive,
        reduce,
        report,
    )

__version__ = "0.1.0.dev0"

_HOMES = {
    "read": "outcomemodels.data.read",
    "load": "outcomemodels.data.embedded",
    "read_nhs_annual": "outcomemodels.data.nhs_annual",
    "read_nhs_dataset": "outcomemodels.data.nhs_dataset.read",
    "read_nhs_records": "outcomemodels.data.nhs_dataset.read",
    "audit": "outcomemodels.workflow",
    "fit": "outcomemodels.workflow",
    "reduce": "outcomemodels.workflow",
    "fit_reduced": "outcomemodels.workflow",
    "export_packet": "outcomemodels.workflow",
    "merge": "outcomemodels.workflow",
    "load_reduced": "outcomemodels.workflow",
    "prior_predictive": "outcomemodels.workflow",
    "ask": "outcomemodels.workflow",
    "predict": "outcomemodels.workflow",
    "report": "outcomemodels.workflow",
    "load_fit": "outcomemodels.workflow",
    "Question": "outcomemodels.estimands",
    "NEW": "outcomemodels.design",
    "UNKNOWN": "outcomemodels.design",
    "Answer": "outcomemodels.estimands",
    "AuditReport": "outcomemodels.auditing",
    "Field": "outcomemodels.schema",
    "Fit": "outcomemodels.fitted",
    "ModelSpec": "outcomemodels.spec",
    "OutcomeModelsError": "outcomemodels.errors",
    "PaulDataset": "outcomemodels.data.dataset",
    "Prior": "outcomemodels.priors",
    "Reduced": "outcomemodels.inference.collapsed.cells",
    "Schema": "outcomemodels.schema",
}

__all__ = [
    "read",
    "load",
    "read_nhs_annual",
    "read_nhs_dataset",
    "read_nhs_records",
    "audit",
    "fit",
    "reduce",
    "fit_reduced",
    "export_packet",
    "merge",
    "load_reduced",
    "prior_predictive",
    "ask",
    "predict",
    "report",
    "load_fit",
    "Question",
    "NEW",
    "UNKNOWN",
    "Answer",
    "AuditReport",
    "Field",
    "Fit",
    "ModelSpec",
    "OutcomeModelsError",
    "PaulDataset",
    "Prior",
    "Reduced",
    "Schema",
    "models",
]


def __getattr__(name: str) -> object:
    """Import a public name on first use."""
    if name == "models":
        return import_module("outcomemodels.models")
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'outcomemodels' has no attribute {name!r}; it offers {', '.join(__all__)}")


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
