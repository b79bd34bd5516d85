"""The truth of a simulated folder: what every treatment would have brought to every client, asked in one call."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from outcomemodels.errors import FileError, QuestionError
from outcomemodels.schema.typologies import load_typology

if TYPE_CHECKING:
    import pandas as pd

FORMAT = "outcomemodels.NhsTruth/1"
Quantity = Literal["completed", "last_phq9", "last_gad7", "recovered", "finished"]
Among = Literal["referred", "entered", "finishers"]
QUANTITIES: dict[str, str] = {
    "completed": "expected PHQ-9 at the planned end, if completed, therapist and service at the population mean",
    "last_phq9": "PHQ-9 at the last session attended, drop-out included",
    "last_gad7": "GAD-7 at the last session attended, drop-out included",
    "recovered": "last PHQ-9 and last GAD-7 both below caseness, as a probability",
    "finished": "at least two sessions attended, as a probability",
}
AMONG: dict[str, str] = {
    "referred": "everybody referred",
    "entered": "those who entered treatment",
    "finishers": "those who entered and would attend at least two sessions of the treatment in question",
}
GROUPS = (
    *("problem", "age_band", "severity_band", "imd_decile", "gender", "white", "long_term", "personality"),
    *("previous", "service"),
)


@dataclass(frozen=True, kw_only=True, repr=False)
class NhsTruth:
    """The truth beside a simulated folder; make one with :func:`load_truth`.

    Every treatment is meant alone, from the first session on, without a second step. Means are over the clients of the
    folder, each with every treatment: no model, no estimate. ``completed`` is an expectation for each client; the
    others are what would have happened, with the same chance events whatever the treatment.

    Parameters
    ----------
    folder : Path
    told : mapping
        ``truth.json``: seed, version, every parameter, treatment by problem effects, confusion of descriptors.
    treatments, problems : tuple of str
        Labels of the typologies.
    """

    folder: Path
    told: Mapping[str, Any]
    treatments: tuple[str, ...]
    problems: tuple[str, ...]
    _held: dict[str, NDArray[Any]] = field(default_factory=dict, repr=False)

    def __repr__(self) -> str:
        return (
            f"NhsTruth: {self.told['referrals']:,} referrals, seed {self.told['seed']}, "
            f"data set {self.told['version']}; {len(self.treatments)} treatments, {len(self.problems)} problems"
        )

    # -- tables ----------------------------------------------------------------------------------------------

    def clients(self) -> pd.DataFrame:
        """One row per referral: true disorder, lasting level, modifiers, treatment given, relapse, cost."""
        return self._table("clients")

    def flags(self) -> pd.DataFrame:
        """One row per referral: the simulator's own verdicts."""
        return self._table("flags")

    def therapists(self) -> pd.DataFrame:
        """One row per therapist: role, qualification and effect in points of benefit."""
        return self._table("therapists")

    def services(self) -> pd.DataFrame:
        """One row per service: effects."""
        return self._table("services")

    def propensity(self) -> NDArray[np.float64]:
        """Probability of each treatment as first step, dims (referral, treatment)."""
        return np.stack([self._column("potential", f"propensity_{a}") for a in range(len(self.treatments))], axis=1)

    # -- what works for whom ---------------------------------------------------------------------------------

    def expected(
        self,
        *,
        problem: str | None = None,
        where: Mapping[str, Any] | None = None,
        quantity: Quantity = "completed",
        among: Among = "entered",
    ) -> pd.DataFrame:
        """True mean outcome of every treatment.

        Parameters
        ----------
        problem : str, optional
            True main disorder; every spelling of the problem typology is understood.
        where : mapping of group to value, optional
            Further restriction by ``GROUPS`` (``{"age_band": "65+"}``), or by (low, high) of ``age``,
            ``phq9_level``, ``gad7_level``, or of the recorded ``phq9_first`` and ``gad7_first``.
        quantity, among : str
            See ``QUANTITIES`` and ``AMONG``.

        Returns
        -------
        DataFrame
            Index treatment; columns ``mean``, ``n`` clients, and ``given``, how many of them were given it first.

        Raises
        ------
        QuestionError
            For words it does not know, or when nobody is left.
        """
        import pandas as pd

        rows = self._rows(problem, where or {}, among)
        given = self._column("clients", "treatment")[rows]
        out = []
        for a, label in enumerate(self.treatments):
            mine = rows[self._finishing(a)[rows]] if among == "finishers" else rows
            mean = float(self._values(a, quantity)[mine].mean()) if len(mine) else float("nan")
            out.append((label, mean, len(mine), int((given == label).sum())))
        return pd.DataFrame(out, columns=["treatment", "mean", "n", "given"]).set_index("treatment")

    def cate(
        self,
        treatment: str,
        reference: str,
        *,
        by: Sequence[str] = ("problem",),
        quantity: Quantity = "completed",
        among: Among = "entered",
    ) -> pd.DataFrame:
        """True effect of one treatment against another in every group of clients: mean difference, same clients.

        With ``among="finishers"`` the two means are over those who would finish each treatment.

        Returns
        -------
        DataFrame
            Index the groups; columns ``effect`` (treatment less reference) and ``n``.
        """
        import pandas as pd

        a, b = self.treatment(treatment), self.treatment(reference)
        rows = self._rows(None, {}, among)
        keys = [pd.Series(self._group(name)[rows], name=name) for name in by]
        one, two = self._values(a, quantity)[rows].astype(float), self._values(b, quantity)[rows].astype(float)
        if among == "finishers":
            one = np.where(self._finishing(a)[rows], one, np.nan)
            two = np.where(self._finishing(b)[rows], two, np.nan)
        both = pd.DataFrame({"one": one, "two": two}).groupby(keys).agg(["mean", "count"])
        return pd.DataFrame({"effect": both["one"]["mean"] - both["two"]["mean"], "n": both["one"]["count"]})

    def contrast(
        self,
        treatment: str,
        reference: str,
        *,
        problem: str | None = None,
        where: Mapping[str, Any] | None = None,
        quantity: Quantity = "completed",
        among: Among = "entered",
    ) -> float:
        """True mean outcome of a treatment less that of another."""
        table = self.expected(problem=problem, where=where, quantity=quantity, among=among)
        a, b = self.treatments[self.treatment(treatment)], self.treatments[self.treatment(reference)]
        return float(table["mean"][a] - table["mean"][b])

    def treatment(self, label: str) -> int:
        """Position of a treatment, by any spelling of the typology.

        Raises
        ------
        QuestionError
            When the world does not give it.
        """
        return _position(label, "treatment", self.treatments)

    # -- parts -----------------------------------------------------------------------------------------------

    def _rows(self, problem: str | None, where: Mapping[str, Any], among: str) -> NDArray[np.int64]:
        if among not in AMONG:
            raise QuestionError(f"among={among!r}", accepted=", ".join(AMONG))
        entered = self._column("clients", "enters").astype(bool)
        keep = np.ones(len(entered), dtype=bool) if among == "referred" else entered.copy()
        if problem is not None:
            keep &= self._column("clients", "problem") == self.problems[_position(problem, "problem", self.problems)]
        for name, value in where.items():
            if isinstance(value, tuple):
                number = self._column("flags" if name in ("phq9_first", "gad7_first") else "clients", name)
                keep &= (number >= value[0]) & (number <= value[1])
            else:
                keep &= self._group(name) == value
        if not keep.any():
            raise QuestionError("no client of the world is left", rows=[f"problem={problem}", f"where={dict(where)}"])
        return np.flatnonzero(keep)

    def _finishing(self, arm: int) -> NDArray[np.bool_]:
        return np.asarray(self._column("potential", f"attended_{arm}") >= 2)

    def _values(self, arm: int, quantity: str) -> NDArray[Any]:
        if quantity == "recovered":
            phq9, gad7 = (self._column("potential", f"last_{m}_{arm}") for m in ("phq9", "gad7"))
            return np.asarray((phq9 < 10) & (gad7 < 8))
        if quantity == "finished":
            return self._finishing(arm)
        if quantity not in QUANTITIES:
            raise QuestionError(f"quantity={quantity!r}", accepted=", ".join(QUANTITIES))
        return np.asarray(self._column("potential", f"{quantity}_{arm}"))

    def _group(self, name: str) -> NDArray[Any]:
        if name == "age_band":
            ages = np.array(["<26", "26-64", "65+"], dtype=object)
            return np.asarray(ages[np.digitize(self._column("clients", "age"), [26, 65])])
        if name == "severity_band":
            bands = np.array(["<10", "10-14", "15-19", "20+"], dtype=object)
            return np.asarray(bands[np.digitize(self._column("clients", "phq9_level"), [10, 15, 20])])
        if name not in GROUPS:
            raise QuestionError(f"{name!r} is no group of the truth", accepted=", ".join(GROUPS))
        return self._column("clients", name)

    def _column(self, table: str, name: str) -> NDArray[Any]:
        key = f"{table}.{name}"
        if key not in self._held:
            import pyarrow.parquet as pq

            path = self.folder / f"{table}.parquet"
            try:
                self._held[key] = pq.read_table(path, columns=[name]).column(0).to_numpy()
            except (OSError, IndexError, ValueError) as error:
                raise FileError(
                    f"cannot read {name!r} of {path.name}: {error}", mend="simulate the folder anew"
                ) from None
        return self._held[key]

    def _table(self, name: str) -> pd.DataFrame:
        import pandas as pd

        return pd.read_parquet(self.folder / f"{name}.parquet")


