"""Cases and entrants by name: those built in, and those that other packages register by entry point."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import Protocol

from outcomemodels.errors import PluginError


class Named(Protocol):
    """Anything with a name."""

    @property
    def name(self) -> str:
        """What it is asked for by."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Registered[T: Named]:
    """What there is of one kind.

    Parameters
    ----------
    group : str
        Of the entry points.
    kind : type
        What an entry point gives, or a function without arguments returns.
    noun : str
        What an error calls it.
    built_in : tuple
    """

    group: str
    kind: type[T]
    noun: str
    built_in: tuple[T, ...]

    def names(self, points: Iterable[EntryPoint] | None = None) -> tuple[str, ...]:
        """Built-in and registered names, without importing the latter."""
        own = [each.name for each in self.built_in]
        return (*own, *sorted({p.name for p in self._points(points)} - set(own)))

    def load(self, name: str, points: Iterable[EntryPoint] | None = None) -> T:
        """One by name.

        Raises
        ------
        PluginError
            For a name there is none of, or a registered one that cannot be loaded.
        """
        for each in self.built_in:
            if each.name == name:
                return each
        outside = self._points(points)
        for point in outside:
            if point.name == name:
                return self._loaded(point)
        raise PluginError(f"no benchmark {self.noun} called {name!r}", accepted=", ".join(self.names(outside)))

    def _points(self, points: Iterable[EntryPoint] | None) -> list[EntryPoint]:
        return list(entry_points(group=self.group) if points is None else points)

    def _loaded(self, point: EntryPoint) -> T:
        try:
            made = point.load()
            found = made if isinstance(made, self.kind) else made()
        except Exception as error:
            raise PluginError(
                f"benchmark {self.noun} {point.name!r} could not be loaded: {type(error).__name__}: {error}",
                rows=[point.value],
                mend="repair or uninstall the package that registers it; the others are not affected",
            ) from error
        if not isinstance(found, self.kind) or found.name != point.name:
            raise PluginError(
                f"benchmark {self.noun} {point.name!r} is not {self.kind.__name__} of that name",
                rows=[point.value],
                accepted=f"{self.kind.__name__}, or a function without arguments that returns one",
            )
        return found
