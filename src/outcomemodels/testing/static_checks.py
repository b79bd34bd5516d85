"""Checks without PyMC: the protocol, the value a model is, what it says about itself, its priors."""

from __future__ import annotations

import copy
import inspect
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, is_dataclass, replace
from typing import Any, get_args

import numpy as np

from outcomemodels.errors import NeedsError, OutcomeModelsError
from outcomemodels.plugin import API, Facet, ModelInfo, Outcome, OutcomeModel, Prior, UnseenPolicy, check_needs
from outcomemodels.registry import available
from outcomemodels.spec import ModelSpec
from outcomemodels.testing.results import NotApplicableError
from outcomemodels.testing.subject import Subject, fail_unless
from outcomemodels.testing.variants import digest, taken, without_facet

GROUPINGS = ("client", "therapist", "setting", "treatment")
"""Facets whose members can be new."""
PARAMS = "__dataclass_params__"
"""Where a dataclass keeps how it was made."""


def keeps_the_protocol(subject: Subject) -> None:
    """The model has ``info``, ``default_priors(design)`` and ``build(design, priors)``, written for this api."""
    model = subject.model
    missing = [n for n in ("info", "default_priors", "build") if not hasattr(model, n)]
    fail_unless(isinstance(model, OutcomeModel), f"{type(model).__name__} lacks {', '.join(missing)}")
    fail_unless(isinstance(model.info, ModelInfo), f"info is a {type(model.info).__name__}, not a ModelInfo")
    fail_unless(model.info.api == API, f"info.api is {model.info.api}, this version of the library reads api {API}")
    for name, count in (("default_priors", 1), ("build", 2)):
        wanted = [p for p in inspect.signature(getattr(model, name)).parameters.values() if p.default is p.empty]
        fail_unless(len(wanted) == count, f"{name} takes {len(wanted)} arguments, the protocol hands over {count}")


def is_a_frozen_value(subject: Subject) -> None:
    """The model is a frozen dataclass; a copy is equal, and it travels to another process."""
    model = subject.model
    fail_unless(is_dataclass(model), f"{type(model).__name__} is not a dataclass")
    marks = getattr(type(model), PARAMS, None)
    fail_unless(
        marks is not None and bool(marks.frozen),
        f"{type(model).__name__} is not frozen: write @dataclass(frozen=True)",
    )
    fail_unless(copy.deepcopy(model) == model, "a deep copy is not equal to the model")
    fail_unless(hash(copy.deepcopy(model)) == hash(model), "a deep copy has another hash")
    from multiprocessing.reduction import ForkingPickler

    sent = ForkingPickler.loads(bytes(ForkingPickler.dumps(model)))
    fail_unless(sent == model, "the model changes on its way to another process")


def info_is_honest(subject: Subject) -> None:
    """``info`` uses the vocabulary, promises what the class has, and its name is the one it is registered under."""
    info = subject.model.info
    fail_unless(bool(re.fullmatch(r"[a-z][a-z0-9]*([-_][a-z0-9]+)*", info.name)), f"name {info.name!r}: lower case")
    fail_unless(bool(info.summary.strip()), "summary is empty")
    facets = {f.value for f in Facet}
    for name in (*info.needs.facets, *info.unseen):
        fail_unless(name in facets, f"{name!r} is no facet; there are {', '.join(sorted(facets))}")
    kinds = set(get_args(Outcome))
    outcome = info.needs.outcome
    said = set(outcome.values()) if isinstance(outcome, Mapping) else set(outcome)
    fail_unless(bool(said) and said <= kinds, f"needs.outcome {said or '{}'}; accepted {', '.join(sorted(kinds))}")
    fail_unless(info.needs.min_occasions >= 1, f"needs.min_occasions is {info.needs.min_occasions}")
    for facet, policy in info.unseen.items():
        fail_unless(policy in get_args(UnseenPolicy), f"unseen[{facet!r}] is {policy!r}")
    silent = [f for f in info.needs.facets if f in GROUPINGS and f not in info.unseen]
    fail_unless(not silent, f"unseen says nothing of {', '.join(silent)}: 'draw' or 'refuse'?")
    has = callable(getattr(subject.model, "linear", None))
    fail_unless(info.linear == has, f"info.linear is {info.linear}, but linear(…) is {'there' if has else 'missing'}")
    kind = type(subject.model)
    target = f"{kind.__module__}:{kind.__qualname__}"
    names = {e.name for e in available() if e.target == target}
    fail_unless(not names or info.name in names, f"registered as {', '.join(names)}, but info.name is {info.name!r}")


