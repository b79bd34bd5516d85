"""Benchmarks that anyone can run and extend: cases with reference posteriors, entrants, a gate, and a truth bench."""

from outcomemodels.benchmarking.cases import Case, available_cases, load_case
from outcomemodels.benchmarking.entrants import Entrant, available_entrants, load_entrant
from outcomemodels.benchmarking.gate import Agreement, Gate, judge
from outcomemodels.benchmarking.problem import Problem, quantities
from outcomemodels.benchmarking.reference import Reference, load_reference

__all__ = [
    "Agreement",
    "Case",
    "Entrant",
    "Gate",
    "Problem",
    "Reference",
    "available_cases",
    "available_entrants",
    "judge",
    "load_case",
    "load_entrant",
    "load_reference",
    "quantities",
]
