"""What the data can and cannot say; looks, never changes."""

from outcomemodels.audit.findings import Finding, Layer, Level
from outcomemodels.audit.graph import Connectedness, connected_components
from outcomemodels.audit.report import AuditReport, audit_dataset

__all__ = ["AuditReport", "Connectedness", "Finding", "Layer", "Level", "audit_dataset", "connected_components"]
