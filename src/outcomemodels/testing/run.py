"""Running checks: for a script one after the other, for pytest as parameters."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from time import perf_counter
from typing import TYPE_CHECKING, Any

from outcomemodels.plugin import ModelInfo, OutcomeModel
from outcomemodels.testing.catalogue import CHECKS, Check, checks_up_to
from outcomemodels.testing.results import CheckResult, NotApplicableError, Tier
from outcomemodels.testing.subject import Budget, Subject
from outcomemodels.testing.worlds import World

if TYPE_CHECKING:
    import pytest


def check_model(
    model: OutcomeModel,
    *,
    tier: Tier = "graph",
    worlds: Sequence[World] | None = None,
    expected_failures: Mapping[str, str] | None = None,
    only: Sequence[str] = (),
    budget: Budget | None = None,
    seed: int = 1,
    on_result: Callable[[CheckResult], None] | None = None,
) -> tuple[CheckResult, ...]:
    """Run every check up to a tier; never stops at a failure.

    Parameters
    ----------
    model : OutcomeModel
    tier : {"static", "graph", "sampling", "calibration"}
        The last tier to run: static takes under a second and no PyMC, graph seconds and no sampling, sampling a fit or
        two, calibration forty, or a hundred where the exact engine applies.
    worlds : sequence of World, optional
        Where to look; None takes small worlds that have what ``model.info`` says it needs.
    expected_failures : mapping of check name to reason, optional
        Failures the caller knows of. They do not count; one that passes is reported as ``"unexpected pass"``.
    only : sequence of str
        Names of checks to run, with those they come after; all when empty.
    budget : Budget, optional
    seed : int
        Of the worlds and of fits.
    on_result : callable, optional
        Called with each result as it comes.

    Returns
    -------
    tuple of CheckResult

    Raises
    ------
    LookupError
        For an expected failure or ``only`` that names no check.

    Examples
    --------
    >>> from outcomemodels.models.paul import Paul
    >>> all(r.ok for r in check_model(Paul(), tier="static"))
    True
    """
    known = dict(expected_failures or {})
    _check_names(known)
    subject = Subject(
        model=model, worlds=None if worlds is None else tuple(worlds), budget=budget or Budget(), seed=seed
    )
    failed: set[str] = set()
    results = []
    for check in checks_up_to(tier, tuple(only)):
        result = _run(check, subject, failed, known)
        results.append(result)
        if on_result is not None:
            on_result(result)
    return tuple(results)


@dataclass(frozen=True, eq=False)
class BoundCheck:
    """A check as a pytest parameter: call it with the model.

    Parameters
    ----------
    check : Check
    subject : Subject
        Shared by the checks of one model, so that graphs and fits are made once.
    reason : str
        Why it is known to fail; empty otherwise.
    """

    check: Check
    subject: Subject
    reason: str = ""
    failed: set[str] = field(default_factory=set)

    def __call__(self, model: OutcomeModel) -> None:
        """Run it; skips and expected failures are told to pytest."""
        import pytest

        if model is not self.subject.model:
            raise ValueError("this check is bound to another model: call check(model) with the parameter beside it")
        for name in self.check.after:
            if name not in self.subject.store:
                self.subject.store[name] = _run(_by_name(name), self.subject, self.failed, {})
        known = {self.check.name: self.reason} if self.reason else {}
        result = self.subject.store.get(self.check.name) if not known else None
        if result is None:
            result = _run(self.check, self.subject, self.failed, known)
        if not known:
            self.subject.store[self.check.name] = result
        if result.outcome == "skipped":
            pytest.skip(result.message)
        if result.outcome == "expected":
            pytest.xfail(f"{self.reason}: {result.message}")
        if result.outcome == "unexpected pass":
            pytest.fail(f"passes, though it was expected to fail: {self.reason}; take it off the list", pytrace=False)
        if result.outcome == "failed":
            pytest.fail(f"{self.check.says}\n{result.message}", pytrace=False)


def parametrize_checks(
    *models: OutcomeModel,
    tier: Tier = "graph",
    worlds: Sequence[World] | None = None,
    expected_failures: Mapping[str, str] | None = None,
    marks: Mapping[Tier, pytest.MarkDecorator] | None = None,
    budget: Budget | None = None,
    seed: int = 1,
) -> pytest.MarkDecorator:
    """Decorator for a pytest function with arguments ``model`` and ``check``.

    Parameters
    ----------
    *models : OutcomeModel
    tier, worlds, budget, seed
        See :func:`check_model`.
    expected_failures : mapping of name to reason, optional
        Keys are check names, or ``"check[model id]"`` for one of several models.
    marks : mapping of tier to mark, optional
        Marks put on the checks of a tier, such as ``{"sampling": pytest.mark.slow}``.

    Examples
    --------
    >>> import outcomemodels.models.paul as paul
    >>> @parametrize_checks(paul.Paul(), tier="static")
    ... def test_conforms(model, check):
    ...     check(model)
    """
    import pytest

    known = dict(expected_failures or {})
    ids = _ids(models)
    _check_names({key.split("[")[0]: reason for key, reason in known.items()})
    strange = [k for k in known if "[" in k and k.split("[", 1)[1].removesuffix("]") not in ids]
    if strange:
        raise LookupError(f"no model is called as in {', '.join(strange)}; there are {', '.join(ids)}")
    parameters = []
    for name, model in zip(ids, models, strict=True):
        subject = Subject(
            model=model, worlds=None if worlds is None else tuple(worlds), budget=budget or Budget(), seed=seed
        )
        failed: set[str] = set()
        for check in checks_up_to(tier):
            reason = known.get(f"{check.name}[{name}]", known.get(check.name, ""))
            mark = (marks or {}).get(check.tier)
            parameters.append(
                pytest.param(
                    model,
                    BoundCheck(check, subject, reason, failed),
                    id=f"{name}-{check.name}",
                    marks=() if mark is None else mark,
                )
            )
    return pytest.mark.parametrize(("model", "check"), parameters)


# -- parts -------------------------------------------------------------------------------------------------------


def _run(check: Check, subject: Subject, failed: set[str], known: Mapping[str, str]) -> CheckResult:
    missing = [name for name in check.after if name in failed]
    if missing:
        failed.add(check.name)
        return CheckResult(name=check.name, tier=check.tier, outcome="skipped", message=f"after {missing[0]} failed")
    started = perf_counter()
    message, outcome = "", "passed"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            check.run(subject)
    except NotApplicableError as why:
        message, outcome = str(why), "skipped"
    except AssertionError as error:
        message, outcome = str(error), "failed"
    except Exception as error:
        message, outcome = f"{type(error).__name__}: {error}", "failed"
    seconds = perf_counter() - started
    if outcome == "failed":
        failed.add(check.name)
    if check.name in known and outcome != "skipped":
        outcome, message = (
            ("expected", f"{known[check.name]}: {message}")
            if outcome == "failed"
            else ("unexpected pass", known[check.name])
        )
    made: Any = outcome
    return CheckResult(name=check.name, tier=check.tier, outcome=made, message=message, seconds=seconds)


def _by_name(name: str) -> Check:
    return next(c for c in CHECKS if c.name == name)


def _check_names(known: Mapping[str, str]) -> None:
    unknown = [n for n in known if n not in {c.name for c in CHECKS}]
    if unknown:
        raise LookupError(f"no check is called {', '.join(unknown)}; there are {', '.join(c.name for c in CHECKS)}")


def _ids(models: Sequence[OutcomeModel]) -> list[str]:
    """Names of models; those that share one are told apart by their settings, then by number."""
    names = [_name(m) for m in models]
    settled = [n if names.count(n) == 1 else repr(m).replace(" ", "") for n, m in zip(names, models, strict=True)]
    return [n if settled.count(n) == 1 else f"{n}-{i}" for i, n in enumerate(settled)]


def _name(model: object) -> str:
    info = getattr(model, "info", None)
    return info.name if isinstance(info, ModelInfo) else type(model).__name__
