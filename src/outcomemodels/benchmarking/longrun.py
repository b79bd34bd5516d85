"""Making a reference posterior: pieces of a long NUTS run on the rows, each with its own seed, kept and pooled."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from outcomemodels.benchmarking.cases import Case
from outcomemodels.benchmarking.entrants import SCRIPTS, Entrant
from outcomemodels.benchmarking.environments import prepare
from outcomemodels.benchmarking.execute import Settings, execute, write_problem
from outcomemodels.benchmarking.reference import Reference, pool
from outcomemodels.errors import FitError, SpecError

FIRST_SEED = 1
WORDS = {"whitened", "noncentred", "centred", "low_rank", "own_rows"}
"""Of which a parametrisation is made, joined by "+"."""


def make_reference(
    case: Case,
    cache: Path,
    *,
    parametrisation: str,
    draws: int,
    tune: int,
    pieces: int,
    target_accept: float,
    limit: float,
    say: Callable[[str], None],
) -> Reference:
    """Add pieces until every needed quantity has 10,000 effective draws and a known SD, or ``pieces`` are made.

    Raises
    ------
    SpecError
        For a parametrisation there is none of.
    FitError
        If a piece does not end well.
    """
    unknown = set(parametrisation.split("+")) - WORDS
    if unknown:
        raise SpecError(
            f"no parametrisation {sorted(unknown)[0]!r}", accepted=", ".join(sorted(WORDS)), mend="join words by +"
        )
    folder = cache / "problems" / case.name
    write_problem(case.problem(), folder)
    script = "nutpie_whitened.py" if "whitened" in parametrisation.split("+") else "nutpie_rows.py"
    ready = prepare(Entrant("reference", SCRIPTS / script, here=True), cache)
    kept = cache / "pieces" / case.name
    found: list[Path] = sorted(kept.glob("*/draws.npz"))
    made = pool_pieces(case.name, folder, found) if found else None
    for seed in range(FIRST_SEED, FIRST_SEED + pieces):
        if made is not None and made.checks["ess"] and made.checks["sds"]:
            break
        piece = kept / f"{parametrisation}-{seed}"
        if (piece / "draws.npz").is_file():
            continue
        settings = Settings(
            seed=seed, draws=draws, tune=tune, chains=2, target_accept=target_accept, option=parametrisation
        )
        say(f"{case.name}: piece with seed {seed}")
        run = execute(ready, folder, settings, limit)
        if run.status != "done":
            raise FitError(
                f"the piece with seed {seed} gave nothing: {run.why}", mend="raise --limit, or lower --draws"
            )
        piece.mkdir(parents=True, exist_ok=True)
        words: dict[str, Any] = {**asdict(settings), "note": run.note, "versions": dict(run.versions)}
        (piece / "result.json").write_text(json.dumps(words), encoding="utf-8")
        np.savez(piece / "draws.npz", **dict(run.draws))  # type: ignore[arg-type]
        found = sorted(kept.glob("*/draws.npz"))
        made = pool_pieces(case.name, folder, found)
    if made is None:
        raise FitError("no piece was made", accepted="at least one piece")
    return made


def pool_pieces(case: str, folder: Path, found: list[Path]) -> Reference:
    """Pool draws that were kept; chains of different lengths are cut to the shortest."""
    words = json.loads((folder / "problem.json").read_text(encoding="utf-8"))
    pieces: list[dict[str, NDArray[np.float64]]] = []
    notes: list[dict[str, Any]] = []
    for path in found:
        with np.load(path) as raw:
            pieces.append({name: raw[name] for name in raw.files})
        notes.append(json.loads((path.parent / "result.json").read_text(encoding="utf-8")))
    shortest = min(next(iter(p.values())).shape[1] for p in pieces)
    cut = [{name: values[:, :shortest] for name, values in p.items()} for p in pieces]
    divergences = sum(int(n["note"].split()[0]) for n in notes if "divergences" in n.get("note", ""))
    last = notes[-1]
    made = {
        "by": "NUTS on the rows, every effect explicit, by nutpie",
        "runs": [path.parent.name for path in found],
        "chains": sum(next(iter(p.values())).shape[0] for p in cut),
        "draws_a_chain": shortest,
        "divergences": divergences,
        "versions": notes[0]["versions"],
        "date": datetime.now(UTC).date().isoformat(),
        "again": f"outcomemodels bench reference {case} --parametrisation {last['option']} --draws {last['draws']} "
        f"--tune {last['tune']} --target-accept {last['target_accept']} --out {case}.json",
    }
    return pool(case, cut, made, [*words["variance"], *words["fixed"]])
