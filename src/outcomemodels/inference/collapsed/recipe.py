"""What is taken from each row: a model's terms as fields, before any row is seen.

A recipe is the declaration of a linear structure without its rows. Levels, centring constants and prior means follow
once the rows have been reduced; until then only the fields are fixed, so that one pass over the rows is enough.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from typing import Any

from outcomemodels.design.build import LATE
from outcomemodels.design.formula import FixedTerm, parse_formula
from outcomemodels.errors import SpecError
from outcomemodels.schema import Facet, Field, Grain, Kind, Schema, Statistic
from outcomemodels.spec import ModelSpec

KEPT_APART = (Facet.TREATMENT, Facet.SETTING, Facet.TIME)
"""Facets all of whose labelled fields are told apart; of problem, therapist and assessor it is the first field."""

FIRST_OF = (Facet.PROBLEM, Facet.THERAPIST, Facet.ASSESSOR)


@dataclass(frozen=True)
class Recipe:
    """Which fields of a row enter, and how.

    Parameters
    ----------
    schema : Schema
        The fields that are read, and no others.
    spec : ModelSpec
    apart : tuple of str
        Labelled fields whose combinations are told apart.
    indicators : tuple of str
        Labelled client fields that enter as columns only.
    numbers : tuple of str
        Numeric fields that enter; a row without one of them is left out.
    products : tuple of tuple of str
        Fixed terms of two or more fields.
    squares_by : tuple of str
        Fields of ``apart`` by whose combinations products of columns are kept: those with slopes or their own noise.
    shift : tuple of float
        Taken off the outcome and the numbers while summing, against cancellation.
    """

    schema: Schema
    spec: ModelSpec
    apart: tuple[str, ...]
    indicators: tuple[str, ...]
    numbers: tuple[str, ...]
    products: tuple[tuple[str, ...], ...]
    squares_by: tuple[str, ...]
    shift: tuple[float, ...] = ()

    @classmethod
    def of(cls, schema: Schema, spec: ModelSpec) -> Recipe:
        """Recipe of a specification on tables of a schema.

        Raises
        ------
        SpecError
            For outcomes or terms that cannot be reduced: scores in time, counts, fields that are not declared.
        """
        main = replace(schema, fields=schema.of_table("main"))
        outcome = _outcome(main, schema, spec)
        named = _Named.of(spec)
        labelled = {f.name: f for f in main if _is_predictor(f) and f.kind.is_labelled}
        numeric = {f.name: f for f in main if _is_number(f, outcome, main)}
        for name in named.all - set(labelled) - set(numeric):
            raise SpecError(
                f"{name!r} is not a field that can enter",
                column=name,
                accepted=", ".join([*labelled, *numeric]),
                mend="declare the field in the schema",
            )
        late = {n for n, f in labelled.items() if f.occasion in LATE and f.facet in (Facet.TREATMENT, Facet.SETTING)}
        apart = [n for n, f in labelled.items() if f.facet in KEPT_APART and not _is_serial(f) and n not in late]
        for facet in FIRST_OF:
            apart += [n for n, f in labelled.items() if f.facet is facet][:1]
        apart += [n for n in labelled if n in named.by or n == spec.noise_by]
        apart = [n for n in labelled if n in apart]
        fixed = named.fixed if named.chosen_fixed else _auto_numbers(main, outcome, numeric)
        clients = [n for n, f in labelled.items() if f.facet is Facet.CLIENT and not _is_serial(f)]
        if named.chosen_fixed:
            clients = [n for n in labelled if n in named.fixed]
        slopes = named.slopes if named.chosen_bars else tuple(n for n in fixed if n in numeric)
        numbers = [n for n in numeric if n in {*fixed, *slopes, *(x for t in named.products for x in t)}]
        by = set(named.slopes_by)
        if not named.chosen_bars and numbers:
            by |= set([n for n in apart if labelled[n].facet is Facet.TREATMENT][:1])
        by |= {spec.noise_by} - {""}
        products = named.products
        inside = {x for t in products for x in t if x in labelled}
        taken = [
            f for f in main if f.name in {*apart, *clients, *numbers, *inside, outcome.name} or f.of == outcome.name
        ]
        return cls(
            schema=replace(main, fields=tuple(taken)),
            spec=spec,
            apart=tuple(apart),
            indicators=tuple(n for n in labelled if n in clients or (n in inside and n not in apart)),
            numbers=tuple(numbers),
            products=products,
            squares_by=tuple(n for n in apart if n in by),
        )

    @property
    def outcome(self) -> Field:
        """Field of the outcome."""
        return self.schema[self.spec.outcome]

    @property
    def is_cells(self) -> bool:
        """Whether rows are cells with n, mean and SD."""
        return self.outcome.statistic is Statistic.MEAN

    @property
    def labelled(self) -> tuple[str, ...]:
        """Labelled fields whose levels are kept: those told apart, then the others."""
        return (*self.apart, *(n for n in self.indicators if n not in self.apart))

    def same_as(self, other: Recipe) -> bool:
        """Whether sums by the two recipes can be added."""
        return replace(self, shift=()).to_dict() == replace(other, shift=()).to_dict()

    def to_dict(self) -> dict[str, Any]:
        """Plain dict for JSON."""
        return {
            "schema": self.schema.to_dict(),
            "spec": json.loads(self.spec.to_json()),
            "apart": list(self.apart),
            "indicators": list(self.indicators),
            "numbers": list(self.numbers),
            "products": [list(p) for p in self.products],
            "squares_by": list(self.squares_by),
            "shift": list(self.shift),
        }

    @classmethod
    def from_dict(cls, raw: dict[str, Any]) -> Recipe:
        """Inverse of :meth:`to_dict`."""
        return cls(
            schema=Schema.from_dict(raw["schema"]),
            spec=ModelSpec.from_json(json.dumps(raw["spec"])),
            apart=tuple(raw["apart"]),
            indicators=tuple(raw["indicators"]),
            numbers=tuple(raw["numbers"]),
            products=tuple(tuple(p) for p in raw["products"]),
            squares_by=tuple(raw["squares_by"]),
            shift=tuple(raw["shift"]),
        )

    def digest(self) -> str:
        """SHA-256 of everything in the recipe."""
        return hashlib.sha256(json.dumps(self.to_dict(), sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True)
class _Named:
    """Fields a specification names."""

    fixed: tuple[str, ...] = ()
    products: tuple[tuple[str, ...], ...] = ()
    by: tuple[str, ...] = ()
    slopes: tuple[str, ...] = ()
    slopes_by: tuple[str, ...] = ()
    chosen_fixed: bool = False
    chosen_bars: bool = False

    @property
    def all(self) -> set[str]:
        return {*self.fixed, *(n for p in self.products for n in p), *self.by, *self.slopes}

    @classmethod
    def of(cls, spec: ModelSpec) -> _Named:
        bars: list[tuple[tuple[str, ...], tuple[str, ...]]] = []
        singles: list[str] = list(spec.covariates or ())
        products: list[tuple[str, ...]] = []
        if spec.formula:
            parsed = parse_formula(spec.formula)
            for term in parsed.fixed:
                if isinstance(term, FixedTerm) and len(term.fields) == 1:
                    singles += term.fields
                elif isinstance(term, FixedTerm) and term.fields:
                    products.append(term.fields)
            bars = [(tuple(n for w in b.what for n in w), b.by) for b in parsed.bars]
        for name in spec.batches or ():
            what, bar, by = name.rpartition("|")
            slopes = tuple(q.strip() for p in what.split("+") for q in p.split(":") if q.strip() != "1") if bar else ()
            bars.append((slopes, tuple(p.strip() for p in by.split(":"))))
        return cls(
            fixed=tuple(dict.fromkeys(singles)),
            products=tuple(products),
            by=tuple(dict.fromkeys(n for _, by in bars for n in by)),
            slopes=tuple(dict.fromkeys(n for what, _ in bars for n in what)),
            slopes_by=tuple(dict.fromkeys(n for what, by in bars if what for n in by)),
            chosen_fixed=spec.covariates is not None or bool(spec.formula),
            chosen_bars=spec.batches is not None or bool(spec.formula),
        )


def _outcome(main: Schema, schema: Schema, spec: ModelSpec) -> Field:
    if spec.outcomes:
        raise SpecError(
            "several responses cannot be reduced", accepted="one outcome", mend="read the rows and fit them"
        )
    ends = [
        f.name
        for f in main
        if f.facet in (Facet.OUTCOME, Facet.FUNCTIONING)
        and f.occasion != "start"
        and not f.of
        and not f.kind.is_labelled
    ]
    if spec.outcome not in ends:
        in_time = bool(schema.of_table("assessment"))
        raise SpecError(
            f"no outcome {spec.outcome!r} with one value a row",
            column=spec.outcome,
            facet="outcome",
            accepted=", ".join(ends) or "none: the schema declares no outcome field",
            mend="scores in time cannot be reduced yet; read the table and fit it" if in_time else None,
        )
    field = main[spec.outcome]
    gaussian = field.statistic in (Statistic.VALUE, Statistic.MEAN) and spec.family in (None, "gaussian")
    if not gaussian or field.kind not in (Kind.CONTINUOUS, Kind.COUNT):
        raise SpecError(
            f"{spec.outcome!r} is not a Gaussian outcome",
            column=spec.outcome,
            accepted="scores, or cell means with their n and SD: only these have exact sufficient statistics",
            mend="read the table and fit it with engine='nuts'",
        )
    if field.statistic is Statistic.MEAN:
        there = main.summaries_of(field.name)
        for needed in (Statistic.N, Statistic.SD):
            if needed not in there:
                raise SpecError(
                    f"cell mean {field.name!r} has no {needed.value}",
                    column=field.name,
                    accepted="a mean with its n and standard deviation",
                    mend=f"declare a field with statistic = '{needed.value}' and of = '{field.name}'",
                )
    if main.grain is Grain.CONTRAST:
        raise SpecError("contrasts cannot be reduced", accepted="grain = 'episode' or 'cell'")
    return field


def _is_predictor(field: Field) -> bool:
    return field.facet not in (Facet.OUTCOME, Facet.FUNCTIONING, Facet.COST)


def _is_serial(field: Field) -> bool:
    """Whether the field numbers the rows, such as a client's or a course's number."""
    return (
        field.kind is Kind.IDENTIFIER
        and (field.key or field.facet is Facet.CLIENT)
        and field.facet
        in (
            Facet.CLIENT,
            Facet.TIME,
        )
    )


def _is_number(field: Field, outcome: Field, main: Schema) -> bool:
    if field.kind not in (Kind.CONTINUOUS, Kind.COUNT) or field.name == outcome.name:
        return False
    ends = field.facet in (Facet.OUTCOME, Facet.FUNCTIONING) and field.occasion != "start"
    return not ends and not field.of


def _auto_numbers(main: Schema, outcome: Field, numeric: dict[str, Field]) -> tuple[str, ...]:
    measures = {outcome.measure, outcome.name} - {""}
    start = [n for n, f in numeric.items() if f.occasion == "start" and f.measure in measures]
    return tuple(n for n in numeric if n in start or numeric[n].facet is Facet.CLIENT)
