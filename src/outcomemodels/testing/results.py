"""What a check says: structured results, and the table a person reads."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, Literal

Tier = Literal["static", "graph", "sampling", "calibration"]
TIERS: tuple[Tier, ...] = ("static", "graph", "sampling", "calibration")
Outcome = Literal["passed", "failed", "expected", "unexpected pass", "skipped"]


class CheckFailedError(AssertionError):
    """A check did not hold; the message says what was found and what was to be expected."""


class NotApplicableError(Exception):
    """A check says nothing about this model; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckResult:
    """One check of one model.

    Parameters
    ----------
    name : str
        Name of the check, as listed by :data:`outcomemodels.testing.CHECKS`.
    tier : {"static", "graph", "sampling", "calibration"}
    outcome : {"passed", "failed", "expected", "unexpected pass", "skipped"}
        ``"expected"`` is a failure the caller announced, ``"unexpected pass"`` an announced failure that did not
        happen.
    message : str
        Why it failed or was skipped; empty when it passed.
    seconds : float
        Wall-clock time, seconds.
    """

    name: str
    tier: Tier
    outcome: Outcome
    message: str = ""
    seconds: float = 0.0

    @property
    def ok(self) -> bool:
        """Whether nothing needs to be done about it."""
        return self.outcome in ("passed", "expected", "skipped")

    def to_dict(self) -> dict[str, Any]:
        """Plain dict for JSON."""
        return asdict(self)


def all_ok(results: Iterable[CheckResult]) -> bool:
    """Whether no check failed and no announced failure passed."""
    return all(r.ok for r in results)


def format_results(results: Iterable[CheckResult], *, width: int = 100) -> str:
    """A table for the terminal: outcome, tier, name, seconds, and the first line of the message.

    Parameters
    ----------
    results : iterable of CheckResult
    width : int
        Characters of a line; longer messages are cut.
    """
    rows = list(results)
    name = max([len(r.name) for r in rows], default=0)
    lines = []
    for r in rows:
        head = f"{r.outcome:<15} {r.tier:<11} {r.name:<{name}} {r.seconds:6.2f} s"
        first = r.message.split("\n")[0]
        room = max(width - len(head) - 2, 24)
        lines.append(f"{head}  {first if len(first) <= room else first[: room - 1] + '…'}".rstrip())
    counts = {o: sum(r.outcome == o for r in rows) for o in dict.fromkeys(r.outcome for r in rows)}
    lines.append(", ".join(f"{n} {o}" for o, n in counts.items()) + f" in {sum(r.seconds for r in rows):.1f} s")
    return "\n".join(lines)
