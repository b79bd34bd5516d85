"""Fields of the dataset read from record-level tables: facet, units, how established, and where each comes from."""

from __future__ import annotations

from typing import Any

from outcomemodels.data.nhs_dataset.codes import code_lists
from outcomemodels.data.nhs_dataset.dispositions import OUTCOMES, STATES
from outcomemodels.data.nhs_dataset.problems import BASES as PROBLEM_BASES
from outcomemodels.data.nhs_dataset.therapists import GIVES, QUALIFICATION
from outcomemodels.data.nhs_dataset.treatment import BASES, PATHWAYS
from outcomemodels.schema import Direction, Established, Facet, Field, Kind, Occasion

YES_NO = ("no", "yes")
CHRONICITY = ("under 6 months", "6 months to 2 years", "2 to 5 years", "5 years or more")
VERDICT = ("no", "yes", "not applicable", "not assessed")
CHANGE = ("deteriorated", "no reliable change", "improved", "not assessed")
ADMIN, SELF, JUDGED = Established.SERVICE_CODE, Established.SELF_REPORT_SCREEN, Established.SERVICE_CODE

_R, _C, _A = "IDS101Referral", "IDS201CareContact", "IDS202CareActivity"
_SESSIONS = (
    f"distinct {_C} (attended: AttendOrDNACode 5, 6 or unplanned; AppType 02, 03, 05; between receipt and discharge; "
    "no employment support)"
)


def _field(name: str, facet: Facet, kind: Kind, origin: str, established: Established = ADMIN, **more: Any) -> Field:
    return Field(name=name, facet=facet, kind=kind, established=established, description=f"from {origin}", **more)


def labels_of(name: str) -> tuple[str, ...]:
    """Distinct labels of an official list, in its order; "not stated" and the like are no labels but missing."""
    listed = code_lists()[name]
    gone = frozenset() if name == "EndCode" else listed.default
    return tuple(dict.fromkeys(label for code, label in listed.labels.items() if code not in gone))


def missing_of(name: str) -> tuple[tuple[str, str], ...]:
    """Labels of an official list that say why a value is missing."""
    listed = code_lists()[name]
    return tuple((listed.labels[c], listed.labels[c]) for c in listed.codes if c in listed.default)


def identity_fields() -> tuple[Field, ...]:
    """Referral, client and setting."""
    s, d = Facet.SETTING, Kind.DATE
    return (
        _field("course", Facet.CLIENT, Kind.IDENTIFIER, f"{_R}.PathwayID, else ServiceRequestId; latest submission",
               key=True),
        _field("client", Facet.CLIENT, Kind.IDENTIFIER, f"{_R}.Person_ID; a person may have several referrals"),
        _field("provider", s, Kind.CATEGORICAL, f"{_R}.OrgID_Provider"),
        _field("commissioner", s, Kind.CATEGORICAL, f"{_R}.OrgIDComm"),
        _field("referral_source", s, Kind.CATEGORICAL, f"{_R}.SourceOfReferralMH (v2.0) or SourceOfReferralIAPT (v2.1)",
               levels=labels_of("SourceOfReferralIAPT")),
        _field("data_set_version", Facet.TIME, Kind.ORDERED, "IDS000Header.DatSetVer of the latest submission, else "
               "by date: 2.1 from April 2022", levels=("2.0", "2.1")),
        _field("medium", s, Kind.CATEGORICAL, f"{_C}.ConsMediumUsed or ConsMechanism: most frequent over treatment "
               "contacts", occasion=Occasion.DURING,
               levels=labels_of("ConsMechanism")),
        _field("therapy_mode", s, Kind.CATEGORICAL, f"{_C}.CareContPatientTherMode: most frequent over treatment "
               f"contacts",
               occasion=Occasion.DURING,
               levels=labels_of("CareContPatientTherMode")),
        _field("received", Facet.TIME, d, f"{_R}.ReferralRequestReceivedDate", occasion=Occasion.START),
        _field("year", Facet.TIME, Kind.ORDERED, f"{_R}.ReferralRequestReceivedDate: financial year from 1 April",
               levels=("to be filled in from the data",)),
        _field("discharged", Facet.TIME, d, f"{_R}.ServDischDate", occasion=Occasion.END),
        _field("wait_to_assessment", s, Kind.CONTINUOUS, f"{_R}.ReferralRequestReceivedDate to the first attended "
               f"{_C} of "
               "AppType 01, 02, 03 or 05", units="days"),
        _field("wait_to_treatment", s, Kind.CONTINUOUS, f"{_R}.ReferralRequestReceivedDate to the first treatment "
               f"session",
               units="days"),
        _field("first_to_second", s, Kind.CONTINUOUS, "first to second treatment session", units="days"),
        _field("paused_days", s, Kind.CONTINUOUS, "IDS108WaitingTimePauses.PauseStartDate to PauseEndDate, between "
               "receipt and the first treatment session", units="days"),
    )  # fmt: skip


