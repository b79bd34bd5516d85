"""PaulDataset: the one data carrier. Frozen, validated at the door, around one ``xarray.Dataset``.

Layout of the dataset inside (``grain`` is ``episode``, ``cell`` or ``contrast``):

==============================  ======================  =========================================================
variable                        dims                    content
==============================  ======================  =========================================================
``<field>_of_<grain>``          (grain,)                int32 code of a labelled field; -1 is missing
``<field>`` (coordinate)        (<field>,)              its labels
``<field>``                     (grain,)                float64 number of a continuous or count field; NaN missing
``<field>``                     (grain,)                datetime64[ns] of a date field; NaT missing
``<field>_missing``             (grain,)                int8 reason for a missing value; 0 is "not missing"
``episode_of_assessment``       (assessment,)           int32 row of the episode an assessment belongs to
``<field>_of_assessment`` …     (assessment,)           fields of the assessment table, same rules
==============================  ======================  =========================================================

Numbers of the assessment table carry the suffix too when the main table has a field of that name.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from outcomemodels.errors import DataError, FileError
from outcomemodels.schema import Facet, Field, Grain, Kind, Schema, Statistic

if TYPE_CHECKING:
    import pandas as pd

MISSING_CODE = -1
FORMAT = "outcomemodels.PaulDataset/1"


@dataclass(frozen=True, slots=True, repr=False)
class PaulDataset:
    """Records of psychotherapy in Paul's columns, at one grain.

    Make one with :func:`outcomemodels.read`, :func:`outcomemodels.load` or
    :func:`outcomemodels.data.read.from_columns`; all of them validate. The constructor trusts.

    Parameters
    ----------
    schema : Schema
        Every field, its facet, units, levels and how it was established.
    arrays : xarray.Dataset
        The values, laid out as in the module docstring.
    """

    schema: Schema
    arrays: xr.Dataset

    # -- what is in it -------------------------------------------------------------------------------------

    @property
    def grain(self) -> Grain:
        """What one row stands for."""
        return self.schema.grain

    @property
    def n(self) -> int:
        """Number of rows of the main table."""
        return int(self.arrays.sizes.get(self.grain.value, 0))

    @property
    def n_assessments(self) -> int:
        """Number of rows of the assessment table; 0 when there is none."""
        return int(self.arrays.sizes.get("assessment", 0))

    @property
    def measures(self) -> tuple[str, ...]:
        """Measures of the assessment table."""
        if "measure_of_assessment" not in self.arrays:
            return ()
        return tuple(str(m) for m in self.arrays["measure"].values)

    def __contains__(self, name: object) -> bool:
        return name in self.schema

    def __iter__(self) -> Iterator[Field]:
        return iter(self.schema)

    def variable(self, name: str, table: str | None = None) -> str:
        """Name of the variable in ``arrays`` that holds field ``name``."""
        field = self.schema[name] if table is None else self._field(name, table)
        suffix = self.grain.value if field.table == "main" else "assessment"
        if field.kind.is_labelled:
            return f"{field.name}_of_{suffix}"
        if field.table == "assessment" and any(f.name == name for f in self.schema.of_table("main")):
            return f"{field.name}_of_assessment"
        return field.name

    def _field(self, name: str, table: str) -> Field:
        for f in self.schema.fields:
            if f.name == name and f.table == table:
                return f
        raise DataError(f"no field {name!r} in table {table!r}", table=table, column=name)

    def values(self, name: str, table: str | None = None) -> NDArray[Any]:
        """Numbers or dates of a field, dims (grain,) or (assessment,)."""
        return np.asarray(self.arrays[self.variable(name, table)].values)

    def codes(self, name: str, table: str | None = None) -> NDArray[np.int32]:
        """Integer codes of a labelled field, -1 where missing."""
        return np.asarray(self.arrays[self.variable(name, table)].values, dtype=np.int32)

    def labels(self, name: str) -> NDArray[Any]:
        """Labels of a labelled field, in code order."""
        return np.asarray(self.arrays[name].values, dtype=object)

    def strings(self, name: str, table: str | None = None) -> NDArray[Any]:
        """Labels row by row; an empty string where missing."""
        table_ = np.append(self.labels(name), "")
        return np.asarray(table_[self.codes(name, table)])

    @property
    def outcomes(self) -> tuple[str, ...]:
        """Names ``fit(outcome=…)`` accepts: measures, end scores, cell means and event counts."""
        ends = [
            f.name
            for f in self.schema.of_table("main")
            if f.facet in (Facet.OUTCOME, Facet.FUNCTIONING)
            and f.statistic in (Statistic.VALUE, Statistic.MEAN, Statistic.EVENTS, Statistic.EFFECT)
            and f.occasion != "start"
            and not f.of
            and f.kind in (Kind.CONTINUOUS, Kind.COUNT)
        ]
        return (*self.measures, *ends)

    def missing(self, name: str, table: str | None = None) -> NDArray[Any]:
        """Reason each value is missing ("blank", "suppressed", "not stated" …), an empty string where it is not."""
        variable = self.variable(name, table)
        if f"{variable}_missing" not in self.arrays:
            return np.full(self.arrays[variable].shape, "", dtype=object)
        held = self.arrays[f"{variable}_missing"]
        reasons = np.array(["", *json.loads(held.attrs["reasons"])[1:]], dtype=object)
        return np.asarray(reasons[np.asarray(held.values, dtype=np.int64)])

    # -- new datasets from this one --------------------------------------------------------------------------

    def select(self, mask: NDArray[np.bool_]) -> PaulDataset:
        """Rows of the main table where ``mask`` is true, with their assessments; labels are kept.

        Parameters
        ----------
        mask : array of bool, dims (grain,)
        """
        mask = np.asarray(mask, dtype=bool)
        if mask.shape != (self.n,):
            raise DataError(f"mask has shape {mask.shape}", accepted=f"({self.n},)")
        out = self.arrays.isel({self.grain.value: np.flatnonzero(mask)})
        if self.n_assessments:
            of = self.codes_of_episode()
            keep = mask[of]
            out = out.isel(assessment=np.flatnonzero(keep))
            renumber = np.cumsum(mask) - 1
            out["episode_of_assessment"] = ("assessment", renumber[of[keep]].astype(np.int32))
        return PaulDataset(self.schema, out)

    def where(self, **labels: str | tuple[str, ...] | list[str]) -> PaulDataset:
        """Rows whose labelled fields take the given label or labels: ``data.where(problem="PTSD")``.

        Raises
        ------
        DataError
            If a label does not occur, with near matches.
        """
        mask = np.ones(self.n, dtype=bool)
        for name, wanted in labels.items():
            known = [str(v) for v in self.labels(name)]
            asked = [wanted] if isinstance(wanted, str) else list(wanted)
            asked = [_as_known(label, known, self.schema[name]) for label in asked]
            mask &= np.isin(self.codes(name), [known.index(a) for a in asked])
        return self.select(mask)

    def codes_of_episode(self) -> NDArray[np.int32]:
        """Row of the main table each assessment belongs to, dims (assessment,)."""
        return np.asarray(self.arrays["episode_of_assessment"].values, dtype=np.int32)

    def to_frame(self) -> pd.DataFrame:
        """Main table as a pandas frame with labels, one column per field."""
        import pandas as pd

        columns: dict[str, Any] = {}
        for f in self.schema.of_table("main"):
            columns[f.name] = self.strings(f.name, "main") if f.kind.is_labelled else self.values(f.name, "main")
        return pd.DataFrame(columns)

    # -- identity and storage ----------------------------------------------------------------------------------

    def digest(self) -> str:
        """SHA-256 over schema and values, independent of storage format."""
        h = hashlib.sha256(json.dumps(self.schema.to_dict(), sort_keys=True).encode())
        for name in sorted(str(v) for v in self.arrays.variables):
            values = np.asarray(self.arrays[name].values)
            h.update(name.encode())
            if values.dtype.kind in "OUT":
                h.update("\x1f".join(str(v) for v in values.ravel()).encode())
            else:
                h.update(np.ascontiguousarray(values).tobytes())
        return h.hexdigest()

    def save(self, path: str | Path) -> Path:
        """Write netCDF (``.nc``) or zarr (``.zarr``); the file appears whole or not at all.

        Raises
        ------
        FileError
            For any other suffix.
        """
        from outcomemodels.data.store import write_dataset

        return write_dataset(self.arrays.assign_attrs(format=FORMAT, schema=json.dumps(self.schema.to_dict())), path)

    @classmethod
    def load(cls, path: str | Path) -> PaulDataset:
        """Read what :meth:`save` wrote.

        Raises
        ------
        FileError
            If the file is absent, damaged or was not written by :meth:`save`.
        """
        from outcomemodels.data.store import read_dataset

        arrays = read_dataset(path)
        if arrays.attrs.get("format") != FORMAT:
            raise FileError(
                f"{path} was not written by PaulDataset.save",
                accepted=FORMAT,
                mend="read other tables with outcomemodels.read(path, schema=…)",
            )
        schema = Schema.from_dict(json.loads(arrays.attrs.pop("schema")))
        arrays.attrs.pop("format")
        return cls(schema, arrays)

    def __repr__(self) -> str:
        from outcomemodels.data.show import text_of

        return text_of(self)

    def _repr_html_(self) -> str:
        from outcomemodels.data.show import html_of

        return html_of(self)


def _as_known(label: str, known: list[str], field: Field) -> str:
    """A label of the data, or another spelling of one that the field's typology knows ("PTSD")."""
    if label in known:
        return label
    if field.typology:
        from outcomemodels.schema.typologies import load_typology

        meant = load_typology(field.typology).canonical(label)
        if meant in known:
            return meant
    raise unknown_label(label, known, column=field.name, facet=field.facet.value)


def unknown_label(label: str, known: list[str], *, column: str, facet: str | None = None) -> DataError:
    """Error for a label that does not occur, with near matches first."""
    import difflib

    near = difflib.get_close_matches(label, known, n=5, cutoff=0.5)
    return DataError(
        f"unknown label {label!r}",
        column=column,
        facet=facet,
        accepted=", ".join(repr(k) for k in known[:20]) + (" …" if len(known) > 20 else ""),
        mend=f"did you mean {', '.join(repr(n) for n in near)}?" if near else None,
    )
