"""What the data can and cannot say; looks, never changes."""

from outcomemodels.auditing.asked import Asked
from outcomemodels.auditing.components import Components
from outcomemodels.auditing.findings import Finding, Layer, Level
from outcomemodels.auditing.gates import Answerable, Gate
from outcomemodels.auditing.graph import Connectedness, connected_components
from outcomemodels.auditing.report import AuditReport, audit_dataset
from outcomemodels.auditing.verdict import QuestionVerdict

__all__ = [
    "Answerable",
    "Asked",
    "AuditReport",
    "Components",
    "Connectedness",
    "Finding",
    "Gate",
    "Layer",
    "Level",
    "QuestionVerdict",
    "audit_dataset",
    "connected_components",
]
