"""The registry over fake entry points: listed without importing, refused one at a time, naming who is at fault."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from importlib.metadata import EntryPoint
from types import ModuleType

import pytest

import outcomemodels as om
from outcomemodels.errors import NeedsError, PluginError
from outcomemodels.models.paul import Paul
from outcomemodels.plugin import LinearModel, ModelInfo, Needs, OutcomeModel
from outcomemodels.registry import GROUP, available, checked, load_model


@dataclass(frozen=True)
class Old:
    info = ModelInfo(name="old", summary="written for another api", api=99)

    def default_priors(self, design: object) -> dict[str, object]:
        return {}

    def build(self, design: object, priors: object) -> None:
        return None


@dataclass(frozen=True)
class Misnamed(Old):
    info = ModelInfo(name="something-else", summary="")


class NotAModel:
    info = None


@pytest.fixture
def points(monkeypatch: pytest.MonkeyPatch) -> list[EntryPoint]:
    module = ModuleType("fake_plugins")
    module.Old, module.Misnamed, module.NotAModel, module.Paul = Old, Misnamed, NotAModel, Paul  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "fake_plugins", module)
    return [
        EntryPoint("paul", "fake_plugins:Paul", GROUP),
        EntryPoint("old", "fake_plugins:Old", GROUP),
        EntryPoint("misnamed", "fake_plugins:Misnamed", GROUP),
        EntryPoint("nothing", "fake_plugins:NotAModel", GROUP),
        EntryPoint("broken", "no_such_module_anywhere:Model", GROUP),
        EntryPoint("twice", "fake_plugins:Old", GROUP),
        EntryPoint("twice", "fake_plugins:Misnamed", GROUP),
    ]


def test_listing_imports_nothing(points: list[EntryPoint]) -> None:
    assert {"paul", "broken", "twice"} <= {e.name for e in available(points)}
    assert "no_such_module_anywhere" not in sys.modules


def test_a_good_one_loads_beside_broken_ones(points: list[EntryPoint]) -> None:
    assert load_model("paul", points).info.name == "paul"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("broken", "could not be loaded: ModuleNotFoundError"),
        ("old", "written for plugin api 99"),
        ("misnamed", "the entry point says 'misnamed' but the model says 'something-else'"),
        ("nothing", "lacks default_priors, build"),
        ("twice", "2 packages register a model called 'twice'"),
        ("pual", "did you mean 'paul'"),
    ],
)
def test_one_clear_error_each(points: list[EntryPoint], name: str, message: str) -> None:
    with pytest.raises(PluginError, match=message) as caught:
        load_model(name, points)
    assert caught.value.mend or caught.value.accepted


def test_an_object_can_be_passed_directly() -> None:
    assert checked(Paul()).info.name == "paul"
    with pytest.raises(PluginError, match="is not a model"):
        checked(object())


@dataclass(frozen=True)
class NeedsTherapists(Paul):
    info = ModelInfo(name="needs-therapists", summary="", needs=Needs(facets=("therapist",)), linear=True)


def test_unmet_needs_are_refused_before_building() -> None:
    with pytest.raises(NeedsError, match="needs a field of facet therapist") as caught:
        om.fit(om.load("beat_the_blues"), model=NeedsTherapists(), progress=False)
    assert caught.value.facet == "therapist"
    assert '"therapist": {"column": "<your column>", "facet": "therapist"' in (caught.value.mend or "")


def test_paul_keeps_the_protocols() -> None:
    model: LinearModel = Paul()
    assert isinstance(model, OutcomeModel)
    assert Paul() == Paul()
