"""Public checks for model plugins, and the small worlds with known truth they look at."""

from outcomemodels.testing.catalogue import CHECKS, Check
from outcomemodels.testing.results import CheckResult, all_ok, format_results
from outcomemodels.testing.run import check_model, parametrize_checks
from outcomemodels.testing.subject import Budget
from outcomemodels.testing.worlds import NoWorldError, World, cells_of, rows_world, worlds_for

__all__ = [
    "CHECKS",
    "Budget",
    "Check",
    "CheckResult",
    "NoWorldError",
    "World",
    "all_ok",
    "cells_of",
    "check_model",
    "format_results",
    "parametrize_checks",
    "rows_world",
    "worlds_for",
]
