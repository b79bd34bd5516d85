"""From reduced rows to what a fit needs: the design with cells for rows, and the statistics of a model's structure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from outcomemodels.design import UNKNOWN, Column, Crossing, Design, Factor, Number, Response
from outcomemodels.design.build import LATE, NOT_RECORDED, column_parts
from outcomemodels.design.parts import distinct_rows
from outcomemodels.design.response import Scale
from outcomemodels.design.terms import Terms, batch_of, choose_terms
from outcomemodels.errors import SpecError
from outcomemodels.inference.collapsed.cells import FloatArray, Parts, Reduced, column_name
from outcomemodels.inference.collapsed.layout import Layout, check_structure
from outcomemodels.inference.collapsed.pairs import Entries, Sorted, gathered, pair_entries
from outcomemodels.inference.collapsed.stats import Statistics
from outcomemodels.inference.collapsed.threads import over_range
from outcomemodels.plugin import LinearModel, LinearStructure, Priors
from outcomemodels.schema import Direction, Field, Statistic


@dataclass(frozen=True, eq=False)
class Condensed:
    """Reduced rows as a design.

    Parameters
    ----------
    reduced : Reduced
    design : Design
        One observation a cell: its courses, mean and SD. Fields that were summed over are UNKNOWN in every cell.
    terms : Terms
    """

    reduced: Reduced
    design: Design
    terms: Terms

    def structure(self, model: LinearModel, priors: Priors) -> LinearStructure:
        """The linear form without rows: columns, blocks, levels and priors.

        Raises
        ------
        SpecError
            If the model's form is not built of the columns and batches of the design.
        """
        design = self.design
        empty = replace(
            design,
            response=Response("rows", np.zeros(0), np.zeros(0), np.zeros(0)),
            factors={n: replace(f, codes=np.zeros(0, np.int32)) for n, f in design.factors.items()},
            numbers={n: replace(v, values=np.zeros(0)) for n, v in design.numbers.items()},
            row=np.zeros(0, np.int32),
        )
        for batch in design.batches:
            known = design.crossing(batch.by)
            empty._crossings[batch.by] = Crossing(batch.by, known.levels, np.zeros(0, np.int32), known.count)
        structure = model.linear(empty, priors)
        same = structure.columns == tuple(c.name for c in design.columns) and [
            (b.id, b.by, b.columns) for b in structure.blocks
        ] == [(b.id, b.by, b.columns) for b in design.batches]
        if not same or structure.weight is not None or structure.known_variance is not None:
            raise SpecError(
                f"model {model.info.name!r} cannot be fitted to reduced rows",
                accepted="a linear form made of the columns and batches of the design, without weights of its own",
                mend="read the rows and fit them",
            )
        check_structure(structure)
        return structure


def condense(reduced: Reduced) -> Condensed:
    """The design behind reduced rows; terms are chosen by the rule that chooses them from rows.

    Raises
    ------
    SpecError
        If a term is not in the data.
    """
    recipe, schema = reduced.recipe, reduced.recipe.schema
    field = recipe.outcome
    factors = {n: _apart(reduced, n) if n in recipe.apart else _summed(reduced, n) for n in _in_schema_order(reduced)}
    weight = reduced.sums[:, 0]
    numbers = {n: _number(reduced, n) for n in recipe.numbers}
    shown = {
        n: f if f.count is None else replace(f, codes=np.arange(len(f.levels), dtype=np.int32))
        for n, f in factors.items()
    }
    measures = {n for n in (field.measure, recipe.spec.outcome) if n}
    terms = choose_terms(
        recipe.spec,
        shown,
        numbers,
        baseline=tuple(
            f.name
            for f in schema
            if f.occasion == "start" and f.statistic in (Statistic.VALUE, Statistic.MEAN) and f.measure in measures
        ),
        grain=schema.grain,
        repeated=False,
        client="",
        late=frozenset(f.name for f in schema if f.occasion in LATE),
    )
    levels = {n: f.levels for n, f in factors.items()}
    centred = () in terms.fixed
    mean = reduced.sums[:, 1] / weight
    spread = reduced.squares - weight * mean**2
    sd = np.sqrt(np.maximum(spread, 0.0) / np.where(weight > 1, weight - 1, 1.0))
    design = Design(
        outcome=field.name,
        family="gaussian",
        units=field.units or (f"{field.measure} points" if field.measure else "outcome units"),
        direction=_direction(reduced, field),
        grain=schema.grain,
        assignment=schema.assignment,
        unit_of_analysis=schema.grain.value,
        response=Response("cells", mean + recipe.shift[0], weight.copy(), np.where(weight > 1, sd, 0.0)),
        scale=_scale(reduced),
        factors=factors,
        numbers=numbers,
        columns=tuple(_column(reduced, p, centred=centred) for p in column_parts(terms, levels)),
        batches=tuple(batch_of(b) for b in terms.bars),
        noise_by=recipe.spec.noise_by,
        row=np.arange(len(weight), dtype=np.int32),
        dropped=dict(reduced.dropped),
    )
    return Condensed(reduced, design, terms)


def _in_schema_order(reduced: Reduced) -> tuple[str, ...]:
    labelled = set(reduced.recipe.labelled)
    return tuple(f.name for f in reduced.recipe.schema if f.name in labelled)


def _apart(reduced: Reduced, name: str) -> Factor:
    """A field that tells cells apart: levels that occur, "not recorded" last."""
    codes = reduced.codes[:, reduced.recipe.apart.index(name)]
    labels = list(reduced.levels[name])
    if (codes < 0).any():
        if NOT_RECORDED not in labels:
            labels.append(NOT_RECORDED)
        codes = np.where(codes < 0, labels.index(NOT_RECORDED), codes)
    used = np.unique(codes)
    recode = np.full(len(labels), -1, np.int32)
    recode[used] = np.arange(len(used), dtype=np.int32)
    facet = reduced.recipe.schema[name].facet
    return Factor(name, facet, tuple(labels[c] for c in used), recode[codes])


def _summed(reduced: Reduced, name: str) -> Factor:
    """A field that was summed over: its levels and their courses, but not which cell has which."""
    total = reduced.products.sum(axis=0)[0]
    count = {c[0][1]: float(total[2 + k]) for k, c in enumerate(reduced.columns) if len(c) == 1 and c[0][0] == name}
    order = [*reduced.levels[name], *([NOT_RECORDED] if NOT_RECORDED not in reduced.levels[name] else [])]
    levels = tuple(v for v in order if count.get(v, 0.0) > 0)
    codes = np.full(len(reduced.codes), int(UNKNOWN), np.int32)
    facet = reduced.recipe.schema[name].facet
    return Factor(name, facet, levels, codes, tuple(count[v] for v in levels))


def _position(reduced: Reduced, parts: Parts) -> int:
    return 2 + reduced.columns.index(parts)


def _shift(reduced: Reduced, parts: Parts) -> float:
    numbers = reduced.recipe.numbers
    return reduced.recipe.shift[1 + numbers.index(parts[0][0])] if len(parts) == 1 and not parts[0][1] else 0.0


def _plain(reduced: Reduced, parts: Parts) -> tuple[float, float]:
    """Mean (shifted) and SD of a column over rows."""
    k = _position(reduced, parts)
    n = reduced.plain[0, 0]
    mean = float(reduced.plain[0, k] / n)
    return mean, float(np.sqrt(max(reduced.plain[1, k] / n - mean**2, 0.0)))


def _number(reduced: Reduced, name: str) -> Number:
    parts = ((name, ""),)
    k, shift = _position(reduced, parts), _shift(reduced, parts)
    mean, spread = _plain(reduced, parts)
    weight = reduced.sums[:, 0]
    values = reduced.sums[:, k] / weight
    total = reduced.products.sum(axis=0)
    within = max(float(total[k, k] - (weight * values**2).sum()) / float(weight.sum()), 0.0)
    field = reduced.recipe.schema[name]
    bounds = (float(reduced.ranges[0, k] + shift), float(reduced.ranges[1, k] + shift))
    return Number(
        name, field.facet, field.units, values + shift, mean + shift, spread if spread > 0 else 1.0, within, bounds
    )


def _column(reduced: Reduced, parts: Parts, *, centred: bool) -> Column:
    if not parts:
        return Column("intercept", (), 0.0, 1.0)
    if parts not in reduced.columns:
        raise SpecError(f"the reduced rows hold no column {column_name(parts)!r}", column=column_name(parts))
    mean, spread = _plain(reduced, parts)
    centre = mean + _shift(reduced, parts)
    return Column(column_name(parts), parts, centre if centred else 0.0, spread if spread > 0 else 1.0)


def _scale(reduced: Reduced) -> Scale:
    total = reduced.products.sum(axis=0)
    centre = float(total[0, 1] / total[0, 0])
    variance = float(total[1, 1] / total[0, 0]) - centre**2 + float(reduced.counts[:, 4].sum() / total[0, 0])
    spread = float(np.sqrt(max(variance, 0.0)))
    return Scale(centre + reduced.recipe.shift[0], spread if spread > 0 else 1.0)


def _direction(reduced: Reduced, field: Field) -> Direction | None:
    if field.direction is not None:
        return field.direction
    for other in reduced.recipe.schema:
        if other.measure and other.measure in (field.measure, field.name) and other.direction is not None:
            return other.direction
    return None


# -- statistics ------------------------------------------------------------------------------------------------


def statistics_from(condensed: Condensed, structure: LinearStructure) -> Statistics:
    """Statistics of the rows that were reduced, for a structure made by :meth:`Condensed.structure`."""
    reduced, design = condensed.reduced, condensed.design
    layout = Layout.of(structure)
    size, fixed, classes = layout.size, layout.fixed.start, len(layout.noise_levels)
    offset = np.array([p.values[0] for p in structure.column_priors])
    p, slopes = len(design.columns), _slopes(design)
    move = _moves(condensed, slopes, offset)
    last = len(move) - 1
    sums, products = reduced.sums @ move.T, move @ reduced.products @ move.T
    cells = _Side(design, reduced, on_groups=False)
    groups = _Side(design, reduced, on_groups=True)
    owner_cells, owner_groups = cells.noise(design), groups.noise(design)
    cross = np.zeros((size, classes))

    def with_columns(k: int, a: int) -> list[Entries]:
        """A column of a block with the fixed columns and with the outcome."""
        from outcomemodels.inference.collapsed.cell_kernels import add_levels

        batch = design.batches[k]
        if batch.columns[a] == "1":
            codes, owner, table = cells.codes(batch.by), owner_cells, sums
        else:
            codes, owner = groups.codes(batch.by), owner_groups
            table = np.ascontiguousarray(products[:, p + slopes.index(batch.columns[a])])
        out = np.zeros((layout.levels[k], classes, p + 1))
        flat = out.reshape(-1, p + 1)
        add_levels(codes * classes + owner, table, np.array([*range(p), last]), flat)
        first = layout.starts[k] + a + np.arange(layout.levels[k]) * layout.widths[k]
        cross[first] += out[:, :, p]
        return [Entries.dense(first * size + fixed + b, out[:, :, b]) for b in range(p)]

    def of_pair(k: int, a: int, other: int, b: int) -> list[Entries]:
        """Two columns of blocks with each other."""
        left, right = design.batches[k].columns[a], design.batches[other].columns[b]
        ones = (left == "1") + (right == "1")
        side, owner = (groups, owner_groups) if ones == 0 else (cells, owner_cells)
        if ones == 2:
            value = reduced.sums[:, 0]
        elif ones == 1:
            value = sums[:, p + slopes.index(right if left == "1" else left)]
        else:
            value = products[:, p + slopes.index(left), p + slopes.index(right)]
        rows = (layout.starts[k] + a, layout.widths[k], layout.levels[k])
        columns = (layout.starts[other] + b, layout.widths[other], layout.levels[other])
        ends = side.sorted(design.batches[k].by, rows[2]), side.sorted(design.batches[other].by, columns[2])
        return [pair_entries(*ends, rows, columns, size, owner, classes, value)]

    work = _work(design, with_columns, of_pair, cells, groups, layout)
    done: list[list[Entries]] = [[] for _ in work]

    def some(begin: int, end: int) -> None:
        for i in range(begin, end):
            done[i] = work[i]()

    over_range(some, len(work))
    entries = [entry for each in done for entry in each]
    done.clear()
    total = np.zeros((classes, last + 1, last + 1))
    np.add.at(total, owner_groups, products)
    for a in range(p):
        cross[fixed + a] += total[:, a, last]
        places = (fixed + a) * size + fixed + np.arange(a, p)
        entries.append(Entries.dense(places, np.stack(list(total[:, a, a:p]), axis=1)))
    rows_out, columns_out, gram = gathered(entries, size, classes)
    counts = np.zeros((classes, reduced.counts.shape[1]))
    np.add.at(counts, owner_groups, reduced.counts)
    return Statistics(
        layout=layout,
        offset=offset,
        noise=np.arange(classes),
        divisor=np.ones(classes),
        known=np.zeros(classes),
        rows=rows_out,
        columns=columns_out,
        gram=gram,
        cross=sparse.csr_array(cross),
        square=total[:, last, last],
        n=counts[:, 0],
        log_weight=counts[:, 1],
        degrees=counts[:, 2],
        within=counts[:, 3],
    )


WithColumns = Callable[[int, int], list[Entries]]
Pair = Callable[[int, int, int, int], list[Entries]]


def _work(
    design: Design, with_columns: WithColumns, of_pair: Pair, cells: _Side, groups: _Side, layout: Layout
) -> list[Callable[[], list[Entries]]]:
    """What is to be summed, piece by piece; rows are sorted by each block's levels before, since pieces share that."""
    work: list[Callable[[], list[Entries]]] = []
    for k, batch in enumerate(design.batches):
        for a, name in enumerate(batch.columns):
            work.append(partial(with_columns, k, a))
            (cells if name == "1" else groups).sorted(batch.by, layout.levels[k])
            if name != "1":
                cells.sorted(batch.by, layout.levels[k])
        for other in range(k, len(design.batches)):
            for a in range(len(batch.columns)):
                for b in range(a if other == k else 0, len(design.batches[other].columns)):
                    work.append(partial(of_pair, k, a, other, b))
    return work


