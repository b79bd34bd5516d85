"""The public names are these; a change here is a change of the promise."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import outcomemodels as om

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src" / "outcomemodels"


@pytest.mark.parametrize("name", om.__all__)
def test_public_name_resolves(name: str) -> None:
    assert getattr(om, name) is not None


def test_dir_lists_what_is_public() -> None:
    assert set(om.__all__) <= set(dir(om))


def test_unknown_name_says_what_there_is() -> None:
    with pytest.raises(AttributeError, match="it offers read, load"):
        om.fitt  # noqa: B018


def public_functions() -> list[tuple[str, ast.FunctionDef]]:
    found = []
    for path in sorted(SOURCE.rglob("*.py")):
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
                found.append((f"{path.relative_to(SOURCE)}:{node.name}", node))
    return found


def test_no_double_star_arguments_on_public_functions() -> None:
    assert [name for name, node in public_functions() if node.args.kwarg is not None] == []


def test_no_pickle_and_no_eval() -> None:
    for path in SOURCE.rglob("*.py"):
        tree = ast.parse(path.read_text())
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                assert "pickle" not in {a.name for a in node.names}, path
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                assert node.func.id not in {"eval", "exec"}, path
