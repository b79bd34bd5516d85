"""The verbs: about ten lines of wiring each."""

from outcomemodels.workflow.asking import ask, load_fit, predict, report
from outcomemodels.workflow.fitting import audit, consult, fit, fit_spec, prior_predictive
from outcomemodels.workflow.reducing import export_packet, fit_reduced, load_reduced, merge, reduce

__all__ = [
    "ask",
    "audit",
    "consult",
    "export_packet",
    "fit",
    "fit_reduced",
    "fit_spec",
    "load_fit",
    "load_reduced",
    "merge",
    "predict",
    "prior_predictive",
    "reduce",
    "report",
]