def _slopes(design: Design) -> tuple[str, ...]:
    return tuple(dict.fromkeys(c for b in design.batches for c in b.columns if c != "1"))


def _moves(condensed: Condensed, slopes: tuple[str, ...], offset: FloatArray) -> FloatArray:
    """Linear map from z to (fixed columns, slope columns, response less its prior mean)."""
    reduced, design = condensed.reduced, condensed.design
    by_name = {c.name: c for c in design.columns}
    size = reduced.sums.shape[1]

    def centred(parts: Parts, centre: float) -> FloatArray:
        out = np.zeros(size)
        if not parts:
            out[0] = 1.0
            return out
        out[_position(reduced, parts)] = 1.0
        out[0] = _shift(reduced, parts) - centre
        return out

    rows = [centred(c.parts, c.centre) for c in design.columns]
    for name in slopes:
        if name in by_name:
            rows.append(centred(by_name[name].parts, by_name[name].centre))
        else:
            rows.append(centred(((name, ""),), design.numbers[name].centre))
    response = np.zeros(size)
    response[:2] = reduced.recipe.shift[0], 1.0
    for c, value in enumerate(offset):
        response = response - value * rows[c]
    return np.array([*rows, response])


class _Side:
    """Codes of crossings on the cells, or on the groups by which products are kept."""

    def __init__(self, design: Design, reduced: Reduced, *, on_groups: bool) -> None:
        self.design, self.reduced, self.on_groups = design, reduced, on_groups
        self.held: dict[tuple[str, ...], NDArray[np.int32]] = {}
        self.orders: dict[tuple[str, ...], Sorted] = {}

    def sorted(self, by: tuple[str, ...], levels: int) -> Sorted:
        """Levels of the crossing with the order they sort into."""
        if by not in self.orders:
            self.orders[by] = Sorted.of(self.codes(by), levels)
        return self.orders[by]

    def codes(self, by: tuple[str, ...]) -> NDArray[np.int32]:
        """Level of the crossing, dims (cell,) or (group,)."""
        if by not in self.held:
            crossing = self.design.crossing(by)
            if not self.on_groups:
                self.held[by] = crossing.codes.astype(np.int32, copy=False)
            else:
                names = self.reduced.recipe.squares_by
                own = self.reduced.groups[:, [names.index(n) for n in by]]
                every = self.reduced.codes[:, [self.reduced.recipe.apart.index(n) for n in by]]
                sizes = [int(s) for s in every.max(axis=0) + 2]
                seen, place = distinct_rows(every + 1, sizes)
                level = np.empty(len(seen), np.int64)
                level[place] = crossing.codes
                index = {tuple(map(int, s)): int(v) for s, v in zip(seen - 1, level, strict=True)}
                self.held[by] = np.array([index[tuple(map(int, g))] for g in own], dtype=np.int32)
        return self.held[by]

    def noise(self, design: Design) -> NDArray[np.int32]:
        """Noise level, dims (cell,) or (group,)."""
        size = len(self.reduced.groups if self.on_groups else self.reduced.codes)
        return self.codes((design.noise_by,)) if design.noise_by else np.zeros(size, np.int32)
