"""Thresholds of the shipped instruments, held against the published table; and the funnel of every year and problem."""

from __future__ import annotations

import pandas as pd
import pytest

from outcomemodels.outcomes.denominators import funnel
from outcomemodels.outcomes.instruments import instruments

PUBLISHED = {  # caseness, reliable change; operators where they are not "at least"
    "phq9": (10, 6), "gad7": (8, 4), "spin": (19, 10), "pdss": (8, 5, ">=", ">"), "pcl5": (32, 10), "oci": (40, 32),
    "hai": (18, 4), "mi_alone": (2.3, 0.73, ">", ">="), "phq15": (10, None), "ibs_sss": (75, None), "ies_r": (33, 9),
    "oci_r": (21, None), "pswq": (45, None), "wsas": (None, 8), "core_om": (10, 5), "core10": (11, 6), "bdi2": (14, 9),
}  # fmt: skip


@pytest.mark.parametrize("name", PUBLISHED)
def test_thresholds(name):
    case, change, *operators = PUBLISHED[name]
    found = instruments()[name]
    assert (found.caseness, found.reliable_change) == (case, change)
    assert [found.caseness_operator.value, found.reliable_operator.value] == (operators or [">=", ">="])
    assert found.valid_from is not None
    assert found.citation
    for value, there in (("caseness", case), ("reliable_change", change)):
        assert there is None or found.tag(value) != "user"


def test_funnel_of_every_year_and_problem(shared_data):
    d = pd.read_csv(shared_data / "nhs_tt_reference" / "funnel_by_problem_england_2014_2024.csv")
    seen = 0
    for _, cells in d.groupby(["nhs_fy", "variable_a", "variable_b"]):
        n = cells.set_index("measure")["count"]
        started = n.get("accessing_services", n.get("first_treatment"))
        if started is None or not {"referrals_received", "finished_course_treatment"} <= set(n.index):
            continue
        received, finished = n["referrals_received"], n["finished_course_treatment"]
        if not (received > 0 and started > 0):
            continue
        shares = funnel(referred=received, started=started, finished=finished)
        assert shares["started_of_referred"] * shares["finished_of_started"] == pytest.approx(finished / received)
        assert shares["lost_after_start"] == pytest.approx((started - finished) / started)
        seen += 1
    assert seen > 100
