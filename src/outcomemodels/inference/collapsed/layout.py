"""Which variables a linear structure has, in which order: effects block by block, then the fixed columns."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from outcomemodels.errors import SpecError
from outcomemodels.plugin import LinearStructure

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


@dataclass(frozen=True)
class Layout:
    """Names and sizes of the variables; two statistics can be added when their layouts are equal.

    Parameters
    ----------
    blocks : tuple of str
    levels, widths : tuple of int
        Levels and columns (1 for an intercept only) of each block.
    columns : tuple of str
        Fixed columns.
    noise_levels : tuple of str
    """

    blocks: tuple[str, ...]
    levels: tuple[int, ...]
    widths: tuple[int, ...]
    columns: tuple[str, ...]
    noise_levels: tuple[str, ...]

    @classmethod
    def of(cls, structure: LinearStructure) -> Layout:
        """Layout of a linear structure."""
        return cls(
            blocks=tuple(b.id for b in structure.blocks),
            levels=tuple(len(b.levels) for b in structure.blocks),
            widths=tuple(len(b.columns) for b in structure.blocks),
            columns=structure.columns,
            noise_levels=structure.noise_levels,
        )

    @cached_property
    def starts(self) -> tuple[int, ...]:
        """First variable of each block, then of the fixed columns, then the number of variables."""
        sizes = [j * q for j, q in zip(self.levels, self.widths, strict=True)]
        return tuple(int(v) for v in np.concatenate([[0], np.cumsum([*sizes, len(self.columns)])]))

    @property
    def size(self) -> int:
        """Number of variables."""
        return self.starts[-1]

    def block(self, index: int) -> slice:
        """Variables of one block, level by level, columns fastest."""
        return slice(self.starts[index], self.starts[index + 1])

    @property
    def fixed(self) -> slice:
        """Variables of the fixed columns."""
        return slice(self.starts[-2], self.starts[-1])


def check_structure(structure: LinearStructure) -> None:
    """Refuse at the door what the exact engine cannot hold.

    Raises
    ------
    SpecError
        For another family, no response, or priors that are not of a usable kind.
    """
    if structure.family != "gaussian":
        raise SpecError(
            f"the exact engine got a {structure.family} outcome", accepted="gaussian", mend="use engine='nuts'"
        )
    response = structure.response
    if response is None:
        raise SpecError("the structure has no response", accepted="the linear form of a fitted design")
    for name, prior in zip(structure.columns, structure.column_priors, strict=True):
        if prior.name not in ("normal", "constant"):
            raise SpecError(
                f"the exact engine needs normal priors on fixed columns, got {prior!r}",
                column=name,
                accepted="normal, constant",
                mend="use engine='nuts', or a normal prior",
            )
    if len(structure.noise) != len(structure.noise_levels) or not structure.noise:
        raise SpecError("a Gaussian structure needs one noise prior per noise level")
    accepted = ("half_normal", "half_student_t", "exponential", "pc", "constant")
    named = [(f"sd_{b.id}", p) for b in structure.blocks for p in b.sds] + [("noise", p) for p in structure.noise]
    for name, prior in named:
        if prior.name not in accepted or (prior.name == "constant" and prior.values[0] < 0):
            raise SpecError(f"prior of {name} is {prior!r}", accepted=", ".join(accepted), mend="use engine='nuts'")
    numbers: list[tuple[str, FloatArray]] = [("response", response.y), ("fixed columns", structure.X)]
    numbers += [(f"columns of {b.id}", b.values) for b in structure.blocks]
    for name, values in numbers:
        if not np.isfinite(values).all():
            raise SpecError(f"{name}: {int((~np.isfinite(values)).sum())} values are not finite", accepted="numbers")
    for block in structure.blocks:
        if len(block.codes) and (int(block.codes.min()) < 0 or int(block.codes.max()) >= len(block.levels)):
            raise SpecError(f"block {block.id!r} has rows without a fitted level", accepted="the design of the fit")
    for label, weights in (("weight", structure.weight), ("n", response.n)):
        if weights is not None and not (np.isfinite(weights) & (weights > 0)).all():
            raise SpecError(f"{label} has values that are not above zero", accepted="numbers above zero")
    known = structure.known_variance
    if known is not None and not (np.isfinite(known) & (known >= 0)).all():
        raise SpecError("known_variance has negative or missing values", accepted="numbers, zero or more")
