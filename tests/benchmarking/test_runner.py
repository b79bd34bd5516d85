"""The runner: order, resuming, honest censoring, and an entrant from outside, on a case that takes milliseconds."""

from __future__ import annotations

import json
import re
from importlib.metadata import EntryPoint
from pathlib import Path

import numpy as np
import pytest

from outcomemodels.benchmarking import worlds
from outcomemodels.benchmarking.cases import Case, load_case, reference_of
from outcomemodels.benchmarking.entrants import Entrant, load_entrant
from outcomemodels.benchmarking.execute import Status
from outcomemodels.benchmarking.lines import add_line, read_lines
from outcomemodels.benchmarking.measure import Measured
from outcomemodels.benchmarking.page import markdown, page
from outcomemodels.benchmarking.reference import Reference, summarise
from outcomemodels.benchmarking.results import rows_of
from outcomemodels.benchmarking.schedule import Plan, Record, forget, read_records, run_plan, to_run
from outcomemodels.errors import FileError, PluginError

DOCS = Path(__file__).resolve().parents[2] / "docs" / "explanation" / "benchmark.md"
CASE = Case("little", "does it run?", lambda: worlds.strong_correlation(3, clients=10))

SCRIPT = """
import sys, time, numpy as np, bench_io
problem, settings = bench_io.start()
rng = np.random.default_rng(settings.seed)
BODY
shift = 1.0 if settings.option == "biased" else 0.0
draws = {name: 2.0 + shift + rng.normal(size=(2, 1500)) for name in [*problem.variance, *problem.fixed]}
bench_io.finish(draws, seconds={"compile": 0.5, "sample": 2.0 + settings.seed % 3, "post": 0.0}, packages=("numpy",))
"""


def entrant(folder: Path, name: str, body: str = "", option: str = "") -> Entrant:
    script = folder / f"{name}.py"
    script.write_text(SCRIPT.replace("BODY", body))
    return Entrant(name, script, here=True, option=option)


def references() -> dict[str, Reference | None]:
    """A standard normal around 2 for every quantity: what the honest made-up entrants draw."""
    from outcomemodels.benchmarking.problem import quantities

    rng = np.random.default_rng(9)
    groups = quantities(CASE.make())
    names = (*groups["variance"], *groups["fixed"])
    return {"little": Reference("little", {n: summarise(2 + rng.normal(size=(4, 5000))) for n in names}, {}, {})}


def run(tmp_path: Path, entrants: list[Entrant], **choices: float) -> list[Record]:
    chosen = {"repeats": 2, "limit": 60.0, **choices}
    plan = Plan(cases=[CASE], entrants=entrants, **chosen)  # type: ignore[arg-type]
    return run_plan(plan, tmp_path / "results.jsonl", tmp_path / "cache", lambda text: None)


def order(names: str, records: list[Record], limit: float = 300) -> list[tuple[str, int]]:
    here = Path(__file__)
    plan = Plan(cases=[CASE], entrants=[Entrant(name, here) for name in names.split()], limit=limit)
    return [(entrant.name, position) for entrant, position in to_run(plan, "little", 0, records)]


def ran(*steps: tuple[str, int], status: Status = "done") -> list[Record]:
    measured = Measured(status=status, kind="posterior")
    return [Record("little", name, 0, position, "2026-01-01", measured) for name, position in steps]


def test_every_peer_runs_between_two_runs_of_the_core() -> None:
    steps = order("collapsed a b", [])
    assert steps == [("collapsed", 0), ("a", 1), ("collapsed", 2), ("b", 3), ("collapsed", 4)]
    assert order("collapsed a b", ran(*steps)) == []


def test_an_entrant_added_later_gets_new_runs_of_the_core_beside_it() -> None:
    before = ran(("collapsed", 0), ("a", 1), ("collapsed", 2))
    assert order("collapsed a b", before) == [("collapsed", 4), ("b", 5), ("collapsed", 6)]


def test_a_run_stopped_after_a_peer_goes_on_with_the_core() -> None:
    before = ran(("collapsed", 0), ("a", 1))
    assert order("collapsed a b", before) == [("collapsed", 2), ("b", 3), ("collapsed", 4)]
    assert order("collapsed a", before) == [("collapsed", 2)]


