"""One family of errors: what was found, where, what is accepted, what to do next.

Floor 1. Every error the library raises on purpose is an :class:`OutcomeModelsError`; each class also inherits
from the built-in exception a caller would expect to catch.
"""

from __future__ import annotations

from collections.abc import Sequence

MAX_ROWS = 5


class OutcomeModelsError(Exception):
    """Something is wrong with what was handed over; the message says what, where, and how to mend it.

    Parameters
    ----------
    found : str
        What was found, in one sentence.
    table, column, facet : str, optional
        Where it was found.
    rows : sequence of str, optional
        Examples, already rendered as ``"row 12: '3.92e16'"``; at most five are kept.
    accepted : str, optional
        What would have been accepted.
    mend : str, optional
        What to do next.
    """

    def __init__(
        self,
        found: str,
        *,
        table: str | None = None,
        column: str | None = None,
        facet: str | None = None,
        rows: Sequence[str] = (),
        accepted: str | None = None,
        mend: str | None = None,
    ) -> None:
        self.found = found
        self.table = table
        self.column = column
        self.facet = facet
        self.rows = tuple(rows[:MAX_ROWS])
        self.n_rows = len(rows)
        self.accepted = accepted
        self.mend = mend
        super().__init__(self._message())

    def _message(self) -> str:
        places = [
            f"{kind} {name!r}"
            for kind, name in (("table", self.table), ("column", self.column), ("facet", self.facet))
            if name
        ]
        lines = [self.found]
        if places:
            lines.append("  where:    " + ", ".join(places))
        if self.rows:
            more = f" (first {len(self.rows)} of {self.n_rows})" if self.n_rows > len(self.rows) else ""
            lines.append("  found:    " + "; ".join(self.rows) + more)
        if self.accepted:
            lines.append("  accepted: " + self.accepted)
        if self.mend:
            lines.append("  mend:     " + self.mend)
        return "\n".join(lines)

    def __reduce__(self) -> tuple[object, ...]:
        return (_rebuild, (type(self), self.__dict__.copy()))


def _rebuild(kind: type[OutcomeModelsError], state: dict[str, object]) -> OutcomeModelsError:
    """Rebuild an error in another process; the keyword-only constructor defeats the default."""
    error = kind.__new__(kind)
    error.__dict__.update(state)
    Exception.__init__(error, error._message())
    return error


class SchemaError(OutcomeModelsError, ValueError):
    """A schema, typology or instrument definition is not usable."""


class DataError(OutcomeModelsError, ValueError):
    """A table does not satisfy its schema."""


class FileError(OutcomeModelsError, OSError):
    """A file is missing, truncated, of the wrong kind or too large to read safely."""


class SpecError(OutcomeModelsError, ValueError):
    """A model specification, setting or formula is not usable with these data."""


class NeedsError(SpecError):
    """The data lack something the model needs."""


class PluginError(OutcomeModelsError, LookupError):
    """A model plugin is unknown, broken, duplicated or of the wrong version."""


class QuestionError(OutcomeModelsError, ValueError):
    """A question cannot be put to this fit."""


class BlockedError(OutcomeModelsError, RuntimeError):
    """The audit blocks the fit; accept the finding by name to go on."""


class FitError(OutcomeModelsError, RuntimeError):
    """The model could not be fitted, or its result does not satisfy the posterior contract."""


class DependencyError(OutcomeModelsError, ImportError):
    """An optional dependency is not installed."""
