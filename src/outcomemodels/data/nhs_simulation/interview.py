"""An independently interviewed subsample: another assessor, with a threshold of his own."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from outcomemodels.data.nhs_simulation.parameters import Parameters
from outcomemodels.data.nhs_simulation.spells import Spells
from outcomemodels.data.nhs_simulation.tables import Offsets, Table, dates, number
from outcomemodels.data.nhs_simulation.truth_tables import After
from outcomemodels.data.nhs_simulation.visits import Ending


def interviews(
    p: Parameters, spells: Spells, ending: Ending, after: After, at: Offsets, share: float, rng: np.random.Generator
) -> Table:
    """Interviews of a random share of those discharged after treatment, 1 to 12 months later.

    The interviewer sees the true level with an error of his own, and the symptoms of those who have relapsed by then.
    """
    asked = np.flatnonzero(~ending.open & spells.enters & (rng.random(spells.n) < share))
    days = rng.integers(30, 366, len(asked))
    relapsed = (after.relapse[asked] >= 0) & (after.relapse[asked] <= days)
    level = np.where(relapsed, np.maximum(after.level[asked], spells.people.phq9[asked]), after.level[asked])
    seen = level + rng.normal(0, p["interview.error"], len(asked))
    return {
        "ServiceRequestId": number("SR", at.referral + asked),
        "Person_ID": number("P", spells.people.person[asked]),
        "InterviewDate": dates(ending.day[asked] + days),
        "Assessor": pa.array(["independent_blinded"] * len(asked), pa.string()),
        "Instrument": pa.array(["structured interview"] * len(asked), pa.string()),
        "DisorderPresent": pa.array(seen >= p["interview.threshold"]),
    }
