"""Data sets that are not embedded: what they are, their licences, checksums, and where their files are found."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from outcomemodels.errors import FileError

VARIABLE = "OUTCOMEMODELS_DATA"
"""Environment variable: a local folder of data sets, or the http(s) address of a mirror with the same layout."""


@dataclass(frozen=True, slots=True)
class Source:
    """One data set.

    Parameters
    ----------
    name, title, licence, origin : str
        ``origin`` says where its owner publishes it.
    files : tuple of (path, sha256)
        Below the data folder.
    citation : str
    note : str
        What its licence or source asks of users.
    """

    name: str
    title: str
    licence: str
    origin: str
    files: tuple[tuple[str, str], ...]
    citation: str = ""
    note: str = ""


GPL = "GPL (>= 2)"
OGL = "Open Government Licence v3.0"
NHSTT = "github.com/bennettoxford/nhstt (tidy copy of the NHS England annual reports), rearranged as cells"

SOURCES: tuple[Source, ...] = (
    Source(
        "anorexia",
        "weight before and after family therapy, CBT or control, 72 clients",
        "GPL-2 or GPL-3",
        "data set anorexia of the R package MASS",
        (("anorexia/anorexia.csv", "ee34e0c8f84fd3c266203115e6756ba3d3145b5e03542fba7fd66c1c14f9eb29"),),
        "Hand DJ et al. (1994) A Handbook of Small Data Sets, set 285",
    ),
    Source(
        "sleepstudy",
        "reaction time over ten days of sleep deprivation, 18 people (engine check, not therapy)",
        GPL,
        "data set sleepstudy of the R package lme4",
        (
            (
                "mixed_model_benchmarks/sleepstudy.csv",
                "2918bbddf750e78003059efa97b94885b85c4d7927c22a19c29f7fa5a184c59d",
            ),
        ),
        "Belenky G et al. (2003) Journal of Sleep Research 12:1-12",
    ),
    Source(
        "enrichd_bdi",
        "BDI at every visit of 557 clients depressed after a heart attack, CBT arm only",
        GPL,
        "data set BDIdata of the R package npmlda",
        (("enrichd_bdi/enrichd_bdi.csv", "63e094d9d2ad3b77491f365b45ff9ef93a864b280898b398ea90f8d3d7382fbb"),),
        "ENRICHD Investigators (2003) JAMA 289:3106-3116; Wu CO, Tian X, Bang H (2008) Stat Med 27:3042-3056",
    ),
    Source(
        "inst_eval",
        "73,421 lecture ratings, students x lecturers x departments (an analogue of clients x therapists x services)",
        GPL,
        "data set InstEval of the R package lme4",
        (("inst_eval/inst_eval.csv", "1376ad9330171473fb8da325eeb5670fa78e7b0c24a89784ef3dd1ea441893cf"),),
    ),
    Source(
        "ctn0094",
        "three trials of treatment for opioid use, 2,492 people randomised at 32 sites",
        "MIT",
        "github.com/CTN-0094/public.ctn0094data",
        (
            ("ctn0094/everybody.csv", "7363d8b57691181c8e2a9ddc554aeb1aca2a0c359e24b16ff1c5d3112b008df4"),
            ("ctn0094/demographics.csv", "4867746354ec35e7e259bcf20bd41126a537412174eaeff0a6dddae75ced0799"),
            ("ctn0094/psychiatric.csv", "3bdbd9f00e7cb7df6513521c1f8034f9a985d7df688feae3a1a91b252e64e76d"),
            ("ctn0094/site_masked.csv", "044baccefd892719edda2221b5272adb40aeea8d36a7281a024ab1a26026ef4c"),
            ("ctn0094/randomization.csv", "583472c8e2ba1b241034a5fbaa59433915cc15c1fcb9c4e07e9d834fb738a65b"),
            ("ctn0094/uds.csv", "2ef98475414d031c11cab2d1371f7e331620524ad1899660c26f9344e9fde3d0"),
            ("ctn0094/visit.csv", "364a714d05b4b3bb77646c81970280d9834e8270c13dd74de3fd1ad5d7aff740"),
        ),
        "Balise R, Odom G, Calderon L, public.ctn0094data; NIDA Clinical Trials Network CTN-0027, -0030, -0051",
    ),
    Source(
        "nhs_tt_proms",
        "NHS Talking Therapies: outcomes by provider, problem, therapy and year, 2019-20 to 2023-24",
        OGL,
        NHSTT,
        (
            (
                "nhs_tt_proms/proms_provider.parquet",
                "f6f5589225f668319d1337924cff02d2bbf8ca18f048912bd278102e9b17e84a",
            ),
        ),
        "NHS England, NHS Talking Therapies for anxiety and depression annual reports; Wiedemann M, nhstt",
        "Contains public sector information licensed under the Open Government Licence v3.0",
    ),
    Source(
        "nhs_tt_measures",
        "NHS Talking Therapies: activity and outcome counts by provider and year, 2017-18 to 2023-24",
        OGL,
        NHSTT,
        (
            (
                "nhs_tt_measures/measures_provider.parquet",
                "0303d68817cf9481a5543c8622ce967229b7f69e093cde88b1d2d37e4fc6aec6",
            ),
        ),
        "NHS England, NHS Talking Therapies for anxiety and depression annual reports; Wiedemann M, nhstt",
        "Contains public sector information licensed under the Open Government Licence v3.0",
    ),
    Source(
        "metapsy",
        "3,098 effects of 15 databases of randomised psychotherapy trials, as contrasts",
        "ODC-By 1.0 for nine of the databases; no licence stated for six",
        "github.com/metapsy-project (one repository per database), stacked",
        (("metapsy/metapsy_stacked.csv", "86c7016f61dd38da3af71e7b23e3cc0e0dc01456b416c5091085658f85fa9793"),),
        "Metapsy project, metapsy.org; Cuijpers P, Miguel C, Papola D, Harrer M, Karyotaki E (2022) Evid Based Ment "
        "Health",
        "never fetched: the snapshots of six databases (borderline, psychosis, panic and three of depression) carry no "
        "licence file; keep your own copy",
    ),
)


def find_source(name: str) -> Source | None:
    """The data set of that name, if there is one."""
    return next((s for s in SOURCES if s.name == name), None)


def locate(source: Source) -> tuple[Path, ...]:
    """Paths of a data set's files, checked against their SHA-256.

    Raises
    ------
    FileError
        If the environment variable names no folder or mirror, a file is not there, or a checksum differs.
    """
    place = os.environ.get(VARIABLE, "")
    if not place:
        raise FileError(
            f"{source.name!r} is not embedded: {source.title}",
            table=source.files[0][0],
            accepted=f"a folder named by the environment variable {VARIABLE} that holds "
            + ", ".join(path for path, _ in source.files),
            mend=f"get it from {source.origin} ({source.licence}). {source.citation}".rstrip()
            + (f". {source.note}" if source.note else ""),
        )
    if place.startswith(("http://", "https://")):
        return tuple(_fetch(source, place, path, digest) for path, digest in source.files)
    return tuple(_local(source, Path(place), path, digest) for path, digest in source.files)


def _local(source: Source, place: Path, path: str, digest: str) -> Path:
    file = place / path
    if not file.is_file():
        raise FileError(
            f"{source.name!r}: the data folder has no {path}",
            table=path,
            accepted=f"the file below the folder that {VARIABLE} names",
            mend=f"get it from {source.origin} ({source.licence})",
        )
    import pooch

    found = pooch.file_hash(str(file), alg="sha256")
    if found != digest:
        raise _differs(source, path, digest, found)
    return file


def _fetch(source: Source, place: str, path: str, digest: str) -> Path:
    if source.name == "metapsy":
        raise FileError(
            f"{source.name!r} is not fetched", table=path, mend=f"{source.note}; name its folder in {VARIABLE}"
        )
    import logging

    import pooch

    pooch.get_logger().setLevel(logging.WARNING)
    try:
        held = pooch.retrieve(
            f"{place.rstrip('/')}/{path}",
            known_hash=f"sha256:{digest}",
            fname=path.replace("/", "-"),
            path=pooch.os_cache("outcomemodels"),
        )
    except ValueError as error:
        raise FileError(
            f"{source.name!r}: the mirror's {path} is not the file expected",
            table=path,
            accepted=f"SHA-256 {digest}",
            mend="ask the mirror's keeper, or use a local folder",
        ) from error
    except OSError as error:
        raise FileError(
            f"{source.name!r}: {path} could not be fetched: {error}",
            table=path,
            mend=f"check the address in {VARIABLE}, or name a local folder",
        ) from None
    return Path(held)


def _differs(source: Source, path: str, digest: str, found: str) -> FileError:
    return FileError(
        f"{source.name!r}: {path} is not the file this version knows",
        table=path,
        rows=[f"SHA-256 {found}"],
        accepted=f"SHA-256 {digest}",
        mend="it may be damaged or another version; read it with outcomemodels.read(path, schema=…) instead",
    )
