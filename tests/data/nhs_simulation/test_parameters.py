"""The file of assumptions: complete, tagged, changeable by name only."""

from __future__ import annotations

import pytest

from outcomemodels.data.nhs_simulation.codes import ARM_LABELS, PROBLEM_LABELS
from outcomemodels.data.nhs_simulation.parameters import TAGS, parameters, parameters_from_toml
from outcomemodels.errors import SchemaError, SpecError


def test_every_parameter_says_where_it_comes_from() -> None:
    p = parameters()
    assert len(p.parameters) > 80
    for q in p.parameters.values():
        assert q.tag in TAGS
        assert q.source
        assert q.what
        assert q.low <= q.high
        assert q.tag in q.line()


def test_a_verified_number_names_a_source_that_is_listed() -> None:
    p = parameters()
    for name, source in [(q.name, q.source) for q in p.parameters.values() if q.tag == "V"]:
        assert any(key in source for key in p.sources), name
    for anchor in p.anchors:
        if anchor.tag == "V":
            assert any(key in anchor.source for key in p.sources), anchor.name


def test_tables_name_known_treatments_and_problems() -> None:
    p = parameters()
    for name, q in p.parameters.items():
        if isinstance(q.value, float | int) or name.startswith(("measure.", "funnel.")):
            continue
        for key in q.value:
            assert set(key.split(" | ")) <= {*ARM_LABELS, *PROBLEM_LABELS}, (name, key)


def test_shares_add_up() -> None:
    p = parameters()
    for name in ("problem.share", "funnel.assessed_only", "problem.mistaken_for"):
        value = p.parameters[name].value
        assert not isinstance(value, float)
        assert sum(value.values()) == pytest.approx(1, abs=0.02), name  # type: ignore[union-attr]


def test_values_are_changed_by_name() -> None:
    p = parameters().with_values({"benefit.by_arm[IPT]": 2.5, "dose.tau_high": 4})
    assert p.by("benefit.by_arm", ["IPT", "CBT"]).tolist() == [2.5, 0.0]
    assert p["dose.tau_high"] == 4
    assert p.parameters["dose.tau_high"].overridden
    assert "set by the caller" in p.parameters["dose.tau_high"].line()
    assert parameters()["dose.tau_high"] != 4
    with pytest.raises(SpecError, match="table"):
        parameters().with_values({"benefit.by_arm": 1.0})
    with pytest.raises(SpecError, match="inf"):
        parameters().with_values({"benefit.mean": float("inf")})


@pytest.mark.parametrize(
    "entry",
    ['a = { value = 1, low = 0, high = 2, tag = "V", source = "x" }', 'a = { value = 3, low = 0, high = 2, tag = "D", '
     'source = "x", what = "y" }', 'a = { value = 1, low = 0, high = 2, tag = "Q", source = "x", what = "y" }'],
)  # fmt: skip
def test_an_incomplete_entry_is_refused(entry: str) -> None:
    with pytest.raises(SchemaError, match=r"part\.a"):
        parameters_from_toml(f'version = "x"\n[parameters.part]\n{entry}\n')