def test_more_time_gives_another_try_and_what_was_cut_off_is_told() -> None:
    cut = Measured(status="not finished", kind="posterior", why="not finished in 300 s", seconds={"process": 300.0})
    before = [*ran(("collapsed", 0), ("b", 1), ("collapsed", 2)), Record("little", "a", 0, 3, "2026-01-01", cut)]
    assert order("collapsed a b", before) == []
    assert order("collapsed a b", before, limit=900) == [("collapsed", 5), ("a", 6), ("collapsed", 7)]
    later = [Record("little", "a", 1, 0, "2026-01-02", Measured(status="done", kind="posterior"))]
    row = next(r for r in rows_of([*before, *later], {}) if r.entrant == "a")
    assert (row.status, row.repeats, row.note) == ("done", 1, "round 1: not finished in 300 s")


def test_without_the_core_peers_run_alone() -> None:
    unable = ran(("collapsed", 0), status="cannot")
    assert order("collapsed a b", unable) == [("a", 2), ("b", 3)]
    assert order("a b", []) == [("a", 0), ("b", 1)]


def test_forgetting_leaves_other_entrants_and_cases(tmp_path: Path) -> None:
    path, data = tmp_path / "results.jsonl", tmp_path / "problems"
    other = Record("other", "a", 0, 0, "2026-01-01", Measured(status="done", kind="posterior"), "a machine")
    records = [*ran(("collapsed", 0), ("a", 1), ("collapsed", 2), ("b", 3), ("collapsed", 4)), other]
    path.write_text("".join(r.line() + "\n" for r in records))
    for name in ("little", "other"):
        (data / name).mkdir(parents=True)
    forget(path, tmp_path, ["little"], ["collapsed", "a"])
    assert [(r.case, r.entrant) for r in read_records(path)] == [
        ("little", "collapsed"), ("little", "collapsed"), ("little", "b"), ("little", "collapsed"), ("other", "a"),
    ]  # fmt: skip
    assert [p.name for p in data.iterdir()] == ["other"]
    forget(path, tmp_path, ["little"], ["collapsed", "b"])
    (left,) = read_records(path)
    assert (left.case, left.machine) == ("other", "a machine")
    forget(tmp_path / "absent.jsonl", tmp_path, ["little"], ["a"])


def test_a_biased_entrant_is_stopped_and_its_times_are_withheld(tmp_path: Path) -> None:
    core = entrant(tmp_path, "collapsed")
    records = run(tmp_path, [core, entrant(tmp_path, "biased", option="biased")])
    rows = {r.entrant: r for r in rows_of(records, references())}
    assert rows["collapsed"].gate.open
    assert rows["collapsed"].sample.median >= 2.0
    assert rows["biased"].gate.verdict == "failed"
    assert np.isnan(rows["biased"].sample.median)
    assert np.isnan(rows["biased"].ratio_variance.median)
    unreferenced = {r.entrant: r.gate for r in rows_of(records, {})}
    assert unreferenced["collapsed"].verdict == "no reference"
    assert unreferenced["biased"].verdict == "failed"
    assert "held against the core" in unreferenced["biased"].reason
    text = markdown(list(rows.values()), made="2026-01-01", where=("a machine",))
    line = next(part for part in text.splitlines() if part.startswith("| biased"))
    table = [part for part in text.splitlines() if part.startswith("|")]
    assert len({len(re.findall(r"(?<!\\)\|", part)) for part in table}) == 1  # max |z| must not break its head
    assert "withheld" in line
    assert "failed" in line
    shown = page(list(rows.values()), made="2026-01-01", where=("a machine",))
    assert "withheld" in shown
    assert not re.search(r"https?://(?!www\.w3\.org)", shown.split("<svg")[0])


def test_ratios_use_the_core_runs_beside(tmp_path: Path) -> None:
    records = run(tmp_path, [entrant(tmp_path, "collapsed"), entrant(tmp_path, "peer")])
    row = next(r for r in rows_of(records, references()) if r.entrant == "peer")
    assert row.gate.open
    assert row.repeats == 2
    assert 0.3 < row.ratio_variance.low <= row.ratio_variance.high < 3
    assert row.memory > 1
    assert row.note == "2 × 500 draws after 500"
    assert {r.settings["seed"] for r in records if r.repeat == 0} == {90_001, 91_001, 92_001}


