"""Tables and fields of the data set by every name they have had; case and underscores never count."""

from __future__ import annotations

import re

TABLES: dict[str, str] = {
    "000": "IDS000Header",
    "001": "IDS001MPI",
    "002": "IDS002GP",
    "003": "IDS003AccommStatus",
    "004": "IDS004EmpStatus",
    "007": "IDS007DisabilityType",
    "011": "IDS011SocPerCircumstances",
    "012": "IDS012OverseasVisitorChargCat",
    "101": "IDS101Referral",
    "105": "IDS105OnwardReferral",
    "108": "IDS108WaitingTimePauses",
    "201": "IDS201CareContact",
    "202": "IDS202CareActivity",
    "205": "IDS205InternetTherLog",
    "602": "IDS602LongTermCondition",
    "603": "IDS603PresentingComplaints",
    "606": "IDS606CodedScoreAssessmentRefer",
    "607": "IDS607CodedScoreAssessmentAct",
    "803": "IDS803CareCluster",
    "902": "IDS902CarePersQual",
}
"""Tables read, by number; a file is known by the number in its name (``ids101referral.csv``)."""

_NUMBER = re.compile(r"(?:^|[^a-z0-9])ids[ _-]?(\d{3})(?!\d)", re.IGNORECASE)

ALIASES: dict[str, tuple[str, ...]] = {
    "PathwayID": ("PathwayID", "UniquePathwayID"),
    "ServiceRequestId": ("UniqueServiceRequestID", "ServiceRequestId", "ServReqId"),
    "Person_ID": ("PersonID",),
    "OrgID_Provider": ("OrgIDProvider", "OrgIDProv"),
    "OrgIDComm": ("OrgIDComm", "OrgIDCommissioner", "OrgIDCCGGP"),
    "CareContactId": ("UniqueCareContactID", "CareContactId"),
    "CareActId": ("UniqueCareActivityID", "UniqueCareActID", "CareActId"),
    "CarePersLocalId": ("UniqueCarePersonnelIDLocal", "CarePersLocalId", "CarePersonnelLocalId"),
    "AccommodationType": ("AccommodationType", "AccommodationStatusCode", "AccommodationTypeCode"),
    "SettledAccommodationInd": ("SettledAccommodationInd", "SettledAccommodationIndicator"),
    "ConsMechanism": ("ConsMechanism", "ConsMediumUsed"),
    "SourceOfReferralIAPT": ("SourceOfReferralIAPT", "SourceOfReferralMH", "SourceOfReferral"),
    "EthnicCategory": ("ValidatedEthnicCategory", "EthnicCategory"),
    "CodeProcAndProcStatus": ("CodeProcAndProcStatus", "CodeProc"),
    "CodedAssToolType": ("CodedAssToolType", "CodedAssessmentToolType"),
    "UniqueID_IDS603": ("UniqueIDIDS603", "UniqueID"),
    "UniqueID_IDS606": ("UniqueIDIDS606", "UniqueID"),
    "UniqueID_IDS607": ("UniqueIDIDS607", "UniqueID"),
}
"""Fields with more than one name, preferred one first; where a table has several, the first that is filled counts."""


def table_number(stem: str) -> str | None:
    """Number of the table a file holds ("101"), or None."""
    found = _NUMBER.search(stem)
    return found.group(1) if found else None


def fold(name: str) -> str:
    """A field name without case, underscores, spaces."""
    return "".join(ch for ch in name.lower() if ch.isalnum())


def spellings(field: str) -> tuple[str, ...]:
    """Folded names of a field, preferred one first."""
    return tuple(dict.fromkeys(fold(n) for n in ALIASES.get(field, (field,))))
