"""IDS603: one problem descriptor per referral, by the national rule of selection."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from outcomemodels.data.nhs_dataset.codes import Vocabulary, Vodim, clean, code_lists, distinct, translate
from outcomemodels.data.nhs_dataset.source import LINKS, SUBMISSION, IntArray, ReferralIndex, Source, plain_number
from outcomemodels.data.nhs_dataset.spill import Blocks, Spill
from outcomemodels.schema.typologies import load_typology

UNSPECIFIED = "Unspecified problem"
BASES = ("validated, primary", "validated, secondary", "validated, rank not given", "not validated")


@dataclass(frozen=True, slots=True, kw_only=True)
class Problems:
    """Problem descriptor of each referral, dims (referral,).

    Parameters
    ----------
    code : ndarray of int
        Code into ``codes`` of the descriptor selected, -1 none.
    codes : tuple of str
        ICD-10 or SNOMED codes met, without points ("F411").
    basis : ndarray of int
        Code into ``BASES``, -1 none.
    changed, comorbid : ndarray of bool
        More than one primary descriptor was recorded; a secondary descriptor of another kind was recorded.
    """

    code: IntArray
    codes: tuple[str, ...]
    basis: IntArray
    changed: NDArray[np.bool_]
    comorbid: NDArray[np.bool_]

    def labels(self) -> tuple[str, ...]:
        """Label of the problem typology of each of ``codes``."""
        return tuple(problem_label(c) for c in self.codes)


def problem_label(code: str) -> str:
    """Label of the problem typology for an ICD-10 or SNOMED code; the longest prefix known counts."""
    tree = load_typology("problem")
    if f"snomed:{code}" in tree:
        return tree[f"snomed:{code}"].label
    for end in range(len(code), 2, -1):
        if f"icd10:{code[:end]}" in tree:
            return tree[f"icd10:{code[:end]}"].label
    return "Other recorded problem" if _is_code(code) else UNSPECIFIED


def _is_code(code: str) -> bool:
    icd10 = len(code) >= 3 and code[0].isalpha() and code[1:3].isdigit()
    return icd10 or (code.isdigit() and 6 <= len(code) <= 18)


def icd(text: str) -> str:
    """A descriptor's code: "F41.1", "f411 ", "F42*" and "F42X" as written in the typology; "" where it is invalid."""
    code = clean(text).replace(".", "").rstrip("*").strip()
    if len(code) > 3 and code[0].isalpha() and code.endswith(("X", "-")):
        code = code.rstrip("X-")
    return code if _is_code(code) else ""


def _vodim(text: str) -> tuple[int, int]:
    code = clean(text)
    if not code or code in ("NULL", "NONE", "NAN"):
        return -1, Vodim.MISSING
    found = icd(text)
    if not found:
        return -1, Vodim.DEFAULT if code == "-1" else Vodim.INVALID
    label = problem_label(found)
    return 0, Vodim.OTHER if label.startswith("Other") else Vodim.VALID


_FIELDS = ("Validated_PresentingComplaint", "PresComp", "PresCompCodSig", "PresCompDate", "UniqueID_IDS603")


DESCRIPTOR = np.dtype(
    [
        *(("referral", "i4"), ("code", "i4"), ("validated", "?"), ("rank", "i1"), ("day", "i4"), ("uid", "f8")),
        ("row", "i8"),
    ]
)
"""A row of IDS603 set aside."""


def spill_problems(source: Source, index: ReferralIndex, words: Vocabulary, blocks: Blocks, into: Spill) -> None:
    """Stream IDS603, by the block of its referral; ``words`` numbers the codes met."""
    with_validated = source.has("603", "Validated_PresentingComplaint")
    start = 0
    for batch in source.batches("603", (*LINKS, *SUBMISSION, *_FIELDS)):
        rows = len(next(iter(batch.values())))
        referral = index.find(batch, rows)
        where = index.provider_of(referral)
        none = np.full(rows, -1, dtype=np.int32)
        raw = words.add(batch["PresComp"], icd) if "PresComp" in batch else none
        given = batch.get("Validated_PresentingComplaint")
        valid = none if given is None else words.add(given, icd)
        for name in ("PresComp", "Validated_PresentingComplaint"):
            if name in batch:
                source.seen("603", name, where, translate(batch[name], _vodim)[1])
        rank = source.code("603", "PresCompCodSig", batch, where)
        day = source.day("603", "PresCompDate", batch, where)
        uid = np.zeros(rows)
        if "UniqueID_IDS603" in batch:
            at, texts = distinct(batch["UniqueID_IDS603"])
            uid = np.array([*(plain_number(t) for t in texts), 0.0])[at]
        if not with_validated:
            valid = raw
        known = (referral >= 0) & ((valid >= 0) | (raw >= 0))
        source.matched("603", referral >= 0)
        source.count("descriptor rows that belong to no referral, left out", int((referral < 0).sum()))
        one = {
            "referral": referral, "code": np.where(valid >= 0, valid, raw), "validated": valid >= 0,
            "rank": _rank(rank), "day": day, "uid": uid, "row": start + np.arange(rows),
        }  # fmt: skip
        start += rows
        into.add(blocks.of(referral[known]), {name: values[known] for name, values in one.items()})


def _rank(sig: IntArray) -> IntArray:
    """0 primary, 1 secondary, 2 not given."""
    labels = [*code_lists()["PresCompCodSig"].labels.values(), ""]
    return np.array([{"primary": 0, "secondary": 1}.get(label, 2) for label in labels], dtype=np.int32)[sig]


def problems_of(d: dict[str, NDArray[Any]], codes: tuple[str, ...], n: int) -> Problems:
    """One descriptor of each referral: validated before not, primary before secondary, latest date, highest record.

    Descriptors dated after discharge count as well: nationally the last recorded one does.

    Parameters
    ----------
    d : dict
        Columns of ``DESCRIPTOR``.
    codes : tuple of str
        Texts of ``code``.
    n : int
        Referrals.
    """
    grade = np.where(d["rank"] == 2, 1, d["rank"] * 2)  # primary, then not given, then secondary
    order = np.lexsort((-d["row"], -d["uid"], -d["day"].astype(np.int64), grade, ~d["validated"], d["referral"]))
    of = d["referral"][order]
    first = order[np.append(True, of[1:] != of[:-1])[: len(of)]]
    code, basis = np.full(n, -1, np.int32), np.full(n, -1, np.int32)
    code[d["referral"][first]] = d["code"][first]
    basis[d["referral"][first]] = np.where(d["validated"][first], np.array([0, 1, 2])[d["rank"][first]], 3)
    number = {label: i for i, label in enumerate(dict.fromkeys(problem_label(c) for c in codes))}
    group = np.array([number[problem_label(c)] for c in codes] + [-1])
    mine = group[d["code"]]
    chosen = group[code]
    other = mine != chosen[d["referral"]]
    changed, comorbid = np.zeros(n, bool), np.zeros(n, bool)
    changed[d["referral"][other & (d["rank"] != 1)]] = True
    comorbid[d["referral"][other & (d["rank"] == 1)]] = True
    return Problems(code=code, codes=codes, basis=basis, changed=changed, comorbid=comorbid)
