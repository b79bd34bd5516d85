"""The registry over distributions on the path: each fault is one clear error, and the good ones go on working."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from outcomemodels import registry
from outcomemodels.cli.main import cli
from outcomemodels.errors import PluginError
from outcomemodels.registry import available, load_model

GOOD = """
from dataclasses import dataclass
from outcomemodels.plugin import ModelInfo, Needs

@dataclass(frozen=True)
class Model:
    centred: bool = True
    info = ModelInfo(name={name!r}, summary="a made-up model", needs=Needs(facets={facets}, min_occasions=2),
                     unseen={{"therapist": "draw", "treatment": "refuse"}}, api={api})
    def default_priors(self, design): return {{}}
    def build(self, design, priors): return None
"""


def install(folder: Path, distribution: str, points: dict[str, str], code: str) -> None:
    """Put a distribution on a path entry as an installer would: its module, its metadata, its entry points."""
    module = distribution.replace("-", "_")
    (folder / f"{module}.py").write_text(code)
    info = folder / f"{module}-1.2.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.2\n")
    listed = "\n".join(f"{name} = {module}:{target}" for name, target in points.items())
    (info / "entry_points.txt").write_text(f"[{registry.GROUP}]\n{listed}\n")


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    def good(name: str, *, api: int = 1, facets: tuple[str, ...] = ("therapist",)) -> str:
        return GOOD.format(name=name, api=api, facets=facets)

    install(tmp_path, "plug-good", {"good": "Model"}, good("good"))
    install(tmp_path, "plug-broken", {"broken": "Model"}, "import no_such_module_at_all")
    install(tmp_path, "plug-leaving", {"leaving": "Model"}, "import sys; sys.exit(3)")
    install(tmp_path, "plug-slow", {"slow": "Model"}, "import time; time.sleep(60)")
    install(tmp_path, "plug-old", {"old": "Model"}, good("old", api=0))
    install(tmp_path, "plug-misnamed", {"misnamed": "Model"}, good("another"))
    install(tmp_path, "plug-absent", {"absent": "NoSuchClass"}, good("absent"))
    install(tmp_path, "plug-module", {"one": "Model", "two": "Model"}, good("one"))
    install(tmp_path, "plug-first", {"twice": "Model"}, good("twice"))
    install(tmp_path, "plug-second", {"twice": "Model"}, good("twice"))
    install(tmp_path, "plug-facet", {"facet": "Model"}, good("facet", facets=("therapists",)))
    damaged = tmp_path / "plug_damaged-1.0.dist-info"
    damaged.mkdir()
    (damaged / "entry_points.txt").write_text(f"[{registry.GROUP}]\ndamaged = plug_good:Model\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    importlib.invalidate_caches()
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        if name.startswith("plug_"):
            del sys.modules[name]


def test_listing_imports_none_of_them(path: Path) -> None:
    entries = {e.name: e for e in available()}
    assert (entries["good"].distribution, entries["good"].version) == ("plug-good", "1.2")
    assert {"paul", "broken", "slow", "twice", "damaged"} <= set(entries)
    assert not [name for name in sys.modules if name.startswith("plug_")]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("broken", "could not be loaded: ModuleNotFoundError"),
        ("leaving", "could not be loaded: SystemExit: 3"),
        ("old", "written for plugin api 0"),
        ("misnamed", "the entry point says 'misnamed' but the model says 'another'"),
        ("absent", "could not be loaded: AttributeError"),
        ("two", "the entry point says 'two' but the model says 'one'"),
        ("twice", "2 packages register a model called 'twice'"),
        ("facet", "needs what there is not: facet 'therapists'"),
        ("goood", "did you mean 'good'"),
    ],
)
def test_each_fault_is_one_error_and_harms_nobody(path: Path, name: str, message: str) -> None:
    with pytest.raises(PluginError, match=message) as caught:
        load_model(name)
    assert caught.value.mend or caught.value.accepted
    if name != "goood":
        assert "plug-" in str(caught.value)
    assert load_model("good").info.name == "good"
    assert load_model("paul").info.name == "paul"


def test_one_that_never_ends_is_left(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "PATIENCE", 0.2)
    with pytest.raises(PluginError, match=r"TimeoutError: importing it did not end within 0\.2 s") as caught:
        load_model("slow")
    assert "plug-slow" in str(caught.value)
    monkeypatch.setattr(registry, "PATIENCE", 60.0)
    assert load_model("good").info.name == "good"


def test_options_are_fields_of_the_model(path: Path) -> None:
    model = load_model("good", options=(("centred", False),))
    assert registry.options_of(model) == (("centred", False),)
    with pytest.raises(PluginError, match="unexpected keyword argument 'centered'"):
        load_model("good", options=(("centered", False),))


def test_the_command_lists_good_and_bad(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "PATIENCE", 5.0)
    (path / "plug_slow.py").write_text("import time; time.sleep(0.01)")
    plain = CliRunner().invoke(cli, ["models"])
    assert "good  (plug-good 1.2, plug_good:Model)" in plain.output
    rows = {r["name"]: r for r in json.loads(CliRunner().invoke(cli, ["models", "--verbose", "--json"]).stdout)}
    assert rows["good"]["facets"] == "therapist"
    assert rows["good"]["new"] == "therapist drawn, treatment refused"
    assert rows["good"]["occasions"] == "2 or more scores in time a client"
    assert rows["paul"]["outcome"] == "continuous or binary or count"
    assert "ModuleNotFoundError" in rows["broken"]["problem"]
    shown = CliRunner().invoke(cli, ["models", "--verbose"])
    assert shown.exit_code == 0
    assert "occasions: 2 or more" in shown.output
