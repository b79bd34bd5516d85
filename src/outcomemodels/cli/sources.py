"""From words on the command line to values: data sets, rows, questions."""

from __future__ import annotations

import difflib
import sys
from collections.abc import Callable, Sequence
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

import click

from outcomemodels.cli.options import DataOptions, QuestionOptions
from outcomemodels.errors import FileError, QuestionError, SpecError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from outcomemodels.data.dataset import PaulDataset
    from outcomemodels.design import Unseen
    from outcomemodels.estimands import Question


BETWEEN = 10.0
"""Seconds between two lines on how far it is, where no line can be written over."""


@contextmanager
def step(what: str, *, quiet: bool = False) -> Iterator[Callable[[str], None]]:
    """Say on stderr what is being done and, afterwards, how long it took; yields what to tell how far it is.

    On a terminal the last thing told is shown; elsewhere one line every ten seconds.
    """
    if quiet:
        yield lambda _: None
        return
    from rich.console import Console

    console = Console(stderr=True, highlight=False)
    start = perf_counter()
    if console.is_terminal:
        with console.status(what) as status:
            yield lambda text: status.update(f"{what}: {text}")
    else:
        said = [start]

        def tell(text: str) -> None:
            if perf_counter() - said[0] >= BETWEEN:
                said[0] = perf_counter()
                console.print(f"  {text}")

        yield tell
    console.print(f"[green]✓[/green] {what} [dim]({perf_counter() - start:.1f} s)[/dim]")


def showing_progress(*, quiet: bool) -> bool:
    """Whether a sampler may draw its own progress bar."""
    return not quiet and sys.stderr.isatty()


def open_data(
    source: str, read: DataOptions | None = None, *, tell: Callable[[str], None] | None = None
) -> PaulDataset:
    """Open a file, a folder of NHS annual or record-level tables, a saved data set, or a data set known by name.

    ``tell`` is told how far reading a folder of record-level tables is.

    Raises
    ------
    FileError
        If there is no such file and no such name, with near matches.
    """
    read = DataOptions() if read is None else read
    data = _open(source, read.schema, read.years, read.level, tell)
    return data.where(**pairs_of_labels(read.where)) if read.where else data


def usual_outcome(source: str) -> str:
    """Outcome meant where none is named: the last PHQ-9 for a folder of record-level IDS tables, else the data say."""
    from outcomemodels.data.nhs_dataset.tables import is_nhs_folder

    return "phq9_end" if Path(source).is_dir() and is_nhs_folder(source) else ""


def holds_reduced(source: str) -> bool:
    """Whether a file holds reduced rows rather than a data set."""
    path = Path(source)
    if path.suffix not in (".nc", ".zarr") or not path.exists():
        return False
    import xarray as xr

    from outcomemodels.inference.collapsed.cells import FORMAT

    try:
        with xr.open_dataset(path, engine="h5netcdf" if path.suffix == ".nc" else "zarr", decode_cf=False) as opened:
            return opened.attrs.get("format") == FORMAT
    except (OSError, ValueError, KeyError):
        return False  # the reader of data sets says what is wrong with it


def _open(
    source: str, schema: Path | None, years: Sequence[str], level: str, tell: Callable[[str], None] | None
) -> PaulDataset:
    path = Path(source)
    if path.is_dir() and path.suffix != ".zarr" and schema is None:
        from outcomemodels.data.nhs_annual import LEVELS, read_nhs_annual
        from outcomemodels.data.nhs_dataset.tables import is_nhs_folder

        if is_nhs_folder(path):
            if years or level:
                raise SpecError(
                    "--years and --level are for folders of NHS annual tables",
                    accepted="--where year=2023-24, --where provider=CODE for record-level tables",
                )
            from outcomemodels.data.nhs_dataset.read import read_nhs_dataset

            return read_nhs_dataset(path, progress=tell or False)

        chosen = next((name for name in LEVELS if name == (level or "provider")), None)
        if chosen is None:
            raise SpecError(f"unknown --level {level!r}", accepted=", ".join(LEVELS))
        return read_nhs_annual(path, level=chosen, years=list(years) or None)
    if years or level:
        raise SpecError("--years and --level are for folders of NHS annual tables", accepted="a folder")
    if path.exists():
        if path.suffix in (".nc", ".zarr") and schema is None:
            from outcomemodels.data.dataset import PaulDataset

            return PaulDataset.load(path)
        if schema is None:
            raise SpecError(
                f"{path.name} needs a schema",
                accepted="--schema FILE.toml, which says what each column means",
                mend=f"draft one: outcomemodels schema init {source} --out paul.toml",
            )
        from outcomemodels.data.read import read

        return read(path, schema=schema)
    from outcomemodels.data.embedded import available, load

    names = list(available())
    if source not in names:
        near = difflib.get_close_matches(source, names, n=3)
        raise FileError(
            f"no file and no data set {source!r}",
            accepted=f"a path, or one of {', '.join(names)}",
            mend=f"did you mean {near[0]!r}?" if near else None,
        )
    return load(source)


