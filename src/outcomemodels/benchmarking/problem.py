"""What an entrant is given: one linear structure as two files, so that no package has to be shared.

``problem.json`` holds names, priors and formulas; ``problem.npz`` the arrays. Every quantity that is compared has one
name: ``beta[column]``, ``sd[block]`` or ``sd[block,column]``, ``corr[block]``, ``noise`` or ``noise[level]``, and
``effect[block,level]`` (by position) for a few levels of each block.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from outcomemodels.errors import FileError
from outcomemodels.plugin import Block, LinearStructure, Prior, Response

FORMAT = "outcomemodels.bench/1"
SHOWN_LEVELS = 3
"""Levels of each block whose effects are compared: the first, the middle and the last."""


@dataclass(frozen=True, eq=False)
class Problem:
    """A case with its data in memory.

    Parameters
    ----------
    name : str
        Of the case.
    structure : LinearStructure
    """

    name: str
    structure: LinearStructure

    @property
    def rows(self) -> int:
        """Rows of the likelihood."""
        return int(self.structure.X.shape[0])

    def formula(self) -> str:
        """The model in the notation of lme4, over columns ``y``, ``x0`` …, ``z0_0`` … and ``g0`` …."""
        terms = ["0", *(f"x{i}" for i in range(len(self.structure.columns)))]
        for k, block in enumerate(self.structure.blocks):
            inside = [f"z{k}_{a}" for a in range(len(block.columns))]
            constant = np.all(block.values == 1.0, axis=0)
            if block.correlation is not None:
                terms.append(f"(0 + {' + '.join(inside)} | g{k})")
                continue
            terms += [
                f"(1 | g{k})" if whole else f"(0 + {name} | g{k})" for name, whole in zip(inside, constant, strict=True)
            ]
        return f"y ~ {' + '.join(terms)}"

    def save(self, folder: Path) -> None:
        """Write ``problem.json`` and ``problem.npz``."""
        s = self.structure
        if s.response is None:
            raise FileError("a problem needs a response", accepted="the linear form of a fitted design")
        folder.mkdir(parents=True, exist_ok=True)
        arrays: dict[str, NDArray[Any]] = {"y": s.response.y, "n": s.response.n, "sd": s.response.sd, "X": s.X}
        arrays["noise_codes"] = np.zeros(self.rows, np.int32) if s.noise_codes is None else s.noise_codes
        for k, block in enumerate(s.blocks):
            arrays[f"codes{k}"], arrays[f"values{k}"] = block.codes, block.values
        for name in ("weight", "known_variance"):
            if getattr(s, name) is not None:
                arrays[name] = getattr(s, name)
        np.savez(folder / "problem.npz", **arrays)  # type: ignore[arg-type]
        (folder / "problem.json").write_text(json.dumps(self._words(s.response), indent=1), encoding="utf-8")

    def _words(self, response: Response) -> dict[str, Any]:
        s = self.structure
        return {
            "format": FORMAT,
            "name": self.name,
            "family": s.family,
            "kind": response.kind,
            "formula": self.formula(),
            "columns": list(s.columns),
            "column_priors": [p.to_dict() for p in s.column_priors],
            "noise": [p.to_dict() for p in s.noise],
            "noise_by": s.noise_by,
            "noise_levels": list(s.noise_levels),
            "blocks": [
                {
                    "id": b.id,
                    "by": list(b.by),
                    "levels": len(b.levels),
                    "columns": list(b.columns),
                    "sds": [p.to_dict() for p in b.sds],
                    "correlation": None if b.correlation is None else b.correlation.values[0],
                    "shown": list(shown_levels(len(b.levels))),
                }
                for b in s.blocks
            ],
            "variance": [*quantities(s)["variance"]],
            "fixed": [*quantities(s)["fixed"]],
        }

    @classmethod
    def load(cls, folder: Path) -> Problem:
        """Read what :meth:`save` wrote.

        Raises
        ------
        FileError
            If the folder holds no problem of this format.
        """
        try:
            words = json.loads((folder / "problem.json").read_text(encoding="utf-8"))
            with np.load(folder / "problem.npz") as raw:
                arrays = {name: raw[name] for name in raw.files}
        except (OSError, ValueError) as error:
            raise FileError(f"no problem in {folder}: {error}", mend="write it again with Problem.save") from error
        if words.get("format") != FORMAT:
            raise FileError(f"the problem has format {words.get('format')!r}", accepted=FORMAT)

        def prior(raw: Mapping[str, Any]) -> Prior:
            return Prior.from_dict(raw)

        blocks = tuple(
            Block(
                id=b["id"],
                by=tuple(b["by"]),
                levels=tuple(str(i) for i in range(b["levels"])),
                codes=arrays[f"codes{k}"],
                columns=tuple(b["columns"]),
                values=arrays[f"values{k}"],
                sds=tuple(prior(p) for p in b["sds"]),
                correlation=None if b["correlation"] is None else Prior.lkj(b["correlation"]),
            )
            for k, b in enumerate(words["blocks"])
        )
        return cls(
            words["name"],
            LinearStructure(
                family=words["family"],
                columns=tuple(words["columns"]),
                X=arrays["X"],
                column_priors=tuple(prior(p) for p in words["column_priors"]),
                blocks=blocks,
                response=Response(words["kind"], arrays["y"], arrays["n"], arrays["sd"]),
                noise=tuple(prior(p) for p in words["noise"]),
                noise_by=words["noise_by"],
                noise_levels=tuple(words["noise_levels"]),
                noise_codes=arrays["noise_codes"],
                weight=arrays.get("weight"),
                known_variance=arrays.get("known_variance"),
            ),
        )


def shown_levels(levels: int) -> tuple[int, ...]:
    """Positions of the levels whose effects are compared."""
    return tuple(sorted({0, levels // 2, levels - 1}))[:SHOWN_LEVELS]


def quantities(structure: LinearStructure) -> dict[str, tuple[str, ...]]:
    """Names of what is compared: ``variance`` parameters, ``fixed`` columns, and some ``effects``.

    Known (constant) parameters are left out.
    """
    variance: list[str] = []
    effects: list[str] = []
    for block in structure.blocks:
        several = len(block.columns) > 1
        for column, prior in zip(block.columns, block.sds, strict=True):
            if prior.name != "constant":
                variance.append(f"sd[{block.id},{column}]" if several else f"sd[{block.id}]")
        if block.correlation is not None and several:
            variance += [f"corr[{block.id},{a},{b}]" for i, b in enumerate(block.columns) for a in block.columns[:i]]
        for level in shown_levels(len(block.levels)):
            effects += [
                f"effect[{block.id},{level},{c}]" if several else f"effect[{block.id},{level}]" for c in block.columns
            ]
    many = len(structure.noise) > 1
    for label, prior in zip(structure.noise_levels, structure.noise, strict=False):
        if prior.name != "constant":
            variance.append(f"noise[{label}]" if many else "noise")
    fixed = [
        f"beta[{c}]" for c, p in zip(structure.columns, structure.column_priors, strict=True) if p.name != "constant"
    ]
    return {"variance": tuple(variance), "fixed": tuple(fixed), "effects": tuple(effects)}
