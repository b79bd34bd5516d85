"""A folder of made-up NHS Talking Therapies records, and beside it the truth it was made from."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from outcomemodels.data.nhs_simulation.calibration import Calibration, Tally
from outcomemodels.data.nhs_simulation.codes import ARM_LABELS, PROBLEM_LABELS
from outcomemodels.data.nhs_simulation.contact_tables import contact_tables
from outcomemodels.data.nhs_simulation.dirt import soil, soiled_stems
from outcomemodels.data.nhs_simulation.flags import Columns, judge
from outcomemodels.data.nhs_simulation.interview import interviews
from outcomemodels.data.nhs_simulation.parameters import Parameters, parameters
from outcomemodels.data.nhs_simulation.people import People, draw_people
from outcomemodels.data.nhs_simulation.records import confusion, describe, dispose
from outcomemodels.data.nhs_simulation.referral_tables import referral_tables
from outcomemodels.data.nhs_simulation.scores import draw_scores
from outcomemodels.data.nhs_simulation.spells import draw_spells
from outcomemodels.data.nhs_simulation.tables import TABLES, Offsets, header, therapists
from outcomemodels.data.nhs_simulation.truth import FORMAT
from outcomemodels.data.nhs_simulation.truth_tables import After, after_discharge, client_truth, staff_truth
from outcomemodels.data.nhs_simulation.visits import draw_visits
from outcomemodels.data.nhs_simulation.world import World, build_world
from outcomemodels.data.nhs_simulation.write import FORMATS, TableWriter, new_folder
from outcomemodels.errors import SpecError

IntArray = NDArray[np.int64]
Version = Literal["2.0", "2.1"]
CHUNK = 25_000
"""People simulated at once; part of what a seed means, so it does not change within a version."""

_WINDOWS = {"2.0": (date(2020, 9, 1), 12), "2.1": (date(2022, 4, 1), 12)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Simulated:
    """What was written.

    Parameters
    ----------
    folder : Path
    referrals, persons : int
    rows : mapping of table to int
        Rows written.
    calibration : Calibration
        Simulated quantities beside the published ones.
    parameters : Parameters
    """

    folder: Path
    referrals: int
    persons: int
    rows: Mapping[str, int]
    calibration: Calibration
    parameters: Parameters = field(repr=False)


def simulate_nhs(
    out: str | Path,
    *,
    referrals: int = 10_000,
    seed: int = 1,
    version: Version = "2.1",
    file_format: Literal["parquet", "csv"] = "parquet",
    dirty: bool = False,
    derived: bool = False,
    interview_share: float = 0.0,
    values: Mapping[str, float] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Simulated:
    """Write a folder of IDS tables and the truth they were made from.

    Parameters
    ----------
    out : str or Path
        A new or empty folder. IDS tables are written into it, the truth into ``truth/``.
    referrals : int
        Number of referrals, repeat referrals included.
    seed : int
        The same seed, referrals, version and values give the same folder.
    version : {"2.0", "2.1"}
        Of the data set: decides names of fields and the years.
    file_format : {"parquet", "csv"}
        Of the IDS tables; the truth is always parquet and JSON.
    dirty : bool
        Add the defects real submissions have: codes written as ``'5'``, ``'05'`` and ``' 5'``, fields under the other
        version's name, table names in other case, repeated rows, impossible scores, rows that belong to nothing.
    derived : bool
        Add the derived fields of the national pipeline to IDS101.
    interview_share : float
        Share of discharged clients interviewed independently some months later; written to ``linked/``.
    values : mapping of parameter to float, optional
        Other values than the shipped ones; cells of tables as ``"benefit.by_arm[CBT]"``.
    progress : callable, optional
        Called with referrals written and wanted.

    Returns
    -------
    Simulated

    Raises
    ------
    SpecError
        For a parameter there is none of, or a number out of range.
    FileError
        When the folder is not empty or cannot be written.

    Examples
    --------
    >>> made = simulate_nhs("world", referrals=2000, seed=7)  # doctest: +SKIP
    >>> print(made.calibration)  # doctest: +SKIP
    """
    _check(referrals, version, file_format, interview_share)
    p = parameters().with_values(values or {})
    folder = new_folder(out)
    first, end = _window(p, version)
    months = _WINDOWS[version][1]
    world_rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(0,)))
    world = build_world(p, referrals, world_rng)
    tally, at, made, persons, chunk = Tally(), Offsets(), 0, 0, 1
    v21 = version == "2.1"
    with (
        TableWriter(folder, file_format, soiled_stems(seed) if dirty else None) as tables,
        TableWriter(folder / "truth", "parquet") as truth,
        TableWriter(folder / "linked", file_format) as extra,
    ):
        dirt = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(0, 1)))

        def put(named: Mapping[str, dict[str, pa.Array]]) -> None:
            for name in TABLES:
                if name in named:
                    tables.add(name, soil(name, named[name], dirt) if dirty else named[name])

        put(
            {
                "IDS000Header": header(world, first, end, version),
                "IDS902CarePersQual": therapists(world, end, world_rng),
            }
        )
        for name, columns in staff_truth(world).items():
            truth.add(name, columns)
        while made < referrals:
            rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(chunk,)))
            n = max(1, min(CHUNK, round((referrals - made) / (1 + p["size.repeat_share"]))))
            people = draw_people(p, world, persons, n, rng)
            day = first + (rng.random(n) * months * 365.25 / 12).astype(np.int64)
            flags, after, at = _batch(
                p, world, people, day, end, v21, derived, interview_share, put, truth, extra, tally, at, rng
            )
            made, persons = made + n, persons + n
            again, day = _returning(p, flags, after, end, rng)
            keep = min(referrals - made, round(n * p["size.repeat_share"]))
            chosen = np.sort(rng.permutation(len(again))[:keep])
            again, day = again[chosen], day[chosen]
            if len(again):
                back = people.take(again)
                _, _, at = _batch(
                    p, world, back, day, end, v21, derived, interview_share, put, truth, extra, tally, at, rng
                )
                made += len(again)
            chunk += 1
            if progress is not None:
                progress(made, referrals)
        _lookup(world, extra)
    calibration = tally.calibration(p)
    _write_truth(folder, p, world, calibration, seed, referrals, version, first, end)
    return Simulated(
        folder=folder, referrals=made, persons=persons, rows=dict(tables.rows), calibration=calibration, parameters=p
    )


def _batch(
    p: Parameters,
    world: World,
    people: People,
    day: IntArray,
    end: int,
    v21: bool,
    derived: bool,
    interview_share: float,
    put: Callable[[Mapping[str, dict[str, pa.Array]]], None],
    truth: TableWriter,
    extra: TableWriter,
    tally: Tally,
    at: Offsets,
    rng: np.random.Generator,
) -> tuple[Columns, After, Offsets]:
    """One referral of each of some people, from the draw to the files."""
    spells = draw_spells(p, world, people, day, rng)
    visits, ending = draw_visits(p, world, spells, end, rng)
    descriptors = describe(p, world, spells, end, rng)
    disposition, end_code = dispose(p, spells, ending, rng)
    scores = draw_scores(p, spells, visits, descriptors, rng)
    flags = judge(spells, visits, ending, scores, descriptors, disposition, end_code)
    by_referral = referral_tables(world, spells, ending, descriptors, end_code, at, end, v21, rng)
    if derived:
        from outcomemodels.data.nhs_simulation.derived import add_derived

        by_referral["IDS101Referral"] = add_derived(by_referral["IDS101Referral"], flags, at)
    by_contact, later = contact_tables(p, world, spells, visits, scores, at, v21, rng)
    put(by_referral | by_contact)
    after = after_discharge(p, spells, ending, flags, rng)
    for name, columns in client_truth(p, world, spells, ending, descriptors, flags, after, at).items():
        truth.add(name, columns)
    if interview_share > 0:
        found = interviews(p, spells, ending, after, at, interview_share, rng)
        extra.add("interviews", found)
    tally.add(spells, scores, flags, after)
    return flags, after, later


def _returning(
    p: Parameters, flags: Columns, after: After, end: int, rng: np.random.Generator
) -> tuple[IntArray, IntArray]:
    """Who is referred again within the records, and when: after a relapse, or after no treatment."""
    untreated = (after.discharge >= 0) & (flags["treatment_contacts"] == 0)
    relapsed = (after.discharge >= 0) & (after.relapse >= 0)
    u = rng.random(len(untreated))
    back = np.where(untreated, u < p["relapse.returns_untreated"], relapsed & (u < p["relapse.returns"]))
    wait = rng.integers(14, 120, len(u))
    day = after.discharge + np.where(relapsed, np.maximum(after.relapse, 0), 0) + wait
    rows = np.flatnonzero(back & (day <= end - 30))
    return rows, day[rows]


def _lookup(world: World, extra: TableWriter) -> None:
    """Deprivation decile of every area the records name."""
    n = world.n_services * 30
    code = np.arange(n)
    extra.add(
        "lsoa_imd",
        {
            "LSOA": pa.array([f"E0{1_000_000 + c}" for c in code.tolist()]),
            "imd_decile": pa.array(code // 3 % 10 + 1),
        },
    )


def _window(p: Parameters, version: str) -> tuple[int, int]:
    """First day of intake and last day of the records, days since 1970."""
    start, months = _WINDOWS[version]
    first = (start - date(1970, 1, 1)).days
    return first, first + round((months + p["size.follow_months"]) * 365.25 / 12)


def _write_truth(
    folder: Path,
    p: Parameters,
    world: World,
    calibration: Calibration,
    seed: int,
    referrals: int,
    version: str,
    first: int,
    end: int,
) -> None:
    what: dict[str, Any] = {
        "format": FORMAT,
        "seed": seed,
        "referrals": referrals,
        "version": version,
        "parameters_version": p.version,
        "first_day": str(date.fromordinal(date(1970, 1, 1).toordinal() + first)),
        "last_day": str(date.fromordinal(date(1970, 1, 1).toordinal() + end)),
        "treatments": list(ARM_LABELS),
        "problems": list(PROBLEM_LABELS),
        "parameters": p.to_dict(),
        "sources": dict(p.sources),
        "treatment_by_problem": world.crossing.tolist(),
        "confusion": confusion(p).tolist(),
        "calibration": calibration.to_dict(),
    }
    (folder / "truth" / "truth.json").write_text(json.dumps(what, ensure_ascii=False, indent=1), encoding="utf-8")


def _check(referrals: int, version: str, file_format: str, interview_share: float) -> None:
    if not 100 <= referrals <= 20_000_000:
        raise SpecError(f"{referrals} referrals", accepted="100 to 20,000,000")
    if version not in _WINDOWS:
        raise SpecError(f"data set version {version!r}", accepted=", ".join(_WINDOWS))
    if file_format not in FORMATS:
        raise SpecError(f"format {file_format!r}", accepted=", ".join(FORMATS))
    if not 0 <= interview_share <= 1:
        raise SpecError(f"interview_share = {interview_share}", accepted="0 to 1")
