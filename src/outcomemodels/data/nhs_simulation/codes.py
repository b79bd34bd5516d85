"""Words and codes of the simulated records: treatments, problems, questionnaires, dispositions."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Arm:
    """One treatment of the typology: its label, SNOMED concept, and whether it is high intensity."""

    label: str
    snomed: str
    high: bool
    online: bool = False


ARMS: tuple[Arm, ...] = (
    Arm("Guided self-help (book)", "748051000000105", False),
    Arm("Guided self-help (computer)", "748041000000107", False, online=True),
    Arm("Non-guided self-help (computer)", "748091000000102", False, online=True),
    Arm("Psychoeducational peer support", "702545008", False),
    Arm("Other low intensity", "1026111000000108", False),
    Arm("CBT", "304891004", True),
    Arm("Counselling for depression", "286711000000107", True),
    Arm("IPT", "443730003", True),
    Arm("Brief psychodynamic (DIT)", "314034001", True),
    Arm("EMDR", "449030000", True),
    Arm("Couple therapy for depression", "1129471000000105", True),
    Arm("Mindfulness", "933221000000107", True),
    Arm("Applied relaxation", "1127281000000100", True),
    Arm("Other high intensity", "1026131000000100", True),
)
"""Every treatment a client can be given; labels as in the shipped treatment typology."""

ARM_LABELS = tuple(a.label for a in ARMS)
EMPLOYMENT_SUPPORT = "1098051000000103"


@dataclass(frozen=True, slots=True)
class Problem:
    """One disorder: its label in the problem typology, codes it is recorded under, and its anxiety measure."""

    label: str
    codes: tuple[str, ...]
    measure: str = ""


PROBLEMS: tuple[Problem, ...] = (
    Problem("Depression", ("F321", "F329", "F331", "F339")),
    Problem("Mixed anxiety and depressive disorder", ("F412",)),
    Problem("Generalised anxiety disorder", ("F411",)),
    Problem("PTSD", ("F431",), "pcl5"),
    Problem("Social phobia", ("F401",), "spin"),
    Problem("Panic disorder", ("F410",), "pdss"),
    Problem("Agoraphobia", ("F400",), "mi_alone"),
    Problem("Specific phobia", ("F402",)),
    Problem("Obsessive-compulsive disorder", ("F420", "F422", "F429"), "oci"),
    Problem("Health anxiety", ("F452",), "hai"),
    Problem("Body dysmorphic disorder", ("83482000",)),
    Problem("Other anxiety or stress related disorder", ("F432", "F419", "F438")),
    Problem("Other mental health problem", ("F509", "F99")),
)
PROBLEM_LABELS = tuple(q.label for q in PROBLEMS)
UNSPECIFIED = -1

MEASURES: tuple[tuple[str, str], ...] = (
    ("phq9", "720433000"),
    ("gad7", "445455005"),
    ("pcl5", "491581000000104"),
    ("spin", "445552006"),
    ("pdss", "450326007"),
    ("mi_alone", "473355002"),
    ("oci", "450324005"),
    ("hai", "446793008"),
    ("wsas_work", "932621000000100"),
    ("wsas_home", "932581000000100"),
    ("wsas_social", "932611000000106"),
    ("wsas_private", "932591000000103"),
    ("wsas_relationships", "932601000000109"),
)
"""Questionnaires by name, with SNOMED concept; the position is the code used inside."""
MEASURE = {name: i for i, (name, _) in enumerate(MEASURES)}
WSAS_ITEMS = ("work", "home", "social", "private", "relationships")
ANXIETY_MEASURES = ("gad7", "pcl5", "spin", "pdss", "mi_alone", "oci", "hai")

END_CODES: dict[str, str] = {
    "10": "unsuitable",
    "11": "unsuitable",
    "12": "advice_only",
    "13": "referred_on",
    "14": "declined",
    "16": "assessment_dropout",
    "17": "deceased",
    "50": "not_assessed",
    "95": "unknown_pre",
    "46": "completed",
    "47": "dropped_out",
    "48": "service_ended_early",
    "49": "deceased",
    "96": "unknown_post",
}
"""End code to disposition."""

PROGRAMMES = ("SilverCloud", "MNDDSTRCT", "Beating the Blues", "iCT-SAD", "OCD-NET", "SLVRCLD space from depression")
LONG_TERM = ("73211009", "195967001", "56265001", "928000", "373673007", "53619000")
NO_LONG_TERM = "748031000000103"
ETHNICITY = ("A", "B", "C", "D", "E", "F", "G", "H", "J", "K", "L", "M", "N", "P", "R", "S", "Z", "99")
SOURCES = ("B1", "A1", "A3", "H2", "M1", "P1", "Q1")
EMPLOYMENT = ("01", "02", "03", "04", "05", "06", "07", "08", "ZZ")
