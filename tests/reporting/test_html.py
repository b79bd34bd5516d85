"""The file: self-contained, accessible, the same every time, loud when the fit failed."""

from __future__ import annotations

import itertools
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from outcomemodels.errors import FileError, QuestionError
from outcomemodels.estimands import Question
from outcomemodels.fitted import Fit
from outcomemodels.reporting import default_questions, gather, render, write_report
from outcomemodels.workflow import ask, report

VOID = {"meta", "br", "link", "img", "input", "hr"}


class Seen(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text: list[str] = []
        self.faults: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.faults.append(tag)

    def handle_data(self, data: str) -> None:
        self.text.append(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attrs for name, attrs in self.tags if name == tag]


def seen(text: str) -> Seen:
    parser = Seen()
    parser.feed(text)
    assert parser.faults == []
    assert parser.open == []
    return parser


def html_of(fit: Fit, *questions: Question) -> str:
    return render(gather(fit, [ask(fit, q) for q in questions or default_questions(fit.design)]))


@pytest.fixture(scope="module")
def page(routine: Fit) -> str:
    return html_of(routine)


def test_nothing_is_requested_from_anywhere(page: str) -> None:
    parser = seen(page)
    for tag, attrs in parser.tags:
        assert tag not in {"script", "link", "iframe", "img", "object", "embed", "image"}, tag
        assert "src" not in attrs
        for name in ("href", "xlink:href"):
            assert (attrs.get(name) or "#").startswith("#"), attrs
    assert "@import" not in page
    assert re.findall(r"url\((?!#)", page) == []
    assert len(page.encode()) < 2_000_000


def test_ids_are_unique_and_references_point_somewhere(page: str) -> None:
    parser = seen(page)
    ids = [attrs["id"] for _, attrs in parser.tags if "id" in attrs]
    assert len(ids) == len(set(ids))
    wanted = [(attrs.get("href") or "")[1:] for _, attrs in parser.tags if "href" in attrs]
    wanted += [w for _, attrs in parser.tags for w in (attrs.get("aria-labelledby") or "").split()]
    assert set(wanted) <= set(ids)


def test_headings_tables_and_pictures_are_accessible(page: str) -> None:
    parser = seen(page)
    assert parser.all("html") == [{"lang": "en"}]
    levels = [int(tag[1]) for tag, _ in parser.tags if re.fullmatch(r"h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(b - a <= 1 for a, b in itertools.pairwise(levels))
    assert len(parser.all("caption")) == len(parser.all("table")) > 3
    assert all("scope" in attrs for attrs in parser.all("th"))
    assert all(attrs["role"] == "img" for attrs in parser.all("svg"))
    alts = re.findall(r"<desc id=\"[^\"]+\">(.*?)</desc>", page)
    assert len(alts) == len(parser.all("svg")) >= 4
    assert min(map(len, alts)) > 40


def test_every_part_is_there(page: str) -> None:
    text = " ".join(seen(page).text)
    for part in (
        "The short answer", "What it rests on", "Treatments by problem", "Paul decomposition",
        "Therapists and services", "Can the computation be trusted?", "Limits", "Priors", "Audit of the data",
        "Provenance and licence", "SHA-256 of the data", "not stated in the schema",
    ):  # fmt: skip
        assert part in text, part


def test_the_same_fit_gives_the_same_bytes(routine: Fit, page: str) -> None:
    assert html_of(routine) == page


def test_causal_words_only_where_randomised(page: str, randomised: Fit) -> None:
    assert "is associated with an expected end" in page
    assert "differences between treatments are associations" in page.lower()
    other = html_of(randomised)
    assert "associated with" not in other
    assert "leads to" not in page


def test_a_failed_fit_is_said_before_anything_else(broken: Fit, page: str) -> None:
    failed = html_of(broken)
    body = failed.split("<body>")[1]
    assert body.index("Do not use these results") < body.index("<h1>")
    assert "<title>FAILED FIT" in failed
    assert 'role="alert"' in failed
    assert failed.count("not to be used: failed fit") >= 3
    assert "The chains disagree" in failed
    assert "Do not use these results" not in page


def test_a_comparison_the_data_do_not_link_has_no_number(disconnected: Fit) -> None:
    text = html_of(disconnected, Question(reference="T0", setting="S0"))
    parser = seen(text)
    row = re.search(r'<th scope="row">T2</th>(.*?)</tr>', text, flags=re.S)
    assert row is not None
    assert re.findall(r"<td[^>]*>(.*?)</td>", row.group(1))[:5] == ["–"] * 5
    assert "not estimable" in " ".join(parser.text)


def test_binomial_outcomes_are_percentages(counted: Fit) -> None:
    text = html_of(counted)
    seen(text)
    assert "percentage points" in text
    assert re.search(r"\d+\.\d%", text)


def test_labels_cannot_break_out(routine: Fit) -> None:
    evil = "<script>alert('x')</script> & T0"
    factor = routine.design.factors["treatment"]
    renamed = replace(factor, levels=(evil, *factor.levels[1:]))
    design = replace(routine.design, factors={**routine.design.factors, "treatment": renamed})
    fit = replace(routine, design=design)
    text = html_of(fit, Question())
    assert "<script" not in text
    seen(text)


def test_contrast_of_colours_is_enough(page: str) -> None:
    pairs = [("#1d2a35", "#ffffff"), ("#55626e", "#ffffff"), ("#55626e", "#f3f6f8"), ("#0b5d69", "#ffffff")]
    pairs += [("#ffffff", "#9b1c1c"), ("#6e4100", "#fff3df"), ("#4a535d", "#eceff2"), ("#0a5a2c", "#ffffff")]
    pairs += [("#9a5b00", "#ffffff"), ("#6a7480", "#ffffff"), ("#8a4b00", "#ffffff")]
    for front, back in pairs:
        assert front in page or front == "#ffffff", front
        low, high = sorted((luminance(front), luminance(back)))
        assert (high + 0.05) / (low + 0.05) >= 4.5, (front, back)


def luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_written_whole_or_not_at_all(routine: Fit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = [ask(routine, Question())]
    path = write_report(routine, tmp_path / "r.html", answers=answers)
    assert path.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    with pytest.raises(FileError, match=r"ending in \.html"):
        write_report(routine, tmp_path / "r.pdf", answers=answers)
    with pytest.raises(FileError, match="no folder"):
        write_report(routine, tmp_path / "nowhere" / "r.html", answers=answers)
    with pytest.raises(QuestionError, match="at least one answer"):
        write_report(routine, tmp_path / "s.html", answers=[])

    def refuse(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr("outcomemodels.reporting.html.os.replace", refuse)
    with pytest.raises(OSError, match="disk full"):
        write_report(routine, tmp_path / "t.html", answers=answers)
    assert [p.name for p in tmp_path.iterdir()] == ["r.html"]


def test_the_verb_asks_about_each_problem(routine: Fit, tmp_path: Path) -> None:
    text = report(routine, tmp_path / "r.html").read_text(encoding="utf-8")
    for problem in routine.design.factors["problem"].levels:
        assert f">{problem}</h3>" in text
