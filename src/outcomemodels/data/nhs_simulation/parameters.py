"""Parameters of the simulator: value, plausible range, source and verification tag, read from a versioned file."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np
from numpy.typing import NDArray

from outcomemodels.errors import SchemaError, SpecError

FloatArray = NDArray[np.float64]
VERSION = "1"
TAGS = {"V": "seen in a stored source", "M": "from memory", "M-low": "from memory, low confidence", "D": "our design"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """One assumption.

    Parameters
    ----------
    name : str
        ``"section.name"``.
    value : float or mapping of label to float
    low, high : float
        What we would still find plausible; for a table, of every cell.
    source : str
        Where it comes from; see ``sources`` of :class:`Parameters`.
    tag : {"V", "M", "M-low", "D"}
        Verified in a stored source, from memory, from memory with low confidence, or our own design.
    what : str
        What it is, with units.
    overridden : bool
        Whether the caller set another value than the file's.
    """

    name: str
    value: float | Mapping[str, float]
    low: float
    high: float
    source: str
    tag: str
    what: str
    overridden: bool = False

    def line(self) -> str:
        """One printed line: name, value, range, tag, source."""
        if isinstance(self.value, Mapping):
            value = ", ".join(f"{k} {v:g}" for k, v in self.value.items())
        else:
            value = f"{self.value:g}"
        given = "set by the caller; file: " if self.overridden else ""
        return f"{self.name} = {value}  [{self.low:g}, {self.high:g}]  {given}{self.tag}: {self.source}. {self.what}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameters:
    """All assumptions of one version of the simulator.

    Parameters
    ----------
    version : str
    parameters : mapping of name to Parameter
    anchors : tuple of Anchor
        Published numbers a simulated folder is held against.
    sources : mapping of key to str
    """

    version: str
    parameters: Mapping[str, Parameter]
    anchors: tuple[Anchor, ...]
    sources: Mapping[str, str]

    def __getitem__(self, name: str) -> float:
        value = self.parameters[name].value
        assert not isinstance(value, Mapping), name
        return float(value)

    def by(self, name: str, labels: Sequence[str], *, rest: float = 0.0) -> FloatArray:
        """A table as an array in the order of ``labels``; labels the table leaves out get ``rest``."""
        value = self.parameters[name].value
        assert isinstance(value, Mapping), name
        return np.array([float(value.get(label, rest)) for label in labels])

    def pairs(self, name: str, first: Sequence[str], second: Sequence[str]) -> FloatArray:
        """A table keyed ``"a | b"`` as an array, dims (first, second); 0 where left out."""
        value = self.parameters[name].value
        assert isinstance(value, Mapping), name
        return np.array([[float(value.get(f"{a} | {b}", 0.0)) for b in second] for a in first])

    def to_dict(self) -> dict[str, Any]:
        """Plain dict for JSON: every parameter with value, low, high, source, tag and what."""
        return {
            name: {
                "value": dict(q.value) if isinstance(q.value, Mapping) else q.value,
                "low": q.low,
                "high": q.high,
                "source": q.source,
                "tag": q.tag,
                "what": q.what,
                "overridden": q.overridden,
            }
            for name, q in self.parameters.items()
        }

    def with_values(self, given: Mapping[str, float]) -> Parameters:
        """Other values for single parameters; a cell of a table is named ``"section.name[label]"``.

        Raises
        ------
        SpecError
            For a name there is none of, with near matches.
        """
        out = dict(self.parameters)
        for name, number in given.items():
            base, _, cell = name.partition("[")
            if base not in out:
                import difflib

                near = difflib.get_close_matches(base, list(out), n=3, cutoff=0.4)
                raise SpecError(
                    f"the simulator has no parameter {base!r}",
                    accepted=", ".join(list(out)[:12]) + " …",
                    mend=f"did you mean {' or '.join(repr(n) for n in near)}?" if near else None,
                )
            if not np.isfinite(number):
                raise SpecError(f"{name} = {number!r}", accepted="a finite number")
            old = out[base]
            if isinstance(old.value, Mapping):
                if not cell:
                    raise SpecError(f"{base!r} is a table", accepted=f"{base}[LABEL]=NUMBER")
                out[base] = replace(old, value={**old.value, cell.rstrip("]"): float(number)}, overridden=True)
            else:
                out[base] = replace(old, value=float(number), overridden=True)
        return replace(self, parameters=out)


@dataclass(frozen=True, slots=True, kw_only=True)
class Anchor:
    """A published number and how far a simulated folder may be from it.

    Parameters
    ----------
    name : str
        Key of the simulated quantity.
    value, tolerance : float
    unit : str
    source, tag, what : str
    """

    name: str
    value: float
    tolerance: float
    unit: str
    source: str
    tag: str
    what: str


@cache
def parameters(version: str = VERSION) -> Parameters:
    """Read the shipped parameters.

    Raises
    ------
    SchemaError
        On an unknown version, or a file whose entries are not complete.
    """
    where = files("outcomemodels.data.nhs_simulation") / f"parameters-{version}.toml"
    if not where.is_file():
        raise SchemaError(f"no simulator parameters {version!r}", accepted=VERSION)
    return parameters_from_toml(where.read_text("utf-8"))


def parameters_from_toml(text: str) -> Parameters:
    """Read parameters from TOML text.

    Raises
    ------
    SchemaError
        If an entry lacks value, low, high, source or tag, or lies outside its own range.
    """
    raw = tomllib.loads(text)
    found: dict[str, Parameter] = {}
    for section, entries in raw.get("parameters", {}).items():
        for key, entry in entries.items():
            name = f"{section}.{key}"
            lacking = {"value", "low", "high", "source", "tag", "what"} - set(entry)
            if lacking or entry.get("tag") not in TAGS:
                raise SchemaError(f"parameter {name!r} lacks {sorted(lacking)} or has an unknown tag", column=name)
            parameter = Parameter(name=name, **entry)
            value = parameter.value
            cells = list(value.values()) if isinstance(value, Mapping) else [value]
            if not all(parameter.low <= c <= parameter.high for c in cells):
                raise SchemaError(f"parameter {name!r} lies outside its own range", column=name)
            found[name] = parameter
    anchors = tuple(Anchor(name=name, **entry) for name, entry in raw.get("anchors", {}).items())
    sources = {k: str(v) for k, v in raw.get("sources", {}).items()}
    return Parameters(version=str(raw["version"]), parameters=found, anchors=anchors, sources=sources)