def pairs(words: Sequence[str], option: str) -> list[tuple[str, str]]:
    """``("age=34",)`` as ``[("age", "34")]``."""
    out = []
    for word in words:
        name, sign, value = word.partition("=")
        if not sign or not name.strip() or not value.strip():
            raise click.BadParameter(f"{word!r} is not of the form FIELD=VALUE", param_hint=option)
        out.append((name.strip(), value.strip()))
    return out


def pairs_of_labels(words: Sequence[str]) -> dict[str, str | tuple[str, ...] | list[str]]:
    """``--where`` as the arguments of :meth:`PaulDataset.where`; a field named twice takes either label."""
    wanted: dict[str, list[str]] = {}
    for name, label in pairs(words, "--where"):
        wanted.setdefault(name, []).append(label)
    return {name: list(labels) for name, labels in wanted.items()}


def place(word: str) -> str | Unseen:
    """``new`` and ``unknown`` as what they mean; anything else is a label."""
    from outcomemodels.design import NEW, UNKNOWN

    return {"new": NEW, "unknown": UNKNOWN}.get(word.lower(), word)


def values(words: Sequence[str], option: str) -> dict[str, str | float | Unseen]:
    """``age=34`` as a number, ``drug=Yes`` as a label, ``drug=unknown`` as unknown."""
    out: dict[str, str | float | Unseen] = {}
    for name, text in pairs(words, option):
        try:
            out[name] = float(text)
        except ValueError:
            out[name] = place(text)
    return out


def questions(said: QuestionOptions, *, response: str = "") -> tuple[Question, ...]:
    """One question for each problem named, or one about all clients."""
    from outcomemodels.estimands import Question

    plain = [w for w in said.setting if "=" not in w]
    if len(plain) > 1 or (plain and len(said.setting) > 1):
        raise QuestionError(
            f"--setting given as {', '.join(said.setting)}", accepted="one label, or several FIELD=LABEL"
        )
    where = place(plain[0]) if plain else {k: place(v) for k, v in pairs(said.setting, "--setting")}

    def about(problem: str | None) -> Question:
        return Question(
            problem=problem,
            treatments=said.treatments,
            reference=said.reference,
            client=values(said.client, "--client"),
            therapist=place(said.therapist),
            setting=where if where else place("new"),
            when=values(said.when, "--when"),
            worthwhile=said.worthwhile,
            response=response,
        )

    return tuple(about(p) for p in said.problems) if said.problems else (about(None),)


def outcome_of(words: Sequence[str], model: str) -> str | dict[str, str]:
    """The outcome of ``fit``: one field, or for a model of several responses the field of each.

    ``change=phq9_change`` says which response a field is; without a name, fields are taken in the order in which the
    model names its responses.

    Parameters
    ----------
    words : sequence of str
    model : str
        Name of an installed model.

    Raises
    ------
    SpecError
        For a response named twice, or named for some fields and not for others.
    PluginError
        If there is no such model.
    """
    named = {name.strip(): field.strip() for name, sign, field in (w.partition("=") for w in words) if sign}
    if named and len(named) < len(words):
        raise SpecError(
            f"--outcome {' --outcome '.join(words)} does not say which field is which response",
            accepted="RESPONSE=FIELD once for each response, or the fields alone in the order of the responses",
        )
    if named:
        return named
    if len(words) < 2:
        return "".join(words)
    from collections.abc import Mapping

    from outcomemodels.registry import load_model

    wanted = load_model(model).info.needs.outcome
    responses = list(wanted) if isinstance(wanted, Mapping) and len(wanted) == len(words) else list(words)
    return dict(zip(responses, words, strict=True))
