"""Whether sampling can be trusted, in words. Reads a posterior tree; knows no model and no engine by name.

Floor 3. Thresholds (Vehtari et al. 2021, doi 10.1214/20-BA1221; Vehtari et al. 2024, Pareto smoothed importance
sampling; Betancourt 2016, arXiv:1604.00695):

=====================  ===========  ==================================================================
number                 passes       meaning
=====================  ===========  ==================================================================
max R-hat              <= 1.01      chains agree about every parameter
min bulk ESS           >= 400       enough independent draws for means (100 a chain)
min tail ESS           >= 400       enough independent draws for intervals
divergences            0            the sampler followed the posterior everywhere
E-BFMI                 >= 0.3       the sampler moves freely between energy levels
k-hat                  <= 0.7       importance weights of an exact engine are well behaved
Kish ESS               >= 400       enough effective draws after weighting
=====================  ===========  ==================================================================
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import xarray as xr

MAX_RHAT = 1.01
MIN_ESS = 400.0
MIN_EBFMI = 0.3
MAX_KHAT = 0.7


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Whether the posterior draws can be used.

    Parameters
    ----------
    passed : bool
    sentences : tuple of str
        For people: what failed first; when all passed, one sentence saying on what grounds.
    numbers : mapping of name to number or parameter name
        ``max_rhat``, ``max_rhat_parameter``, ``min_ess_bulk``, ``min_ess_bulk_parameter``, ``min_ess_tail``,
        ``min_ess_tail_parameter``, ``divergences``, ``min_ebfmi``, ``khat``, ``kish_ess``, ``chains``, ``draws``;
        a number that does not apply is absent.
    """

    passed: bool
    sentences: tuple[str, ...]
    numbers: Mapping[str, float | str] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Plain dict for JSON."""
        return {"passed": self.passed, "sentences": list(self.sentences), "numbers": dict(self.numbers)}

    def __str__(self) -> str:
        head = "Sampling passed its checks." if self.passed else "SAMPLING FAILED ITS CHECKS: do not use these results."
        return "\n".join([head, *(f"- {s}" for s in self.sentences)])


def diagnose(tree: xr.DataTree) -> Verdict:
    """Judge a posterior tree.

    Parameters
    ----------
    tree : xarray.DataTree
        With group ``posterior`` dims (chain, draw, …) and, where the sampler left them, ``sample_stats``.
    """
    raise NotImplementedError
