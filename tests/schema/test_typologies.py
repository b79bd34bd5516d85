"""Typologies: trees with sources, one spelling per thing, any depth."""

from __future__ import annotations

import pytest

from outcomemodels.errors import SchemaError
from outcomemodels.schema.typologies import (
    available_typologies,
    fold,
    load_crosswalk,
    load_typology,
    typology_from_toml,
)


@pytest.mark.parametrize("name", available_typologies())
def test_every_verified_node_names_its_source(name: str) -> None:
    tree = load_typology(name)
    assert tree.version
    for node in tree.nodes:
        assert node.evidence in ("verified", "from_memory", "design")
        assert node.source or node.evidence == "design", node.label


def test_published_spellings_and_codes_lead_to_one_label() -> None:
    tree = load_typology("treatment")
    for spelling in ("Cognitive Behaviour Therapy (CBT)", "snomed:304891004", "cbt", "iapt15:50"):
        assert tree.canonical(spelling) == "CBT"
    assert tree.path("EMDR") == ("Psychological treatment", "Trauma processing", "EMDR")
    assert tree.cut("CT-PTSD", 1) == "Cognitive and behavioural"
    assert tree.within("CT-PTSD", "CBT")
    assert not tree.within("EMDR", "CBT")
    assert tree.depth("Psychological treatment") == 0
    assert "IPT" in tree.children("Interpersonal")


def test_delivery_format_is_apart_from_treatment() -> None:
    formats = load_typology("delivery_format")
    assert formats.canonical("grp") == "Group"
    assert "Group" not in load_typology("treatment")


def test_crosswalk_leads_into_the_typologies() -> None:
    names = load_crosswalk("nhs_annual_labels")
    for kind in ("problem", "treatment"):
        tree = load_typology(kind)
        for spelling, label in names[kind].items():
            assert label in tree.labels, label
            assert tree.canonical(spelling) == label


def test_unknown_label_offers_near_ones() -> None:
    with pytest.raises(SchemaError, match=r"not in typology[\s\S]*did you mean") as caught:
        load_typology("problem")["Depresion"]
    assert "'Depression'" in str(caught.value)


def test_unknown_typology_and_crosswalk() -> None:
    with pytest.raises(SchemaError, match="no typology 'cars'"):
        load_typology("cars")
    with pytest.raises(SchemaError, match="no crosswalk"):
        load_crosswalk("cars")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("name = ", "not TOML"),
        ('[[nodes]]\nlabel = "a"\ncolour = "red"', "colour"),
        ('[[nodes]]\nlabel = "a"\nparent = "b"', "not listed before"),
        ('[[nodes]]\nlabel = "a"\n[[nodes]]\nlabel = "a"', "twice"),
        ('[[nodes]]\nlabel = "a"\nsource = "x"', "no known source"),
        ('[[nodes]]\nlabel = "a"\n[[nodes]]\nlabel = "b"\nalso = ["A"]', "means 'a' and 'b'"),
        ('[[nodes]]\nlabel = "a"\nevidence = "hearsay"', "hearsay"),
    ],
)
def test_damaged_typologies_are_refused(text: str, words: str) -> None:
    with pytest.raises(SchemaError, match=words):
        typology_from_toml(text)


def test_fold_ignores_case_and_punctuation() -> None:
    assert fold("Non-Guided Self Help (Book)") == fold("non guided self help book")
