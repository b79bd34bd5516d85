"""A new plugin as files: a distribution of its own with a working model, an entry point and tests that pass at once."""

from __future__ import annotations

import re
from importlib.resources import files
from pathlib import Path

from outcomemodels.errors import FileError, SpecError

FILES: dict[str, str] = {
    "pyproject.toml": "pyproject.toml",
    "README.md": "README.md",
    "__init__.py": "src/@package@/__init__.py",
    "model.py": "src/@package@/model.py",
    "test_conforms.py": "tests/test_conforms.py",
}
"""Template to path of a new distribution."""


def new_plugin(name: str, folder: str | Path) -> tuple[Path, ...]:
    """Write a working plugin; nothing is overwritten.

    Parameters
    ----------
    name : str
        Entry-point name: lower case words joined by hyphens, such as ``therapist-slopes``.
    folder : path
        Made when absent.

    Returns
    -------
    tuple of path
        The files written.

    Raises
    ------
    SpecError
        If the name is not of that form.
    FileError
        If one of the files is there already.
    """
    rendered = render(name)
    folder = Path(folder)
    there = [str(folder / path) for path in rendered if (folder / path).exists()]
    if there:
        raise FileError(f"{len(there)} files exist already", rows=there, mend="choose another --out folder")
    written = []
    for path, text in rendered.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
        written.append(target)
    return tuple(written)


def render(name: str) -> dict[str, str]:
    """Files of a new plugin as text, by path inside its folder.

    Raises
    ------
    SpecError
        If the name is not of the form.
    """
    if not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", name):
        raise SpecError(
            f"{name!r} cannot name a model", accepted="lower case words joined by hyphens, such as therapist-slopes"
        )
    words = {
        "@distribution@": f"outcomemodels-{name}",
        "@package@": f"outcomemodels_{name.replace('-', '_')}",
        "@class@": "".join(part.capitalize() for part in name.split("-")),
        "@name@": name,
    }
    template = files("outcomemodels.testing") / "template"
    out = {}
    for source, path in FILES.items():
        text = (template / f"{source}.txt").read_text(encoding="utf-8")
        for key, value in words.items():
            text, path = text.replace(key, value), path.replace(key, value)
        out[path] = text
    return out
