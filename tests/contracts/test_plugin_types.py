"""A type checker tells a plugin author what is missing, in words one can act on."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("mypy")

ROOT = Path(__file__).resolve().parents[2]

CODE = """
from dataclasses import dataclass
import pymc as pm
from outcomemodels.plugin import Design, ModelInfo, OutcomeModel, Prior, Priors


@dataclass(frozen=True)
class Whole:
    info = ModelInfo(name="whole", summary="has all it needs", unseen={"therapist": "draw"})

    def default_priors(self, design: Design) -> Priors:
        return {"noise": Prior.half_normal(design.scale.spread)}

    def build(self, design: Design, priors: Priors) -> pm.Model:
        return pm.Model(coords=design.coords)


@dataclass(frozen=True)
class WithoutBuild:
    info = ModelInfo(name="without-build", summary="forgets to build")

    def default_priors(self, design: Design) -> Priors:
        return {}


@dataclass(frozen=True)
class Swapped(Whole):
    def default_priors(self, design: Design) -> list[Prior]:
        return [Prior.normal(0, 1)]


whole: OutcomeModel = Whole()
without: OutcomeModel = WithoutBuild()
swapped: OutcomeModel = Swapped()
mistyped = ModelInfo(name="mistyped", summary="", unseen={"therapist": "average"})
"""


def test_mypy_names_what_is_missing(tmp_path: Path) -> None:
    path = tmp_path / "authors_plugin.py"
    path.write_text(CODE)
    line = {text.split(":")[0].split(" =")[0]: i + 1 for i, text in enumerate(CODE.split("\n")) if text}
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--config-file", str(ROOT / "pyproject.toml"), str(path)],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        timeout=300,
    )
    found = done.stdout
    assert done.returncode == 1, found + done.stderr
    errors = [text for text in found.split("\n") if ": error:" in text and "authors_plugin" in text]
    assert not any(f":{line['whole']}:" in e for e in errors), found
    assert any(
        f":{line['without']}:" in e
        and '"WithoutBuild", variable has type "OutcomeModel"' in e.replace("expression has type ", "")
        for e in errors
    ), found
    assert '"WithoutBuild" is missing following "OutcomeModel" protocol member' in found
    assert "note:     build" in found
    assert any('Return type "list[Prior]" of "default_priors" incompatible' in e for e in errors), found
    assert any(f":{line['mistyped']}:" in e and "Literal['average']" in e for e in errors), found
