"""The exact engine against every reference posterior kept: |z| <= 3 and SD ratios within 0.95 to 1.05."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from outcomemodels.benchmarking.cases import BUILT_IN, load_case
from outcomemodels.benchmarking.gate import Moments, judge
from outcomemodels.benchmarking.problem import quantities
from outcomemodels.benchmarking.reference import (
    MAX_RHAT,
    MAX_SD_ERROR,
    WANTED_ESS,
    Reference,
    load_reference,
    summarise,
)
from outcomemodels.errors import FileError
from outcomemodels.inference.collapsed.sample import sample_collapsed
from outcomemodels.plugin import LinearStructure
from outcomemodels.posterior import corr_name, effect_name, sd_name

KEPT = [c for c in BUILT_IN if load_reference(c.name) is not None]
SMALL = {"sleepstudy", "crossed-1e3", "enrichd", "strong-correlation", "near-disconnected", "singletons"}


ENOUGH, MOST_RUNS = 8_000.0, 8
"""Effective size wanted of the engine's variance parameters, and most runs, each with a seed of its own."""


def moments(structure: LinearStructure, seed: int) -> dict[str, Moments]:
    """Moments of everything compared, from runs of the exact engine pooled.

    Draws are resampled from weighted points, so their number overstates what they tell: Monte Carlo errors are those of
    as many draws as Kish's effective size, which is right for variance parameters and too wide for effects.
    """
    runs: list[dict[str, np.ndarray]] = []
    size = 0.0
    while size < ENOUGH and len(runs) < MOST_RUNS:
        drawn, kish = series(structure, 1_000 * len(runs) + seed)
        runs.append(drawn)
        size += kish
    out = {}
    for name in runs[0]:
        values = np.concatenate([run[name] for run in runs])
        s, wider = summarise(values), max(1.0, values.size / size) ** 0.5
        out[name] = Moments(s.mean, s.sd, s.mcse_mean * wider, s.mcse_sd * wider)
    return out


def series(structure: LinearStructure, seed: int) -> tuple[dict[str, np.ndarray], float]:
    """Draws of everything compared, dims (chain, draw), and Kish's effective size, of one run."""
    count = sum(len(block.levels) for block in structure.blocks)
    tree = sample_collapsed(structure, draws=12_000 if count < 3_000 else 4_000, seed=seed)
    posterior, out = tree["posterior"].to_dataset(), {}

    def put(name: str, values: np.ndarray) -> None:
        out[name] = np.array(values)

    for column in structure.columns:
        put(f"beta[{column}]", posterior["beta"].sel(coefficient=column).values)
    for block in structure.blocks:
        several = len(block.columns) > 1
        for a, column in enumerate(block.columns):
            sds, effects = posterior[sd_name(block.id)].values, posterior[effect_name(block.id)].values
            tail = f",{column}" if several else ""
            put(f"sd[{block.id}{tail}]", sds[..., a] if several else sds)
            for name in quantities(structure)["effects"]:
                if name.startswith(f"effect[{block.id},"):
                    parts = name[7:-1].split(",")
                    if not several or parts[2] == column:
                        put(name, effects[:, :, int(parts[1]), a] if several else effects[:, :, int(parts[1])])
        if several and block.correlation is not None:
            corr = posterior[corr_name(block.id)].values
            put(f"corr[{block.id},{block.columns[0]},{block.columns[1]}]", corr[:, :, 1, 0])
    put("noise", posterior["noise"].values)
    return out, float(tree.attrs["kish_ess"])


@pytest.mark.parametrize("name", [c.name for c in KEPT])
def test_references_passed_their_own_checks(name: str) -> None:
    reference = load_reference(name)
    assert reference is not None
    assert reference.passed, reference.checks
    needed = [n for n in reference.summaries if not n.startswith("effect[")]
    assert min(reference.summaries[n].ess_bulk for n in needed) >= WANTED_ESS
    assert max(reference.summaries[n].rhat for n in needed) <= MAX_RHAT
    assert max(reference.summaries[n].mcse_sd / reference.summaries[n].sd for n in needed) <= MAX_SD_ERROR


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(c.name, marks=[] if c.name in SMALL else [pytest.mark.calibration])
        for c in KEPT
        if not c.name.startswith("crossed-binomial")
    ],
)
def test_the_exact_engine_agrees(name: str, request: pytest.FixtureRequest) -> None:
    case = load_case(name)
    if case.needs:
        request.getfixturevalue("shared_data")
    reference = load_reference(name)
    assert reference is not None
    structure = case.problem().structure
    groups = quantities(structure)
    every = (*groups["variance"], *groups["fixed"], *groups["effects"])
    needed = tuple(n for n in every if n in reference.summaries)  # a reference may have integrated some effects out
    assert {*groups["variance"], *groups["fixed"]} <= set(needed)
    gate = judge(moments(structure, seed=4321), reference, needed)
    off = [a for a in gate.agreements if not a.shown]
    assert gate.verdict in ("passed", "unresolved"), gate.reason
    assert len(off) == 0, off
    assert len(gate.agreements) == len(needed)


def test_a_reference_survives_its_file(tmp_path: Path) -> None:
    draws = np.random.default_rng(1).normal(size=(4, 1000))
    made = Reference("x", {"noise": summarise(draws)}, {"by": "hand"}, {"ess": False})
    made.save(tmp_path / "x.json")
    back = Reference.load(tmp_path / "x.json")
    assert back.summaries["noise"].mean == pytest.approx(made.summaries["noise"].mean, rel=1e-6)
    assert not back.passed
    with pytest.raises(FileError, match="no reference posterior"):
        Reference.load(tmp_path / "y.json")
