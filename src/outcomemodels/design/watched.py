"""Noting which fields of a design a model takes while it builds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class Watched[T](dict[str, T]):
    """A mapping that notes which entries are taken; walking over all of them notes them all."""

    def __init__(self, entries: Mapping[str, T]) -> None:
        super().__init__(entries)
        self.taken: set[str] = set()

    def __getitem__(self, name: str) -> T:
        self.taken.add(name)
        return super().__getitem__(name)

    def get(self, name: str, default: Any = None) -> Any:
        """As of a dict, noted."""
        if name in self:
            self.taken.add(name)
        return super().get(name, default)

    def values(self) -> Any:
        """As of a dict, all noted."""
        self.taken.update(self)
        return super().values()

    def items(self) -> Any:
        """As of a dict, all noted."""
        self.taken.update(self)
        return super().items()


def unwatched[T](entries: Mapping[str, T]) -> Mapping[str, T]:
    """The same entries, where taking them is not noted."""
    return dict(dict.items(entries)) if isinstance(entries, Watched) else entries
