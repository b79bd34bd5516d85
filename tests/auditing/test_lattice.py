"""The lattice, its picture, what would help, what fields cost, and how all of it is shown."""

from __future__ import annotations

import json
from xml.etree import ElementTree

import numpy as np
import pytest

import outcomemodels as om
from auditing.worlds import fair
from outcomemodels.auditing.gates import Answerable
from outcomemodels.auditing.page import write_page
from outcomemodels.auditing.picture import alt_text, lattice_svg
from outcomemodels.data.simulate import cells_world, disconnected_world
from outcomemodels.errors import FileError
from outcomemodels.estimands import Question


def test_every_combination_is_a_node_and_finer_is_not_easier_where_a_column_is_missing() -> None:
    nodes = om.audit(cells_world(1)[0]).lattice()
    assert len(nodes) == 1 + 2**4
    by_whom = [n for n in nodes if "therapist" in n.parts]
    assert len(by_whom) == 8
    assert all(n.answerable is Answerable.NO and "published cells carry no" in n.why for n in by_whom)


def test_a_fair_world_answers_the_coarse_and_not_the_finest() -> None:
    nodes = {n.parts: n for n in om.audit(fair(3000).data()).lattice()}
    assert nodes["at all",].answerable is nodes[()].answerable is Answerable.YES
    assert nodes["problem", "therapist", "client", "setting"].answerable is not Answerable.YES


def test_the_picture_is_well_formed_and_says_itself_in_words() -> None:
    plain = [n.to_dict() for n in om.audit(fair(1200).data()).lattice()]
    root = ElementTree.fromstring(lattice_svg(plain))
    assert root.attrib["role"] == "img"
    assert sum(e.tag.endswith("}g") for e in root.iter()) == 17
    assert "Does treatment matter at all: answerable" in alt_text(plain)


def test_nothing_is_said_to_link_two_treatments_only_where_nothing_does() -> None:
    plain = om.audit(fair(600).data()).lattice()[0].to_dict()
    for answerable, said in ((Answerable.EXTRAPOLATION, "too few links"), (Answerable.NO, "nothing links the two")):
        assert said in lattice_svg([{**plain, "gate": "connected", "answerable": answerable.value}])


def test_what_would_help_has_numbers_before_and_after() -> None:
    verdict = om.audit(fair(400).data()).verdict(Question(treatments=("A",), reference="B", problem="P"))
    step = verdict.improvements[0]
    assert step.kind == "courses"
    assert step.amount > 0
    assert step.half_width_after < step.half_width_before
    posterior = step.posterior
    assert posterior.average_after < posterior.average_before < posterior.answer_before
    assert posterior.average_after < posterior.answer_after < 1.05 * posterior.answer_before
    assert "by the exact engine" in step.sentence
    assert "in closed form" in step.sentence


def test_fields_that_serve_none_are_named() -> None:
    world = fair(600)
    world.columns["sex"] = np.full(600, "f")
    costs = {c.field: c for c in om.audit(world.data()).costs()}
    assert costs["sex"].serves_none
    assert costs["sex"].why == "always f"
    assert not costs["treatment"].serves_none
    assert costs["start"].width_without > 1.1
    assert abs(costs["age"].width_without - 1) < 0.02


def test_the_five_columns_come_first_and_json_holds_everything() -> None:
    report = om.audit(disconnected_world(1)[0])
    told = repr(report)
    assert told.index("The five columns in numbers") < told.index("Every number")
    plain = json.loads(json.dumps(report.full_dict()))
    assert {"layers", "lattice", "costs", "findings", "waterfall"} <= set(plain)
    assert "<svg" in report._repr_html_()
    assert len(report.lattice_table()) == 17
    assert set(report.costs_table()["field"]) >= {"treatment", "start"}


def test_a_verdict_shows_itself_and_the_page_is_written(tmp_path) -> None:
    report = om.audit(fair(600).data())
    verdict = report.verdict(Question(treatments=("A",), reference="B"))
    assert "overlapping" in repr(verdict)
    assert "<table class='gates'>" in verdict._repr_html_()
    assert set(verdict.table()["gate"]) >= {"identifiable", "followed up"}
    text = write_page(report, tmp_path / "audit.html", verdicts=[verdict]).read_text()
    assert "<script" not in text
    assert "http://www.w3.org/2000/svg" in text
    with pytest.raises(FileError, match=r"ending in \.html"):
        write_page(report, tmp_path / "audit.pdf")
