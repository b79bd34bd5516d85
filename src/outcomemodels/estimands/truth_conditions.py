"""What a question names beside the problem, as restrictions of a simulated world's truth: client, setting."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from outcomemodels.estimands.question import Question

WINDOWS: dict[str, tuple[str, float]] = {
    "age": ("age", 5.0),
    "phq9_start": ("phq9_first", 2.0),
    "gad7_start": ("gad7_first", 2.0),
}
"""Numbers of a client: column of the truth, and how near a client of the world has to come to count."""

LABELS: dict[str, tuple[str, Mapping[str, Any]]] = {
    "gender": ("gender", {"male": 1, "female": 2}),
    "ethnicity": ("white", {"White": True}),
    "long_term_condition": ("long_term", {"yes": True, "no": False}),
    "previous_episode": ("previous", {"yes": True, "no": False}),
}
"""Labels of a client, as the reader names them: group of the truth, and its value for each label."""

PLACES = ("provider", "service")


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """A question's conditions that the truth knows, and those it does not.

    Parameters
    ----------
    where : mapping
        As :meth:`NhsTruth.expected` takes it.
    said : str
        The conditions in words, "" without any.
    unknown : tuple of str
        Conditions of the question that the truth cannot be restricted by.
    """

    where: Mapping[str, Any]
    said: str
    unknown: tuple[str, ...]


def conditions_of(question: Question) -> Conditions:
    """Split what a question names of client, therapist, setting and time.

    NEW and UNKNOWN stand for the population, so they restrict nothing. A number restricts to clients near it: age
    within 5 years, a first score within 2 points.
    """
    where: dict[str, Any] = {}
    said: list[str] = []
    unknown: list[str] = []
    for name, value in question.client.items():
        if name in WINDOWS and isinstance(value, int | float):
            column, width = WINDOWS[name]
            where[column] = (value - width, value + width)
            said.append(f"{name} {value - width:g} to {value + width:g}")
        elif name == "deprivation" and isinstance(value, int | float):
            where["imd_decile"] = round(float(value))
            said.append(f"deprivation decile {round(float(value))}")
        elif isinstance(value, str) and value in LABELS.get(name, ("", {}))[1]:
            group, values = LABELS[name]
            where[group] = values[value]
            said.append(f"{name} {value}")
        elif isinstance(value, str | int | float) and not _unseen(value):
            unknown.append(f"{name} {value}")
    setting = question.setting
    places = setting.items() if isinstance(setting, Mapping) else [("provider", setting)]
    for name, label in places:
        if not isinstance(label, str):
            continue
        if name in PLACES:
            where["service"] = label
            said.append(f"provider {label}")
        else:
            unknown.append(f"{name} {label}")
    if isinstance(question.therapist, str):
        unknown.append(f"therapist {question.therapist}")
    unknown += [f"{name} {value}" for name, value in question.when.items() if not _unseen(value)]
    return Conditions(where=where, said=", ".join(said), unknown=tuple(unknown))


def _unseen(value: object) -> bool:
    from outcomemodels.design import Unseen

    return isinstance(value, Unseen)
