"""Questionnaires filled in at simulated visits, and between them."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from outcomemodels.data.nhs_simulation.benefit import arrived, gad7_more
from outcomemodels.data.nhs_simulation.codes import MEASURE, PROBLEMS, WSAS_ITEMS
from outcomemodels.data.nhs_simulation.parameters import Parameters
from outcomemodels.data.nhs_simulation.records import Descriptors
from outcomemodels.data.nhs_simulation.spells import Spells
from outcomemodels.data.nhs_simulation.visits import FOLLOW_UP, Visits
from outcomemodels.data.nhs_simulation.world import HIGH

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

OWN_MEASURES = ("pcl5", "spin", "pdss", "mi_alone", "oci", "hai")
_RANGE = {"pcl5": (0, 80), "spin": (0, 68), "pdss": (0, 28), "mi_alone": (1, 5), "oci": (0, 168), "hai": (0, 54)}
_WORKING = (0, 2, 6)  # employed, student, volunteer


@dataclass(frozen=True, slots=True, kw_only=True)
class Scores:
    """Scores, dims (score,).

    ``visit``: position of the visit, -1 for those filled in before the first one; ``inside``: recorded in a contact's
    activity (IDS607), otherwise at the referral (IDS606); ``outcome``: between referral and discharge, so that it can
    be a first or last score.
    """

    referral: IntArray
    visit: IntArray
    day: IntArray
    measure: IntArray
    value: FloatArray
    inside: BoolArray
    outcome: BoolArray

    @property
    def n(self) -> int:
        """Number of scores."""
        return len(self.day)

    def take(self, rows: NDArray[np.generic]) -> Scores:
        """These rows, in this order."""
        return Scores(**{f.name: getattr(self, f.name)[rows] for f in fields(self)})


def draw_scores(
    p: Parameters, spells: Spells, visits: Visits, descriptors: Descriptors, rng: np.random.Generator
) -> Scores:
    """Every score of every measure at the visits where questionnaires are offered."""
    people, noise = spells.people, spells.noise
    early = np.flatnonzero((rng.random(spells.n) < p["measure.before_visit"]) & spells.seen)
    seen_first = np.full(spells.n, np.iinfo(np.int64).max)
    np.minimum.at(seen_first, visits.referral, visits.day)
    early = early[(seen_first[early] < np.iinfo(np.int64).max) & (seen_first[early] - 1 >= spells.day[early])]
    at = np.flatnonzero(visits.scored)
    ref = np.concatenate([visits.referral[at], early])
    visit = np.concatenate([at, np.full(len(early), -1)])
    day = np.concatenate([visits.day[at], seen_first[early] - 1])
    keep = ~people.never[ref]
    ref, visit, day = ref[keep], visit[keep], day[keep]
    session = np.where(visit >= 0, visits.session[np.maximum(visit, 0)], -1)
    kind = np.where(visit >= 0, visits.kind[np.maximum(visit, 0)], 0)
    missed = (visit >= 0) & ~visits.attended[np.maximum(visit, 0)]
    after = kind == FOLLOW_UP
    n = len(ref)
    total = spells.attended.sum(0)[ref]
    at_session = np.where(after, total - 1, session)
    step = at_session >= spells.attended[0, ref]
    within = np.where(step, at_session - spells.attended[0, ref], at_session) + 1
    at_step = step.astype(np.int64)
    share = arrived(p, within, HIGH[spells.arm[at_step, ref]])
    gain = np.where(step, spells.kept[ref], 0.0) + spells.size[at_step, ref] * share
    gain = np.where(at_session >= 0, gain, 0.0)

    jitter = np.where(missed | after, rng.normal(0, p["severity.phq9_error"], n), 0.0)
    phq9 = np.where(
        at_session >= 0,
        spells.path[np.maximum(at_session, 0), ref] + jitter,
        noise.phq9[0, ref] + rng.normal(0, 1, n) * (kind == 0),
    )
    index = at_session + 1
    more = gad7_more(p, people)[ref] * np.where(at_session >= 0, np.where(step, np.maximum(share, 0.6), share), 0)
    gad7 = noise.gad7[index, ref] - p["benefit.gad7_ratio"] * gain - more + 0.8 * jitter
    offered = (rng.random(n) < p["measure.recorded"]) | (index <= 0)
    inside = (visit >= 0) & ~visits.online[np.maximum(visit, 0)]
    outcome = ~after
    parts: list[tuple[IntArray, int, FloatArray]] = [
        (np.flatnonzero(offered), MEASURE["phq9"], np.clip(np.rint(phq9), 0, 27)),
        (np.flatnonzero(offered & (rng.random(n) < 0.995)), MEASURE["gad7"], np.clip(np.rint(gad7), 0, 21)),
    ]
    level = people.phq9[ref] + noise.state[index, ref] - gain
    parts += _wsas(p, spells, ref, level, gain, offered, rng)
    parts += _own(p, spells, ref, noise.state[index, ref], gain, offered, descriptors, rng)
    rows = np.concatenate([r for r, _, _ in parts])
    return Scores(
        referral=ref[rows],
        visit=visit[rows],
        day=day[rows],
        measure=np.concatenate([np.full(len(r), m) for r, m, _ in parts]),
        value=np.concatenate([v[r] for r, _, v in parts]),
        inside=inside[rows],
        outcome=outcome[rows],
    )


def _wsas(
    p: Parameters,
    spells: Spells,
    ref: IntArray,
    level: FloatArray,
    gain: FloatArray,
    offered: BoolArray,
    rng: np.random.Generator,
) -> list[tuple[IntArray, int, FloatArray]]:
    people = spells.people
    before = level + gain
    total = p["measure.wsas_mean"] + 0.9 * (before - 15) - p["benefit.wsas_ratio"] * gain + people.wsas[ref]
    filled = offered & (rng.random(len(ref)) < p["measure.wsas_recorded"])
    working = np.isin(people.employment[ref], _WORKING)
    out = []
    for k, item in enumerate(WSAS_ITEMS):
        shift = (0.1, -0.2, 0.4, 0.0, -0.3)[k]
        value = np.clip(np.rint(total / 5 + shift + rng.normal(0, 1.1, len(ref))), 0, 8)
        rows = np.flatnonzero(filled & working if item == "work" else filled)
        out.append((rows, MEASURE[f"wsas_{item}"], value))
    return out


def _own(
    p: Parameters,
    spells: Spells,
    ref: IntArray,
    state: NDArray[np.float32],
    gain: FloatArray,
    offered: BoolArray,
    descriptors: Descriptors,
    rng: np.random.Generator,
) -> list[tuple[IntArray, int, FloatArray]]:
    """The anxiety measure of the problem as first described, where the therapist uses it."""
    people = spells.people
    uses = rng.random(spells.n) < p["service.adsm_rate"]
    own = rng.standard_normal(spells.n)
    z = 0.55 * (people.gad7[ref] - p["severity.gad7_mean"]) / p["severity.gad7_sd"] + 0.65 * own[ref]
    z = z + (0.45 * (state - p["severity.state_shift"]) - 0.95 * gain) / 6 + rng.normal(0, 0.25, len(ref))
    means, sds = p.by("measure.adsm_mean", OWN_MEASURES), p.by("measure.adsm_sd", OWN_MEASURES)
    out = []
    for k, name in enumerate(OWN_MEASURES):
        asked = [i for i, q in enumerate(PROBLEMS) if q.measure == name]
        rows = np.flatnonzero(offered & uses[ref] & np.isin(descriptors.first[ref], asked))
        low, high = _RANGE[name]
        raw = np.clip(means[k] + sds[k] * z, low, high)
        value = np.round(np.rint(raw * 26) / 26, 2) if name == "mi_alone" else np.rint(raw)  # mean of 26 items
        out.append((rows, MEASURE[name], value))
    return out