def client_fields(gender_list: str) -> tuple[Field, ...]:
    """Client modifiers and the problem."""
    c, k, p = Facet.CLIENT, Kind.CATEGORICAL, Facet.PROBLEM
    return (
        _field("age", c, Kind.CONTINUOUS, "IDS001MPI.PersonBirthDate at receipt, else Age_RP_StartDate",
               units="years", low=0,
               high=120),
        _field("gender", c, k, f"IDS001MPI.{gender_list}", SELF, levels=labels_of(gender_list),
               missing=missing_of(gender_list)),
        _field("ethnicity", c, k, "IDS001MPI.Validated_EthnicCategory or EthnicCategory, grouped", SELF,
               levels=labels_of("EthnicCategory"), missing=missing_of("EthnicCategory")),
        _field("employment", c, k, "IDS004EmpStatus.EmployStatus in force at receipt, else the next", SELF,
               levels=labels_of("EmployStatus"), missing=missing_of("EmployStatus")),
        _field("medication", c, k, f"{_C}.PsychMed of the first contact that says", SELF, levels=labels_of("PsychMed")),
        _field("deprivation", c, Kind.CONTINUOUS, "IDS001MPI.LSOA by look-up, else IMD_Decile; 1 is most deprived",
               units="IMD decile", low=1,
               high=10),
        _field("long_term_condition", c, k, "IDS602LongTermCondition.LongTermCondition", SELF, levels=YES_NO),
        _field("disability", c, k, "IDS007DisabilityType.DisabCode", SELF, levels=YES_NO),
        _field("chronicity", c, Kind.ORDERED, f"{_R}.OnsetDate to receipt", SELF, levels=CHRONICITY),
        _field("previous_episode", c, k, f"{_R}.PrevDiagCondInd", SELF, levels=labels_of("PrevDiagCondInd"),
               missing=missing_of("PrevDiagCondInd")),
        _field("previous_referrals", c, Kind.COUNT, f"{_R}.Person_ID: earlier referrals of the person in this folder",
               units="referrals"),
        _field("problem", p, k, "IDS603PresentingComplaints: validated first, primary, latest; a judgement of the "
               "service, "
               "no diagnosis", JUDGED, typology="problem"),
        _field("problem_code", p, k, "IDS603PresentingComplaints.Validated_PresentingComplaint, else PresComp", JUDGED),
        _field("problem_basis", p, k, "how the descriptor was chosen", levels=(*PROBLEM_BASES, "none recorded")),
        _field("problem_changed", p, k, "IDS603PresentingComplaints: another primary descriptor recorded",
               levels=YES_NO),
        _field("comorbid", p, k, "IDS603PresentingComplaints.PresCompCodSig: a secondary descriptor of another kind",
               levels=YES_NO),
    )  # fmt: skip


def treatment_fields() -> tuple[Field, ...]:
    """Treatment, dose and therapists."""
    t, k, n = Facet.TREATMENT, Kind.CATEGORICAL, Kind.COUNT
    h = Facet.THERAPIST
    return (
        _field("treatment", t, k, f"{_A}.CodeProcAndProcStatus of treatment contacts: most frequent high-intensity "
               f"type, "
               "else most frequent low-intensity type", typology="treatment"),
        _field("treatment_share", t, Kind.CONTINUOUS, "treatment contacts coded with that type, of those coded",
               units="proportion"),
        _field("treatment_basis", t, k, f"{_A}.CodeProcAndProcStatus: 75 % rule", occasion=Occasion.DURING,
               levels=(*BASES, "none coded")),
        _field("treatment_types", t, n, f"{_A}.CodeProcAndProcStatus: different types", units="types"),
        _field("pathway", t, k, f"{_A}.CodeProcAndProcStatus by date: the end score reflects the whole way, not its "
               f"last "
               "step", occasion=Occasion.DURING,
               levels=PATHWAYS),
        _field("sessions", t, n, f"{_SESSIONS}, and IDS205InternetTherLog entries", units="sessions"),
        _field("online_sessions", t, n, "IDS205InternetTherLog: distinct referral, start date and programme",
               units="sessions"),
        _field("low_intensity_contacts", t, n, _SESSIONS + " with a low-intensity type", units="contacts"),
        _field("high_intensity_contacts", t, n, _SESSIONS + " with a high-intensity type", units="contacts"),
        _field("missed_contacts", t, n, f"distinct {_C} not attended", units="contacts"),
        _field("treatment_minutes", t, Kind.CONTINUOUS, f"{_C}.ClinContDurOfCareCont of treatment contacts",
               units="minutes"),
        _field("therapist", h, k, f"{_A}.CarePersLocalId within provider: largest share of treatment sessions"),
        _field("therapist_share", h, Kind.CONTINUOUS, f"{_A}.CarePersLocalId: weight of that therapist",
               units="proportion"),
        _field("therapist_2", h, k, f"{_A}.CarePersLocalId: second largest share"),
        _field("therapist_2_share", h, Kind.CONTINUOUS, f"{_A}.CarePersLocalId: weight of the second",
               units="proportion"),
        _field("therapists", h, n, f"{_A}.CarePersLocalId: different therapists of treatment sessions",
               units="therapists"),
        _field("therapist_gives", h, k, f"{_A}.CodeProcAndProcStatus over all clients of the therapist", levels=GIVES),
        _field("qualification", h, k, "IDS902CarePersQual.QualAwardedDate, QualPlannedCompletionDate at the first "
               "treatment session", levels=QUALIFICATION),
    )  # fmt: skip


