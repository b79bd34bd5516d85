"""Models by entry point: listing reads names and imports nothing; loading one cannot harm the others."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from importlib.metadata import EntryPoint, entry_points
from threading import Thread
from typing import get_args

from outcomemodels.errors import PluginError
from outcomemodels.plugin import API, ModelInfo, OutcomeKind, OutcomeModel
from outcomemodels.schema import Facet
from outcomemodels.spec import Option

GROUP = "outcomemodels.models"
PATIENCE = 120.0
"""Seconds a plugin may take to be imported; PyMC alone takes up to ten, many times that on a busy machine."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One registered model: its name, the distribution that brings it, and where its class is."""

    name: str
    distribution: str
    version: str
    target: str


def available(points: Iterable[EntryPoint] | None = None) -> tuple[Entry, ...]:
    """Registered models by name, without importing any."""
    found = entry_points(group=GROUP) if points is None else points
    entries = {Entry(p.name, *_distribution(p), p.value) for p in found}
    return tuple(sorted(entries, key=lambda e: (e.name, e.distribution)))


def _distribution(point: EntryPoint) -> tuple[str, str]:
    """Name and version of the distribution behind an entry point; "?" where its metadata are damaged."""
    try:
        return (point.dist.name or "?", point.dist.version or "?") if point.dist else ("?", "?")
    except Exception:  # damaged metadata of one distribution must not hide the others
        return "?", "?"


def options_of(model: OutcomeModel) -> tuple[tuple[str, Option], ...]:
    """Fields of a model that is a dataclass and their values, as a spec keeps them.

    Values that JSON cannot hold are left out; :func:`load_model` then falls back to their defaults.
    """
    if not is_dataclass(model):
        return ()
    held = ((f.name, getattr(model, f.name)) for f in fields(model) if f.init)
    return tuple((name, value) for name, value in held if value is None or isinstance(value, str | float | int | bool))


def load_model(
    name: str, points: Iterable[EntryPoint] | None = None, *, options: Sequence[tuple[str, Option]] = ()
) -> OutcomeModel:
    """Import and check one model.

    Parameters
    ----------
    name : str
    points : iterable of EntryPoint, optional
        Those installed when absent.
    options : sequence of (name, value)
        Fields of the model to set, from :func:`options_of`.

    Raises
    ------
    PluginError
        If the name is unknown or claimed twice, the import fails or does not end within :data:`PATIENCE`, or the model
        does not keep the protocol; the message names the distribution, the cause and the mend.
    """
    found = list(entry_points(group=GROUP) if points is None else points)
    matches = {(p.value, _distribution(p)[0]): p for p in found if p.name == name}
    if not matches:
        import difflib

        names = sorted({p.name for p in found})
        near = difflib.get_close_matches(name, names, n=3)
        raise PluginError(
            f"no model called {name!r} is installed",
            accepted=", ".join(names) or "none",
            mend=f"did you mean {near[0]!r}?" if near else f"install the package that registers it in {GROUP!r}",
        )
    if len(matches) > 1:
        raise PluginError(
            f"{len(matches)} packages register a model called {name!r}",
            rows=[f"{dist}: {target}" for target, dist in matches],
            mend="uninstall one, or pass the model object itself: fit(…, model=TheirModel())",
        )
    (target, distribution), point = next(iter(matches.items()))
    made, error = _made(point, dict(options))
    if error is not None:
        raise PluginError(
            f"model {name!r} could not be loaded: {type(error).__name__}: {error}",
            rows=[f"{distribution}: {target}"],
            mend=f"repair or uninstall {distribution}; other models are not affected",
        ) from error
    return checked(made, name=name, origin=f"{distribution}: {target}")


def _made(point: EntryPoint, options: Mapping[str, Option]) -> tuple[object, BaseException | None]:
    """The model an entry point makes, or what went wrong; imported aside, so that one that never ends can be left."""
    made: list[object] = []
    failed: list[BaseException] = []

    def load() -> None:
        try:
            made.append(point.load()(**options))
        except BaseException as error:  # sys.exit while importing is a broken plugin, not the end of ours
            failed.append(error)

    worker = Thread(target=load, daemon=True, name=f"load {point.name}")
    worker.start()
    worker.join(PATIENCE)
    if made:
        return made[0], None
    late = TimeoutError(f"importing it did not end within {PATIENCE:g} s")
    return None, failed[0] if failed else late


def checked(model: object, *, name: str | None = None, origin: str = "the object passed") -> OutcomeModel:
    """Check that an object keeps the protocol and was written for this version of it.

    Raises
    ------
    PluginError
        Naming what is missing.
    """
    if not isinstance(model, OutcomeModel):
        missing = [n for n in ("info", "default_priors", "build") if not hasattr(model, n)]
        raise PluginError(
            f"{type(model).__name__} is not a model: it lacks {', '.join(missing)}",
            rows=[origin],
            accepted="an object with info, default_priors(design) and build(design, priors)",
        )
    info = model.info
    if not isinstance(info, ModelInfo):
        raise PluginError(
            f"info of {type(model).__name__} is a {type(info).__name__}", rows=[origin], accepted="ModelInfo"
        )
    if info.api != API:
        raise PluginError(
            f"model {info.name!r} was written for plugin api {info.api}",
            rows=[origin],
            accepted=f"api {API}",
            mend="update the plugin" if info.api < API else "update outcomemodels",
        )
    needs = info.needs
    kinds = needs.outcome.values() if isinstance(needs.outcome, Mapping) else needs.outcome
    unknown = [f"facet {f!r}" for f in needs.facets if f not in [each.value for each in Facet]]
    unknown += [f"outcome {k!r}" for k in kinds if k not in get_args(OutcomeKind)]
    if unknown:
        raise PluginError(
            f"model {info.name!r} needs what there is not: {', '.join(unknown)}",
            rows=[origin],
            accepted=f"facets {', '.join(Facet)}; outcomes {', '.join(get_args(OutcomeKind))}",
        )
    if name is not None and info.name != name:
        raise PluginError(
            f"the entry point says {name!r} but the model says {info.name!r}",
            rows=[origin],
            mend="make the two names equal",
        )
    return model