def says_its_story_with_units(subject: Subject) -> None:
    """The docstring tells how an outcome comes about (``~``) and in which units the parameters are."""
    kinds = [k for k in type(subject.model).__mro__ if k.__module__ != "builtins"]
    told = [k.__doc__ for k in kinds if k.__doc__ and not k.__doc__.startswith(f"{k.__name__}(")]
    text = "\n".join(told)
    fail_unless(bool(text), "the class has no docstring")
    fail_unless("~" in text, "the docstring has no line like 'outcome[obs] ~ Normal(expected[obs], noise)'")
    fail_unless("unit" in text.lower(), "the docstring does not say in which units the parameters are")


def survives_json(subject: Subject) -> None:
    """Spec, priors and info come back from JSON as they went."""
    info = subject.model.info
    json.dumps(asdict(info))
    priors = subject.main.priors
    odd = [f"{k}: {type(v).__name__}" for k, v in priors.items() if not isinstance(v, Prior)]
    fail_unless(not odd, f"priors that are not Prior values: {', '.join(odd)}")
    spec = subject.main.world.spec.with_(model=info.name, priors=tuple(priors.items()))
    fail_unless(ModelSpec.from_json(spec.to_json()) == spec, "the specification changes in JSON")


def priors_are_pure(subject: Subject) -> None:
    """Default priors are the same every time, and making them leaves the design alone."""
    case = subject.main
    before = digest(case.design)
    first, second = dict(subject.model.default_priors(case.design)), dict(subject.model.default_priors(case.design))
    fail_unless(first == second, "two calls of default_priors differ")
    fail_unless(bool(first), "there is no prior")
    fail_unless(digest(case.design) == before, "default_priors changes the design")


def default_priors_ignore_n(subject: Subject) -> None:
    """Twice the same rows say nothing new about the priors."""
    design = subject.main.design
    twice = taken(design, np.tile(np.arange(design.n_obs), 2))
    one, two = dict(subject.model.default_priors(design)), dict(subject.model.default_priors(twice))
    moved = [n for n in one if n not in two or not _alike(one[n], two[n])]
    fail_unless(not moved and len(one) == len(two), f"priors change when every row is doubled: {', '.join(moved)}")


def unmet_needs_are_refused(subject: Subject) -> None:
    """Data without a facet that is needed are refused before the build, by its name and the column that would do."""
    model, needs = subject.model, subject.model.info.needs
    if not needs.facets:
        raise NotApplicableError("the model needs no facet")
    for facet in needs.facets:
        poorer, schema = without_facet(subject.main.design, Facet(facet)), subject.main.world.data.schema
        left = replace(schema, fields=tuple(f for f in schema.fields if f.facet is not Facet(facet)))
        try:
            check_needs(model, poorer, schema=left)
        except NeedsError as refusal:
            fail_unless(refusal.facet == facet, f"without {facet} the refusal names {refusal.facet}")
            named = refusal.column or f"[fields.{facet}]" in (refusal.mend or "")
            fail_unless(bool(named), f"without {facet} the refusal names no column, nor how to declare one")
        else:
            fail_unless(False, f"data without any {facet} were accepted")


def asks_for_no_more_than_it_says(subject: Subject) -> None:
    """Data that have just what is declared, or more, are enough to get priors."""
    for case in subject.cases:
        try:
            made: Any = subject.model.default_priors(case.design)
        except OutcomeModelsError as refusal:
            if case.world.role == "aggregated":
                continue  # it may decline cells or counts, in words
            fail_unless(False, f"world {case.world.name!r} has what is declared, and is refused: {refusal.found}")
        except Exception as error:
            fail_unless(False, f"world {case.world.name!r} has what is declared; {type(error).__name__}: {error}")
        else:
            fail_unless(isinstance(made, Mapping), f"default_priors gives a {type(made).__name__}")


def _alike(one: Prior, two: Prior) -> bool:
    return one.name == two.name and bool(np.allclose(one.values, two.values, rtol=1e-9, atol=1e-12))
