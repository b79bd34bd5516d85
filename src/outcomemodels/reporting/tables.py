"""Tables of a report as plain values: a caption, column heads, and rows whose first cell heads the row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from outcomemodels.design import Design
from outcomemodels.diagnostics import MAX_KHAT, MAX_RHAT, MIN_EBFMI, MIN_ESS, Verdict
from outcomemodels.estimands import Answer, Decomposition, TreatmentAnswer
from outcomemodels.priors import Prior, Priors
from outcomemodels.reporting import words
from outcomemodels.reporting.levels import LevelEffects

MAX_COLUMNS = 4
"""Problems side by side in one table, so that it fits a printed page."""


@dataclass(frozen=True, slots=True)
class Cell:
    """Text of a cell, a smaller line below it, and a CSS class (``num``, ``label data-informed``, …)."""

    text: str
    kind: str = ""
    below: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """A table; the first cell of each row is its head. ``note`` stands below."""

    caption: str
    heads: tuple[Cell, ...]
    rows: tuple[tuple[Cell, ...], ...]
    note: str = ""


def _num(text: str, below: str = "") -> Cell:
    return Cell(text, "num", below)


def badge(t: TreatmentAnswer) -> Cell:
    """Evidence label as a cell."""
    return Cell(t.label.value, "label " + t.label.name.lower().replace("_", "-"))


def answer_table(answer: Answer) -> Table:
    """One row per treatment."""
    u = answer.units
    outcome = words.outcome_name(answer.outcome, u)
    heads = (
        Cell("Treatment"),
        _num(f"Expected ({answer.interval:.0%} interval)"),
        _num(f"Difference from {answer.reference}"),
        _num("Better than reference"),
        _num("Best of all"),
        _num("Expected regret"),
        _num("Courses"),
        Cell("Evidence"),
    )
    rows = []
    for t in answer.treatments:
        if not t.is_estimable:
            blank = [_num("–")] * 5
            rows.append((Cell(t.treatment), *blank, _num(f"{t.n_comparable:,.0f}"), badge(t)))
            continue
        expected = _num(words.number(t.mean, units=u), words.interval(t.low, t.high, units=u))
        gap = _num("reference")
        if not t.is_reference:
            ends = words.interval(t.contrast_low, t.contrast_high, units=u, sign=True)
            gap = _num(words.signed(t.contrast, units=u), ends)
        regret = "–" if t.regret is None else words.number(100 * t.regret if u == "probability" else t.regret)
        rows.append(
            (
                Cell(t.treatment),
                expected,
                gap,
                _num(words.percent(t.p_beneficial)),
                _num(words.percent(t.p_best)),
                _num(regret),
                _num(f"{t.n_comparable:,.0f}"),
                badge(t),
            )
        )
    note = (
        f"Outcome in {u}; {words.better(answer.direction)}. Expected regret: what choosing this treatment loses on "
        f"average against the best choice, in {words.difference_units(u)}. Courses: with this treatment and problem."
    )
    return Table(f"{outcome[:1].upper()}{outcome[1:]} by treatment", heads, tuple(rows), note)


def grid_tables(answers: Sequence[tuple[str, Answer]]) -> tuple[Table, ...]:
    """Treatments by problems, differences from the reference of each problem; a few problems a table."""
    names = list(dict.fromkeys(t.treatment for _, a in answers for t in a.treatments))
    first = answers[0][1]
    outcome = words.outcome_name(first.outcome, first.units)
    units = words.difference_units(first.units)
    out = []
    for start in range(0, len(answers), MAX_COLUMNS):
        part = answers[start : start + MAX_COLUMNS]
        rows = tuple((Cell(n), *(_grid_cell(n, answer) for _, answer in part)) for n in names)
        last = start + MAX_COLUMNS >= len(answers)
        table = Table(
            f"Difference in {outcome} from the reference ({units}, {first.interval:.0%} interval)"
            + (f", problems {start + 1} to {start + len(part)}" if len(answers) > MAX_COLUMNS else ""),
            (Cell("Treatment"), *(Cell(problem) for problem, _ in part)),
            rows,
            f"{words.better(first.direction).capitalize()}." if last else "",
        )
        out.append(table)
    return tuple(out)


def _grid_cell(name: str, answer: Answer) -> Cell:
    t = next((t for t in answer.treatments if t.treatment == name), None)
    if t is None:
        return Cell("not asked", "muted")
    if not t.is_estimable:
        return Cell("not estimable", "muted")
    if t.is_reference:
        return Cell("reference", "muted")
    ends = words.interval(t.contrast_low, t.contrast_high, units=answer.units, sign=True)
    kind = "grid " + t.label.name.lower().replace("_", "-")
    return Cell(f"{words.signed(t.contrast, units=answer.units)} ({ends})", kind, t.label.value)


def decomposition_table(parts: Decomposition) -> Table:
    """One row per component."""
    heads = (
        Cell("Column"),
        _num("Levels"),
        _num("SD in the population"),
        _num("SD among the levels here"),
        _num("Share of variance"),
    )
    rows = []
    for c in parts.components:
        s, f, v = c.superpopulation, c.finite, c.vpc
        rows.append(
            (
                Cell(words.plain(c.name)),
                _num(f"{c.levels:,}"),
                _num(words.number(s.mean), words.interval(s.low, s.high)),
                _num("–") if f is None else _num(words.number(f.mean), words.interval(f.low, f.high)),
                _num(words.share(v.mean), f"{words.share(v.low)} to {words.share(v.high)}"),
            )
        )
    note = (
        f"Standard deviations in {parts.units}, with {parts.interval:.0%} intervals. The population SD is about levels "
        "like these, seen or not (superpopulation); the other is about the levels in the data (finite population)."
    )
    return Table("Paul decomposition", heads, tuple(rows), note)


def diagnostics_table(verdict: Verdict) -> Table | None:
    """Numbers of the verdict beside what they should be."""
    wanted = (
        ("max_rhat", "Largest R-hat: do the chains agree?", f"at most {MAX_RHAT}", "{:.3f}"),
        ("min_ess_bulk", "Fewest effective draws, means", f"at least {MIN_ESS:.0f}", "{:,.0f}"),
        ("min_ess_tail", "Fewest effective draws, interval ends", f"at least {MIN_ESS:.0f}", "{:,.0f}"),
        ("independent_draws", "Independent draws", f"at least {MIN_ESS:.0f}", "{:,.0f}"),
        ("divergences", "Divergent draws", "0", "{:,.0f}"),
        ("min_ebfmi", "Least E-BFMI: free movement in energy", f"at least {MIN_EBFMI}", "{:.2f}"),
        ("khat", "Pareto k-hat of importance weights", f"at most {MAX_KHAT}", "{:.2f}"),
        ("kish_ess", "Effective draws after weighting", f"at least {MIN_ESS:.0f}", "{:,.0f}"),
    )
    rows = []
    for key, what, limit, form in wanted:
        if key in verdict.numbers:
            where = verdict.numbers.get(f"{key}_parameter", "")
            rows.append((Cell(what), _num(form.format(float(verdict.numbers[key]))), _num(limit), Cell(str(where))))
    if not rows:
        return None
    heads = (Cell("Check"), _num("Found"), _num("Wanted"), Cell("Worst parameter"))
    stages = str(verdict.numbers.get("stages", ""))
    return Table("Convergence of the sampling", heads, tuple(rows), f"Stages: {stages}." if stages else "")


def priors_table(priors: Priors) -> Table:
    """Priors as they entered, by parameter."""
    rows = tuple((Cell(name), Cell(_prior(prior))) for name, prior in priors.items())
    note = "Scaled to the spread of the outcome, and on columns centred at their average."
    return Table("Priors", (Cell("Parameter"), Cell("Prior")), rows, note)


def _prior(prior: Prior) -> str:
    raw = prior.to_dict()
    name = str(raw.pop("prior")).replace("_", " ")
    return f"{name} ({', '.join(f'{k} {v:.3g}' for k, v in raw.items())})"


def levels_table(effects: LevelEffects, *, most: int = 10) -> Table:
    """Both ends of the order of a batch."""
    n = len(effects.labels)
    picked = list(range(n)) if n <= 2 * most else [*range(most), *range(n - most, n)]
    rows = tuple(
        (
            Cell(effects.labels[i]),
            _num(words.signed(float(effects.raw[i]))),
            _num(
                f"{words.signed(float(effects.mean[i]))} "
                f"({words.interval(float(effects.low[i]), float(effects.high[i]), sign=True)})"
            ),
            _num(f"{effects.count[i]:,.0f}"),
        )
        for i in picked
    )
    which = "" if len(picked) == n else f", the {most} at either end of {n:,}"
    heads = (Cell(words.plain(effects.name)), _num("Before shrinkage"), _num("Shrunken estimate"), _num("Courses"))
    return Table(f"Levels of {words.plain(effects.name)}{which}", heads, rows, f"Differences in {effects.units}.")


def data_facts(design: Design) -> tuple[tuple[str, str], ...]:
    """What entered the fit, as pairs of name and value."""
    unit = words.UNITS_WORD.get(design.unit_of_analysis, design.unit_of_analysis)
    outcomes = [design.of_response(name) for name in design.targets] or [design]
    facts = [
        ("Outcome", "; ".join(f"{d.outcome} ({d.units}; {words.better(d.direction)})" for d in outcomes)),
        ("Rows fitted", f"{design.n_rows:,} {unit}"),
    ]
    if design.is_summed:
        facts.append(("Held as", f"{design.n_obs:,} sums over rows of the same labels; the rows were not kept"))
    elif design.response is not None and design.response.kind != "rows":
        facts.append(("Courses behind them", f"{design.response.n.sum():,.0f}"))
    if design.dropped:
        facts.append(("Left out", "; ".join(f"{count:,}: {reason}" for reason, count in design.dropped.items())))
    facts.append(("Assignment to treatment", design.assignment.value))
    for name, factor in design.factors.items():
        levels = factor.levels
        shown = ", ".join(levels) if len(levels) <= 6 else f"{len(levels):,} levels"
        facts.append((f"{name} ({factor.facet.value})" if name != factor.facet.value else name, shown))
    return tuple(facts)
