"""outcomemodels-robust-therapists: a model for outcomemodels."""

from outcomemodels_robust_therapists.model import RobustTherapists

__all__ = ["RobustTherapists"]
