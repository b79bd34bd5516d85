"""What the data can and cannot say; looks, never changes."""

from outcomemodels.auditing.findings import Finding, Layer, Level
from outcomemodels.auditing.graph import Connectedness, connected_components
from outcomemodels.auditing.report import AuditReport, audit_dataset

__all__ = ["AuditReport", "Connectedness", "Finding", "Layer", "Level", "audit_dataset", "connected_components"]