def test_a_stopped_run_goes_on_where_it_was(tmp_path: Path) -> None:
    entrants = [entrant(tmp_path, "collapsed")]
    first = run(tmp_path, entrants, repeats=1)
    with (tmp_path / "results.jsonl").open("a") as file:
        file.write('{"case": "little", "entr')  # a line cut off by a kill
    assert len(first) == 1
    assert len(read_records(tmp_path / "results.jsonl")) == 1
    again = run(tmp_path, entrants, repeats=2)
    assert [r.repeat for r in again] == [0, 1]
    assert again[0].at == first[0].at
    assert [r.repeat for r in read_records(tmp_path / "results.jsonl")] == [0, 1]  # nothing hangs on the line cut off


def test_a_last_line_without_its_end_is_kept_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "new" / "lines.jsonl"
    add_line(path, '{"a": 1}')
    path.write_text(path.read_text() + '{"a": 2}')
    add_line(path, '{"a": 3}')
    path.write_text(path.read_text() + '{"a": 4')
    add_line(path, '{"a": 5}')
    assert read_lines(path, lambda line: json.loads(line)["a"]) == [1, 2, 3, 5]


def test_a_line_that_cannot_be_read_is_told_and_never_lost(tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    path.write_text("of another version\n" + ran(("a", 0))[0].line() + "\n")
    before = path.read_text()
    for work in (lambda: read_records(path), lambda: forget(path, tmp_path, ["little"], ["a"])):
        with pytest.raises(FileError, match=r"line 1 of results\.jsonl"):
            work()
    assert path.read_text() == before


def test_what_does_not_finish_is_said_and_not_asked_again(tmp_path: Path) -> None:
    slow = entrant(tmp_path, "slow", body="time.sleep(60)")
    broken = entrant(tmp_path, "broken", body="raise RuntimeError('no such thing')")
    unable = entrant(tmp_path, "unable", body="bench_io.cannot('no slopes')")
    absent = Entrant("absent", tmp_path / "absent.py", here=True)
    cut = run(tmp_path, [slow], limit=5.0)
    records = run(tmp_path, [slow, broken, unable, absent], limit=5.0)
    said = {r.entrant: (r.measured.status, r.measured.why) for r in records}
    assert said["slow"] == ("not finished", "not finished in 5 s")
    assert said["broken"][0] == "stopped"
    assert "no such thing" in said["broken"][1]
    assert said["unable"] == ("cannot", "no slopes")
    assert said["absent"][0] == "missing"
    assert len(cut) == 1
    assert len(records) == 4


def test_nothing_starts_after_the_time_in_all(tmp_path: Path) -> None:
    assert run(tmp_path, [entrant(tmp_path, "collapsed")], total=0.0) == []


def test_the_entrant_in_the_docs_runs_and_is_short(tmp_path: Path) -> None:
    blocks = re.findall(r"```python\n# (\S+)\n(.*?)```", DOCS.read_text(encoding="utf-8"), flags=re.S)
    script, package = (text for _, text in blocks)
    assert script.count("\n") + package.count("\n") + 2 < 30
    (tmp_path / "my_package").mkdir()
    (tmp_path / "my_package" / "ols.py").write_text(script)
    (tmp_path / "my_package" / "__init__.py").write_text(package)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(tmp_path))
        made = load_entrant("ols", [EntryPoint("ols", "my_package:ENTRANT", "outcomemodels.bench_entrants")])
    here = Entrant(made.name, made.script, kind=made.kind, here=True)
    records = run(tmp_path, [here], repeats=1)
    assert records[0].measured.status == "done", records[0].measured.why
    assert set(records[0].measured.estimates) == {"beta[intercept]", "beta[severity]"}


def test_a_registered_case_brings_its_reference(tmp_path: Path) -> None:
    made = references()["little"]
    assert made is not None
    made.save(tmp_path / "little.json")
    (tmp_path / "cases_of_mine.py").write_text(
        "from pathlib import Path\n"
        "from outcomemodels.benchmarking import Case\n"
        "CASE = Case('mine', 'does it run?', lambda: None, reference=Path(__file__).parent / 'little.json')\n"
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(tmp_path))
        found = reference_of("mine", [EntryPoint("mine", "cases_of_mine:CASE", "outcomemodels.bench_cases")])
    assert found is not None
    assert found.summaries.keys() == made.summaries.keys()
    assert reference_of("gone", []) is None
    assert reference_of("sleepstudy", []) is not None


def test_names_that_are_not_there_are_refused() -> None:
    with pytest.raises(PluginError, match="no benchmark case"):
        load_case("no-such-case", [])
    with pytest.raises(PluginError, match="could not be loaded"):
        load_entrant("gone", [EntryPoint("gone", "no_such_package:ENTRANT", "outcomemodels.bench_entrants")])
