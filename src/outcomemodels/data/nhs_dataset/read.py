"""``read_nhs_dataset``: a folder of IDS tables (IAPT data set v2.0, v2.1) becomes a PaulDataset, one row a referral."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from outcomemodels.data.dataset import PaulDataset
from outcomemodels.data.nhs_dataset.build import dataset_of
from outcomemodels.data.nhs_dataset.clients import deciles_from
from outcomemodels.data.nhs_dataset.exclusions import excluded
from outcomemodels.data.nhs_dataset.flags import Disagreement
from outcomemodels.data.nhs_dataset.quality import ATTRIBUTE, DataQuality, quality_from
from outcomemodels.data.nhs_dataset.records import Records, read_records
from outcomemodels.data.nhs_dataset.source import Source
from outcomemodels.data.nhs_dataset.spill import Scratch
from outcomemodels.data.nhs_dataset.tables import find_tables, is_nhs_folder
from outcomemodels.data.nhs_dataset.therapists import Memberships
from outcomemodels.errors import DataError
from outcomemodels.outcomes.contact_rule import VERSIONS, ContactRule, contact_rule
from outcomemodels.outcomes.instruments import InstrumentSet, instruments
from outcomemodels.outcomes.rules import OutcomeRule, ReferralScores, RuleResult, nhs_rule

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["NhsRecords", "is_nhs_folder", "read_nhs_dataset", "read_nhs_records"]


@dataclass(frozen=True, kw_only=True)
class NhsRecords:
    """A folder read: the dataset, and what does not fit into one.

    Parameters
    ----------
    data : PaulDataset
        One row per referral, with its long table of scores.
    quality : DataQuality
        Counts of valid, other, default, invalid and missing values by field and provider.
    disagreements : tuple of Disagreement
        Derived fields of the extract held against ours.
    course : ndarray of str, dims (referral,)
        Identifiers of all referrals, those left out by an exclusion included.
    scores : ReferralScores
        What :func:`outcomemodels.outcomes.rules.apply_rule` needs, dims (referral,); any rule can be applied.
    outcome : RuleResult
        Verdicts of the rule named when reading.
    therapists : Memberships
        All therapists of every referral with their weights.
    """

    data: PaulDataset
    quality: DataQuality
    disagreements: tuple[Disagreement, ...]
    course: NDArray[Any]
    scores: ReferralScores
    outcome: RuleResult
    therapists: Memberships

    def therapist_weights(self) -> pd.DataFrame:
        """One row per referral and therapist: course, therapist, weight; weights of a referral sum to 1."""
        import pandas as pd

        m = self.therapists
        who = np.array(m.labels, dtype=object)[m.therapist]
        return pd.DataFrame({"course": self.course[m.referral], "therapist": who, "weight": m.weight})


def read_nhs_dataset(
    folder: str | Path,
    *,
    rule: OutcomeRule | str = "nhs-2.1",
    contacts: ContactRule | None = None,
    measures: InstrumentSet | None = None,
    exclusions: Any = None,
    deprivation: Any = None,
    assessments: bool = True,
    damaged: Literal["refuse", "skip"] = "refuse",
    partitions: int | None = None,
    scratch: str | Path | None = None,
    progress: bool | Callable[[str], None] = False,
) -> PaulDataset:
    """Read record-level tables of NHS Talking Therapies (IAPT data set v2.0 or v2.1).

    Tables are known by the number in their file name, fields by any name they have had; case never counts.

    Tables larger than memory can be read. Each streams by once, in batches; rows of contacts, activities and scores
    are set aside in a scratch folder by the referral they belong to, and worked on one part at a time. So memory grows
    with the number of referrals (one row each in the result, about 1 kB while it is made), of providers and of
    therapists, and not with contacts, activities, scores or repeated submissions. The long table of scores stays in
    files that are mapped into memory where it is large: it takes memory when it is used. The scratch folder takes
    about 60 bytes a contact, activity and score and holds no identifier in clear.

    Parameters
    ----------
    folder : path
        Holds ``IDS101Referral`` and as many of the other tables as there are, as .csv, .csv.gz or .parquet.
    rule : OutcomeRule or str
        Outcome rule of the verdict fields.
    contacts : ContactRule, optional
        Which contacts are attended and treatment; the one of the outcome rule's version when absent.
    measures : InstrumentSet, optional
        Instruments and their SNOMED concepts; the shipped set when absent.
    exclusions : path, frame or mapping, optional
        Known breaks: columns ``provider``, ``from``, ``to``, ``reason``. Referrals received in them are left out.
    deprivation : path, frame or mapping, optional
        Look-up from LSOA to IMD decile: a column beginning with "lsoa", one with "decile" in its name.
    assessments : bool
        Whether the long table of scores is kept.
    damaged : {"refuse", "skip"}
        Whether an unreadable file stops the reading or is left out with a note; the referral table always stops it.
    partitions : int, optional
        Parts the referrals are worked on in; one for every 50,000 of them when absent. The result is the same.
    scratch : path, optional
        Existing folder in which to make the scratch folder; the system's folder for temporary files when absent.
    progress : bool or callable
        Tell on stderr how far reading is, or tell the callable, in words.

    Returns
    -------
    PaulDataset
        Grain ``episode``. Each field says in its description which table and field it comes from. The data-quality
        counts are in :func:`outcomemodels.data.nhs_dataset.quality.quality_of`.

    Raises
    ------
    FileError
        If there is no referral table, or a file is damaged.
    DataError
        If referrals have no identifier or no date, or exclusions are not usable.

    References
    ----------
    NHS Digital (2021), A guide to IAPT data and publications.
    """
    return _read(
        folder, rule, contacts, measures, exclusions, deprivation, assessments, damaged, partitions, scratch, progress
    )[1]


def read_nhs_records(
    folder: str | Path,
    *,
    rule: OutcomeRule | str = "nhs-2.1",
    contacts: ContactRule | None = None,
    measures: InstrumentSet | None = None,
    exclusions: Any = None,
    deprivation: Any = None,
    assessments: bool = True,
    damaged: Literal["refuse", "skip"] = "refuse",
    partitions: int | None = None,
    scratch: str | Path | None = None,
    progress: bool | Callable[[str], None] = False,
) -> NhsRecords:
    """As :func:`read_nhs_dataset`, with data quality, therapist weights and verdicts beside the dataset.

    Raises
    ------
    FileError, DataError
        As :func:`read_nhs_dataset`.
    """
    found, data, quality = _read(
        folder, rule, contacts, measures, exclusions, deprivation, assessments, damaged, partitions, scratch, progress
    )
    return NhsRecords(
        data=data,
        quality=quality,
        disagreements=found.disagreements(),
        course=np.array(found.referrals.course.to_pylist(), dtype=object),
        scores=found.referral_scores,
        outcome=found.outcome,
        therapists=found.therapists,
    )


MOST = 10_000


def _read(
    folder: str | Path,
    rule: OutcomeRule | str,
    contacts: ContactRule | None,
    measures: InstrumentSet | None,
    exclusions: Any,
    deprivation: Any,
    assessments: bool,
    damaged: Literal["refuse", "skip"],
    partitions: int | None,
    scratch: str | Path | None,
    progress: bool | Callable[[str], None],
) -> tuple[Records, PaulDataset, DataQuality]:
    if damaged not in ("refuse", "skip"):
        raise DataError(f"damaged={damaged!r}", accepted="refuse, skip")
    known = instruments() if measures is None else measures
    chosen = nhs_rule(rule, measures=measures) if isinstance(rule, str) else rule
    counted = contacts or contact_rule(chosen.version if chosen.version in VERSIONS else VERSIONS[-1])
    deciles = None if deprivation is None else deciles_from(deprivation)
    if partitions is not None and not 1 <= partitions <= MOST:
        raise DataError(f"partitions={partitions!r}", accepted=f"1 to {MOST:,}")
    tables, notes = find_tables(folder, damaged=damaged)
    tell = progress if callable(progress) else _on_stderr if progress else None
    source = Source(tables=tables, damaged=damaged, tell=tell, notes=notes)
    with Scratch(scratch) as held:
        found = read_records(
            source, instruments=known, rule=chosen, contact_rule=counted, deciles=deciles, scratch=held,
            partitions=partitions, assessments=assessments,
        )  # fmt: skip
    gone, reasons = _exclude(found, exclusions)
    disagreements = found.disagreements()
    said = [*source.notes, *reasons, found.dispositions.sentence()]
    said += [d.sentence() for d in disagreements if d.differ or d.only_theirs or d.only_ours]
    quality = quality_from(source.tally, found.referrals.providers, source.facts, said)
    title = f"NHS Talking Therapies records, {len(found.referrals.providers)} providers, rule {chosen.version}"
    data = dataset_of(found, instruments=known, title=title, notes=tuple(said))
    if gone.any():
        if gone.all():
            raise DataError("the exclusions leave no referral", table="exclusions", accepted="some referrals left")
        data = data.select(~gone)
    return found, PaulDataset(data.schema, data.arrays.assign_attrs({ATTRIBUTE: quality.to_json()})), quality


def _on_stderr(text: str) -> None:
    """On a terminal one line that changes; elsewhere nothing that fills a log."""
    if sys.stderr.isatty():
        print(f"\r  {text[:76]:<76}", end="", file=sys.stderr)  # noqa: T201
    else:
        print(f"  {text}", file=sys.stderr)  # noqa: T201


def _exclude(found: Records, exclusions: Any) -> tuple[NDArray[np.bool_], tuple[str, ...]]:
    if exclusions is None:
        return np.zeros(found.n, dtype=bool), ()
    return excluded(found.referrals, exclusions)