def outcome_fields(rule: str) -> tuple[Field, ...]:
    """Disposition, and verdicts of the outcome rule."""
    d, k = Facet.DISPOSITION, Kind.CATEGORICAL
    by_rule = f"outcome rule {rule} on first and last scores"
    return (
        _field("state", d, k, "treatment sessions, attended contacts and discharge", levels=STATES),
        _field("disposition", d, k, f"state, and within it {_R}.EndCode", levels=OUTCOMES),
        _field("end_code", d, k, f"{_R}.EndCode", levels=labels_of("EndCode")),
        _field("onward_referral", d, k, "IDS105OnwardReferral: any record", levels=YES_NO),
        _field("end_code_agrees", d, k, f"{_R}.EndCode against treatment sessions", levels=YES_NO),
        _field("finished", d, k, by_rule, levels=YES_NO),
        _field("paired", d, k, by_rule, SELF, levels=YES_NO),
        _field("anxiety_measure", Facet.OUTCOME, k, f"{by_rule}: the measure of the last descriptor, else GAD-7", SELF),
        _field("at_caseness", Facet.OUTCOME, k, by_rule, SELF, levels=VERDICT, occasion=Occasion.START),
        _field("recovered", Facet.OUTCOME, k, by_rule, SELF, levels=VERDICT),
        _field("reliable_change", Facet.OUTCOME, k, by_rule, SELF, levels=CHANGE),
        _field("reliable_recovery", Facet.OUTCOME, k, by_rule, SELF, levels=VERDICT),
    )


def score_fields(measure: str, title: str, low: float, high: float, direction: Direction) -> tuple[Field, ...]:
    """First and last score of one measure."""
    facet = Facet.FUNCTIONING if measure == "wsas" else Facet.OUTCOME
    origin = (
        "IDS606CodedScoreAssessmentRefer and IDS607CodedScoreAssessmentAct: {} PersScore between receipt and discharge"
    )
    same: dict[str, Any] = {"measure": measure, "units": f"{title} points", "low": low, "high": high,
                            "direction": direction}  # fmt: skip
    return (
        _field(f"{measure}_start", facet, Kind.CONTINUOUS, origin.format("first"), SELF, occasion=Occasion.START,
               **same),
        _field(f"{measure}_end", facet, Kind.CONTINUOUS, origin.format("last of two or more"), SELF,
               occasion=Occasion.END, **same),
    )  # fmt: skip


def assessment_fields(measures: tuple[str, ...]) -> tuple[Field, ...]:
    """The long table of scores."""
    same: dict[str, Any] = {"table": "assessment"}
    where = ("in a contact", "at the referral")
    return (
        _field("measure", Facet.OUTCOME, Kind.CATEGORICAL, "CodedAssToolType", SELF, levels=measures, **same),
        _field("weeks", Facet.TIME, Kind.CONTINUOUS, "date of the contact, or AssToolCompDate, since receipt of the "
               "referral", units="weeks", low=-5220, high=5220, **same),
        _field("score", Facet.OUTCOME, Kind.CONTINUOUS, "PersScore; WSAS from its five items", SELF,
               units="score points", low=0, high=500, **same),
        _field("recorded", Facet.ASSESSOR, Kind.CATEGORICAL, "IDS607 (in a contact) or IDS606 (at the referral)",
               levels=where, **same),
        _field("phase", Facet.TIME, Kind.CATEGORICAL, "date against the first treatment session and discharge",
               levels=("before treatment", "during treatment", "after discharge"), **same),
    )  # fmt: skip
