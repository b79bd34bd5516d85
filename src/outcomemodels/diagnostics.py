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

Where draws are independent by construction there are no chains to agree: R-hat is not read (of ten thousand parameters
some pass 1.01 by chance), and the draws themselves are counted.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

APPROXIMATE = "approximate"
"""Attribute of a tree fitted to sums that were suppressed or rounded: a JSON list that says what was done."""

INDEPENDENT = "independent_draws"
"""Attribute of a tree whose draws are independent by construction: 1; absent or 0 where a chain made them."""

FloatArray = NDArray[np.float64]

MAX_RHAT = 1.01
MIN_ESS = 400.0
MIN_EBFMI = 0.3
MAX_KHAT = 0.7
MAX_CHECKED = 60
"""Elements of one variable for which rank-normalised numbers are computed."""


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
        ``min_ess_tail_parameter``, ``divergences``, ``min_ebfmi``, ``khat``, ``kish_ess``, ``chains``, ``draws``,
        ``independent_draws``; a number that does not apply is absent.
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

    R-hat and effective sizes are computed for every parameter; of a variable with more than :data:`MAX_CHECKED`
    elements, a plain split R-hat of all elements chooses the worst for the full, rank-normalised numbers.

    Parameters
    ----------
    tree : xarray.DataTree
        With group ``posterior`` dims (chain, draw, …) and, where the sampler left them, ``sample_stats``
        (``diverging``, ``energy``). Importance-sampling engines say ``khat`` and ``kish_ess`` in the attributes,
        the worst over their stages.

    Returns
    -------
    Verdict
        A failed one when there is nothing to judge by.
    """
    numbers: dict[str, float | str] = {}
    faults: list[str] = []
    posterior = tree["posterior"].dataset
    chains, draws = int(posterior.sizes["chain"]), int(posterior.sizes["draw"])
    numbers["chains"], numbers["draws"] = float(chains), float(draws)
    if int(tree.attrs.get(INDEPENDENT, 0)):
        _judge_independent(tree, numbers, faults)
    else:
        _judge_chains(tree, numbers, faults)
    _judge_sampler(tree, numbers, faults)
    _judge_weights(tree, numbers, faults)
    marks = tuple(f"Approximate: {note}." for note in json.loads(tree.attrs.get(APPROXIMATE, "[]")))
    if faults:
        return Verdict(passed=False, sentences=(*faults, *marks), numbers=numbers)
    return Verdict(passed=True, sentences=(_grounds(numbers), *marks), numbers=numbers)


def _judge_chains(tree: xr.DataTree, numbers: dict[str, float | str], faults: list[str]) -> None:
    rows = _convergence(tree["posterior"].to_dataset())
    if not rows:
        faults.append("No parameter varies between draws, so there is nothing to judge.")
        return
    broken = [name for name, *values in rows if not np.isfinite(values).all()]
    if broken:
        faults.append(
            f"Convergence of {_some(broken)} cannot be computed: values that are not finite, or too few draws."
        )
    rows = [row for row in rows if np.isfinite(row[1:]).all()]
    if not rows:
        return
    for key, column, pick in (("max_rhat", 1, max), ("min_ess_bulk", 2, min), ("min_ess_tail", 3, min)):
        worst = pick(rows, key=lambda row: row[column])
        numbers[key], numbers[f"{key}_parameter"] = float(worst[column]), worst[0]
    bad = [name for name, rhat, *_ in rows if rhat > MAX_RHAT]
    if bad:
        faults.append(
            f"The chains disagree about {_some(bad)}: R-hat is {numbers['max_rhat']:.3f} for "
            f"{numbers['max_rhat_parameter']}, and should be at most {MAX_RHAT}. Sample longer, or simplify the model."
        )
    for key, what in (("min_ess_bulk", "means"), ("min_ess_tail", "interval ends")):
        if float(numbers[key]) < MIN_ESS:
            faults.append(
                f"Too few effective draws for {what}: {numbers[key]:.0f} for {numbers[f'{key}_parameter']}, and at "
                f"least {MIN_ESS:.0f} are needed. Sample longer."
            )


def _judge_independent(tree: xr.DataTree, numbers: dict[str, float | str], faults: list[str]) -> None:
    posterior = tree["posterior"].to_dataset()
    ordered = {str(v.name): v.transpose("chain", "draw", ...) for v in posterior.data_vars.values()}
    broken, varies = [], False
    for variable in ordered.values():
        values = np.asarray(variable.values, dtype=float)
        bad = np.flatnonzero(~np.isfinite(values).all(axis=(0, 1)).reshape(-1))
        broken += _element_names(variable, bad[:3])
        varies = varies or bool((values != values[:1, :1]).any())
    if broken:
        faults.append(f"Values of {_some(broken)} are not finite.")
    if not varies:
        faults.append("No parameter varies between draws, so there is nothing to judge.")
    count = float(numbers["chains"]) * float(numbers["draws"])
    numbers["independent_draws"] = count
    if count < MIN_ESS:
        faults.append(f"Too few draws: {count:.0f}, and at least {MIN_ESS:.0f} are needed. Ask for more draws.")


def _judge_sampler(tree: xr.DataTree, numbers: dict[str, float | str], faults: list[str]) -> None:
    if "sample_stats" not in tree.children:
        return
    stats = tree["sample_stats"].dataset
    if "diverging" in stats:
        count = int(stats["diverging"].sum())
        numbers["divergences"] = float(count)
        if count:
            share = count / stats["diverging"].size
            faults.append(
                f"The sampler lost its way in {count} draws ({share:.1%}): parts of the posterior may be missing. "
                "Raise target_accept, or simplify the model."
            )
    if "energy" in stats and stats.sizes.get("draw", 0) > 2:
        energy = np.asarray(stats["energy"].transpose("chain", "draw").values, dtype=float)
        spread = energy.var(axis=1)
        steps = (np.diff(energy, axis=1) ** 2).mean(axis=1)
        least = float(np.min(np.divide(steps, spread, out=np.full_like(steps, np.inf), where=spread > 0)))
        if np.isfinite(least):
            numbers["min_ebfmi"] = least
            if least < MIN_EBFMI:
                faults.append(
                    f"The sampler moves too little between energy levels: E-BFMI is {least:.2f}, and should be at "
                    f"least {MIN_EBFMI}. Heavy tails or weak priors of standard deviations are the usual cause."
                )


def _judge_weights(tree: xr.DataTree, numbers: dict[str, float | str], faults: list[str]) -> None:
    if "khat" in tree.attrs:
        khat = float(tree.attrs["khat"])
        numbers["khat"] = khat
        if not khat <= MAX_KHAT:
            faults.append(f"Importance weights are unreliable: k-hat is {khat:.2f}, and should be at most {MAX_KHAT}.")
    stages = json.loads(tree.attrs.get("diagnostics", "{}")).get("stages", [])
    if stages:
        numbers["stages"] = "; ".join(_stage(stage) for stage in stages)
    if "kish_ess" in tree.attrs:
        kish = float(tree.attrs["kish_ess"])
        numbers["kish_ess"] = kish
        if not kish >= MIN_ESS:
            faults.append(
                f"Too few effective draws after weighting: {kish:.0f}, and at least {MIN_ESS:.0f} are needed."
            )


def _convergence(posterior: xr.Dataset) -> list[tuple[str, float, float, float]]:
    """Name, R-hat, bulk and tail ESS of the elements looked at; constant elements are left out."""
    from arviz import ess, rhat

    out: list[tuple[str, float, float, float]] = []
    for variable in posterior.data_vars.values():
        ordered = variable.transpose("chain", "draw", ...)
        values = np.asarray(ordered.values, dtype=float).reshape(*ordered.shape[:2], -1)
        kept = _worst(values)
        if not len(kept):
            continue
        flat = xr.Dataset({"x": (("chain", "draw", "element"), values[:, :, kept])})
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            found = [rhat(flat)["x"].values, ess(flat, method="bulk")["x"].values, ess(flat, method="tail")["x"].values]
        if values.shape[0] == 1:  # one chain: its halves are compared
            found[0] = np.sqrt(_split_rhat_squared(values[:, :, kept]))
        names = _element_names(ordered, kept)
        out += [(n, float(r), float(b), float(t)) for n, r, b, t in zip(names, *found, strict=True)]
    return out


def _worst(values: FloatArray) -> NDArray[np.intp]:
    """Elements to look at: all that vary, or the :data:`MAX_CHECKED` with the largest plain split R-hat."""
    varies = np.flatnonzero(~(values == values[:1, :1]).all(axis=(0, 1)))
    if len(varies) <= MAX_CHECKED:
        return varies
    badness = _split_rhat_squared(values[:, :, varies])
    order = np.argsort(-np.nan_to_num(badness, nan=np.inf), kind="stable")
    return np.sort(varies[order[:MAX_CHECKED]])


def _split_rhat_squared(values: FloatArray) -> FloatArray:
    """Squared split R-hat without ranks, dims (element,); values dims (chain, draw, element)."""
    half = values.shape[1] // 2
    if half < 2:
        return np.full(values.shape[2], np.nan)
    halves = np.concatenate([values[:, :half], values[:, half : 2 * half]], axis=0)
    within = halves.var(axis=1, ddof=1).mean(axis=0)
    between = halves.mean(axis=1).var(axis=0, ddof=1)
    with np.errstate(all="ignore"):
        return np.asarray((half - 1) / half + between / within)


def _element_names(variable: xr.DataArray, elements: NDArray[np.intp]) -> list[str]:
    """``sd_therapist``, ``beta[age]``: the variable and the labels of an element."""
    dims, shape = variable.dims[2:], variable.shape[2:]
    if not dims:
        return [str(variable.name)] * len(elements)
    labels = [[str(v) for v in variable[d].values] if d in variable.coords else None for d in dims]
    out = []
    for element in elements:
        index = np.unravel_index(int(element), shape)
        parts = [str(i) if each is None else each[i] for each, i in zip(labels, index, strict=True)]
        out.append(f"{variable.name}[{', '.join(parts)}]")
    return out


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(names[:3])
    return shown if len(names) <= 3 else f"{shown} and {len(names) - 3} more"


def _grounds(numbers: Mapping[str, float | str]) -> str:
    if "independent_draws" in numbers:
        parts = [f"{numbers['independent_draws']:,.0f} draws, independent by construction"]
        if "kish_ess" in numbers:
            parts.append(f"{numbers['kish_ess']:,.0f} effective draws of the variance parameters after weighting")
        return _with_weights(parts, numbers)
    chains = f"{numbers['chains']:.0f} chains of {numbers['draws']:.0f} draws"
    least = min(float(numbers["min_ess_bulk"]), float(numbers["min_ess_tail"]))
    parts = [
        f"{chains} agree (R-hat at most {numbers['max_rhat']:.3f})",
        f"every parameter has at least {least:,.0f} effective draws",
    ]
    if "divergences" in numbers:
        parts.append("no divergences")
    return _with_weights(parts, numbers)


def _with_weights(parts: list[str], numbers: Mapping[str, float | str]) -> str:
    if "khat" in numbers and float(numbers["khat"]) > -1:
        parts.append(f"importance weights are well behaved (k-hat {numbers['khat']:.2f})")
    return "; ".join(parts) + "."


def _stage(stage: Mapping[str, Any]) -> str:
    """One stage of importance sampling in words."""
    khat = stage.get("khat")
    words = f"{stage['name']}: {stage['points']:,} points, " + ("" if khat is None else f"k-hat {khat:.2f}, ")
    kish = stage.get("kish")
    words += "" if kish is None else f"effective size {kish:,.0f}"
    own = stage.get("own_khat")
    return words + ("" if own is None else f" (by itself k-hat {own:.2f})")
