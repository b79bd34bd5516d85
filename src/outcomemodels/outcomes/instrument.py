"""One questionnaire as a frozen value, and a versioned set of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from typing import Literal

from outcomemodels.errors import SchemaError
from outcomemodels.outcomes.criteria import Criterion, Operator
from outcomemodels.schema import Direction


@dataclass(frozen=True, slots=True, kw_only=True)
class MissingItems:
    """What is done when items of a questionnaire are blank.

    Parameters
    ----------
    rule : {"complete", "prorate"}
        ``complete``: any blank item makes the score missing. ``prorate``: up to ``max_missing`` blank items
        are replaced by the mean of the client's answered items.
    max_missing : int
        Most blank items tolerated by ``prorate``.
    """

    rule: Literal["complete", "prorate"] = "complete"
    max_missing: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Instrument:
    """One questionnaire and everything a rule or a reliable-change index needs to know of it.

    Parameters
    ----------
    name : str
        Identifier ("phq9").
    title, construct, citation : str
        Full name, what it measures, primary reference with DOI.
    low, high : float
        Possible scores, inclusive, in score points.
    direction : Direction
        Which way the score improves.
    items : int, optional
        Number of items.
    item_low, item_high : float, optional
        Possible answers to one item, inclusive.
    scoring : {"sum", "mean"}
        How items make a score; a mean is multiplied by ``scale``.
    reverse_items : tuple of int
        Items scored ``item_low + item_high − answer``, counted from 1.
    missing_items : MissingItems
        What blank items do to the score.
    caseness, caseness_operator, reliable_change, reliable_operator
        Official thresholds and how they are compared; ``None`` when there is none.
    descriptors : tuple of str
        ICD-10 prefixes of the problem descriptors it belongs to nationally ("F401").
    alpha, retest : float, optional
        Internal consistency and test–retest reliability.
    clinical_mean, clinical_sd, functional_mean, functional_sd : float, optional
        Norms, in score points.
    snomed : tuple of str
        Codes under which scores flow in the IAPT data set.
    valid_from, valid_until : datetime.date, optional
        Dates between which the definition holds.
    verification : tuple of (value name, tag)
        How sure each value is.
    notes : tuple of str
        What a user should know.
    """

    name: str
    low: float
    high: float
    direction: Direction
    title: str = ""
    construct: str = ""
    items: int | None = None
    item_low: float | None = None
    item_high: float | None = None
    scoring: Literal["sum", "mean"] = "sum"
    scale: float = 1.0
    reverse_items: tuple[int, ...] = ()
    missing_items: MissingItems = MissingItems()
    caseness: float | None = None
    caseness_operator: Operator = Operator.AT_LEAST
    reliable_change: float | None = None
    reliable_operator: Operator = Operator.AT_LEAST
    descriptors: tuple[str, ...] = ()
    alpha: float | None = None
    retest: float | None = None
    clinical_mean: float | None = None
    clinical_sd: float | None = None
    functional_mean: float | None = None
    functional_sd: float | None = None
    citation: str = ""
    snomed: tuple[str, ...] = ()
    valid_from: date | None = None
    valid_until: date | None = None
    verification: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for label, value in (("alpha", self.alpha), ("retest", self.retest)):
            if value is not None and not 0 < value < 1:
                raise self._wrong(label, value, "a number strictly between 0 and 1")
        for label, value in (("clinical_sd", self.clinical_sd), ("functional_sd", self.functional_sd)):
            if value is not None and not value > 0:
                raise self._wrong(label, value, "a positive number of score points")
        if self.items is not None and self.items < 1:
            raise self._wrong("items", self.items, "a whole number of at least 1")
        if self.missing_items.max_missing < 0 or (
            self.items is not None and self.missing_items.max_missing >= self.items
        ):
            raise self._wrong("missing_items.max_missing", self.missing_items.max_missing, "0 to items − 1")
        self.criterion()
        if self.items is not None and self.item_low is not None and self.item_high is not None:
            n = self.items if self.scoring == "sum" else 1
            reach = (n * self.item_low * self.scale, n * self.item_high * self.scale)
            if abs(reach[0] - self.low) > 1e-9 or abs(reach[1] - self.high) > 1e-9:
                raise SchemaError(
                    f"instrument {self.name!r}: its items reach {reach[0]:g} to {reach[1]:g}, "
                    f"but its range is {self.low:g} to {self.high:g}",
                    column=self.name,
                    accepted="a range that agrees with items, item_low, item_high, scoring and scale",
                )
        wrong = [i for i in self.reverse_items if self.items is None or not 1 <= i <= self.items]
        if wrong:
            raise self._wrong("reverse_items", wrong, f"item numbers from 1 to {self.items}")

    def _wrong(self, key: str, value: object, accepted: str) -> SchemaError:
        return SchemaError(
            f"instrument {self.name!r}: {key} is {value!r}", column=f"{self.name}.{key}", accepted=accepted
        )

    def criterion(self) -> Criterion:
        """Return the official thresholds as a :class:`~outcomemodels.outcomes.criteria.Criterion`."""
        return Criterion(
            measure=self.name,
            caseness=self.caseness,
            caseness_operator=self.caseness_operator,
            reliable=self.reliable_change,
            reliable_operator=self.reliable_operator,
            low=self.low,
            high=self.high,
            direction=self.direction,
        )

    def tag(self, value: str) -> str:
        """How sure ``value`` ("caseness", "alpha", …) is; ``"user"`` when the file does not say."""
        return dict(self.verification).get(value, "user")


@dataclass(frozen=True, slots=True, kw_only=True)
class InstrumentSet:
    """Instruments of one version, by name."""

    version: str
    instruments: tuple[Instrument, ...]
    title: str = ""
    sources: tuple[tuple[str, str], ...] = ()

    def __iter__(self) -> Iterator[Instrument]:
        return iter(self.instruments)

    def __contains__(self, name: object) -> bool:
        return any(i.name == name for i in self.instruments)

    def __getitem__(self, name: str) -> Instrument:
        for instrument in self.instruments:
            if instrument.name == name:
                return instrument
        raise SchemaError(
            f"no instrument {name!r} in set {self.version!r}",
            column=name,
            accepted=", ".join(i.name for i in self.instruments),
            mend="add it in a TOML file and read that with read_instruments(path)",
        )

    def with_instruments(self, *extra: Instrument, version: str) -> InstrumentSet:
        """Return a set named ``version`` with ``extra`` added, or replacing those of the same name."""
        names = {i.name for i in extra}
        kept = tuple(i for i in self.instruments if i.name not in names)
        return replace(self, instruments=kept + extra, version=version)
