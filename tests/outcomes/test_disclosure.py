"""Small numbers in exports: hidden, rounded, and said so."""

from __future__ import annotations

import json

import pytest

from outcomemodels.errors import DataError
from outcomemodels.outcomes.suppression import Disclosure
from outcomemodels.reporting.disclosing import suppress_table
from outcomemodels.reporting.tables import Cell, Table

RULE = Disclosure()


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("12 of 1,013 courses", "10 of 1,015 courses"),
        ("3 of 1,013 courses (0.3%)", "fewer than 5 of 1,015 courses (–%)"),
        ("PHQ-9 and F41.1 in 2023-24, RX1:T12", "PHQ-9 and F41.1 in 2023-24, RX1:T12"),
        ("since 2021, 6 points or more", "since 2021, 6 points or more"),
        ("2.5 sessions, 87%", "2.5 sessions, 87%"),
        ("7: phq9_end missing; 3: age missing", "5: phq9_end missing; fewer than 5: age missing"),
        ("2 to 5 years, at 12:30", "2 to 5 years, at 12:30"),
    ],
)
def test_sentences(before, after):
    assert RULE.sentence(before) == after


def test_plain_values():
    made = RULE.plain(
        {
            "layers": [
                {"value": 0.03, "numerator": 3, "denominator": 100, "sentence": "3 of 100"},
                {"value": 0.87, "numerator": 87, "denominator": 100, "sentence": "87 of 100"},
                {"value": 7.3, "numerator": 7.3, "denominator": 9, "sentence": "as even as 7.3"},
            ],
            "n_comparable": 2,
            "name": "x 3",
            "passed": True,
        }
    )
    assert made["layers"][0] == {
        "value": None,
        "numerator": None,
        "denominator": 100,
        "sentence": "fewer than 5 of 100",
    }
    assert made["layers"][1]["value"] == 0.85
    assert made["n_comparable"] is None
    assert made["name"] == "x 3"
    assert made["passed"] is True
    json.dumps(made)


def test_report_tables_say_what_was_done():
    table = Table("t", (Cell("Treatment"), Cell("Courses"), Cell("Difference")), ((Cell("CBT"), Cell("3"), Cell("1")),))
    made = suppress_table(table, RULE)
    assert [c.text for c in made.rows[0]] == ["CBT", "fewer than 5", "1"]
    assert "suppressed" in made.note


def test_rules_are_checked():
    with pytest.raises(DataError):
        Disclosure(smallest=0)