def _position(label: str, typology: str, labels: tuple[str, ...]) -> int:
    canonical = load_typology(typology).canonical(label)
    if canonical not in labels:
        raise QuestionError(f"the world has no {typology} {label!r}", accepted=", ".join(labels))
    return labels.index(canonical)


def load_truth(folder: str | Path) -> NhsTruth:
    """Load the truth of a simulated folder.

    Parameters
    ----------
    folder : str or Path
        The simulated folder, or its folder ``truth``.

    Raises
    ------
    FileError
        When there is no truth there.

    Examples
    --------
    >>> truth = load_truth("world")  # doctest: +SKIP
    >>> truth.expected(problem="PTSD")  # doctest: +SKIP
    >>> truth.cate("EMDR", "CBT", by=("problem", "age_band"))  # doctest: +SKIP
    """
    given = Path(folder)
    place = given / "truth" if (given / "truth").is_dir() else given
    try:
        told = json.loads((place / "truth.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise FileError(
            f"no truth in {given}", accepted="a folder written by 'outcomemodels simulate nhs'", mend="check the path"
        ) from error
    if not isinstance(told, dict) or told.get("format") != FORMAT:
        raise FileError(f"{place / 'truth.json'} is of another format", accepted=FORMAT)
    return NhsTruth(folder=place, told=told, treatments=tuple(told["treatments"]), problems=tuple(told["problems"]))
