"""Derived fields of the national pipeline, added to IDS101 on request."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from outcomemodels.data.nhs_simulation.flags import Columns
from outcomemodels.data.nhs_simulation.tables import Offsets, Table


def add_derived(referrals: Table, flags: Columns, at: Offsets) -> Table:
    """IDS101 with derived fields in every row of a pathway, from the simulator's own flags."""
    number = np.array([int(x[2:]) for x in referrals["PathwayID"].to_pylist()]) - at.referral
    case = flags["at_caseness"]
    values = {
        "CompletedTreatment_Flag": flags["finished"],
        "TreatmentCareContact_Count": flags["treatment_contacts"] - flags["internet_sessions"],
        "InternetEnabledTherapy_Count": flags["internet_sessions"],
        "PHQ9_FirstScore": flags["phq9_first"],
        "PHQ9_LastScore": flags["phq9_last"],
        "GAD_FirstScore": flags["gad7_first"],
        "GAD_LastScore": flags["gad7_last"],
        "Caseness_Flag": case == "yes",
        "NotCaseness_Flag": case == "no",
        "Recovery_Flag": flags["recovered"] == "yes",
        "ReliableImprovement_Flag": flags["reliable"] == "improved",
        "ReliableDeterioration_Flag": flags["reliable"] == "deteriorated",
        "NoChange_Flag": flags["reliable"] == "none",
    }
    return referrals | {k: _column(v[number]) for k, v in values.items()}


def _column(values: np.ndarray[tuple[int], np.dtype[np.generic]]) -> pa.Array:
    if values.dtype == np.bool_:
        return pa.array(np.where(values, "True", "False"))
    return pa.array(values, from_pandas=True)
