"""A folder of IDS tables written by hand: three referrals of two people at two providers."""

from __future__ import annotations

from pathlib import Path

TABLES = {
    "IDS000Header": """DatSetVer,OrgIDProv,ReportingPeriodEndDate,UniqueSubmissionID
2.0,RX1,2021-05-31,101
2.0,RX1,2021-06-30,102
2.1,RX2,2022-06-30,103
""",
    "IDS001MPI": """Person_ID,PersonBirthDate,Gender,EthnicCategory,IMD_Decile
P1,1991-01-01, 2,A,3
P2,,X,Z,
""",
    "IDS004EmpStatus": """Person_ID,EmployStatus,EmployStatusRecDate
P1,2,2020-12-01
P1,1,2021-03-01
P2,1,2021-04-01
""",
    "IDS101Referral": """PathwayID,ServiceRequestId,Person_ID,OrgID_Provider,ReferralRequestReceivedDate,ServDischDate,\
EndCode,SourceOfReferralMH,OnsetDate,UniqueSubmissionID
PW1,S1,P1,RX1,2021-01-01,,,B1,2019-01-01,101
PW1,S1,P1,RX1,2021-01-01,2021-06-01,46,B1,2019-01-01,102
PW2,S2,P2,RX1,2021-02-01,2021-03-01, 14,A1,,102
PW3,S1,P1,RX2,2022-05-01,,,B1,,103
""",
    "ids201carecontact": """PathwayID,CareContactId,CareContDate,PlannedCareContIndicator,AttendOrDNACode,AppType,\
ConsMediumUsed,ClinContDurOfCareCont
PW1,C1,2021-01-20,Y,5,03,1,60
PW1,C2,2021-02-20,Y,05, 2,01,50
PW1,C2,2021-02-20,Y,05, 2,01,50
PW1,C3,2021-02-27,Y,3,02,01,
PW1,C4,2021-03-01,Y,5,10,01,30
PW1,C5,2021-03-08,N,,05 ,11,50
PW1,C6,2021-07-20,Y,5,06,02,20
PW2,C1,2021-02-10,Y,6,1,02,40
PWX,C9,2021-02-10,Y,6,1,02,40
""",
    "IDS202CareActivity": """CareActId,CareContactId,CarePersLocalId,CodeProcAndProcStatus,PathwayID
A1,C1,T1,748051000000105,PW1
A2,C2,T2,304891004,PW1
A3,C2,T3,304891004,PW1
A4,C4,E1,1098051000000103,PW1
A5,C5,T2,304891004,PW1
A6,C6,T2,,PW1
A1,C1,T1,,PW2
""",
    "IDS603PresentingComplaints": """PathwayID,PresComp,PresCompCodSig,PresCompDate,Validated_PresentingComplaint,\
UniqueID_IDS603
PW1,F41.1,1,2021-01-20,F411,1
PW1,F32.1,1,2021-02-20,F321,2
PW1,F43.1,2,2021-03-20,F431,3
PW1,rubbish,1,2021-04-20,-3,4
PW2,F401,,2021-02-10,,5
""",
    "IDS606CodedScoreAssessmentRefer": """PathwayID,CodedAssToolType,PersScore,AssToolCompDate,AssToolCompTime
PW1,932621000000100,4,2021-01-20,
PW1,932581000000100,4,2021-01-20,
PW1,932611000000106,4,2021-01-20,
PW1,932591000000103,4,2021-01-20,
PW1,932601000000109,4,2021-01-20,
PW1,720433000,99,2021-01-21,
PW1,720433000,12,2021-03-08,17:00
PW1,720433000,13,2021-03-08,09:00
PW1,720433000,1,2021-07-30,
PW2,720433000,9,2021-02-10,
""",
    "IDS607CodedScoreAssessmentAct": """CareActId,CodedAssToolType,PersScore,PathwayID
A1,720433000,15,PW1
A1,445455005,12,PW1
A5,445455005,3,PW1
A6,445455005,0,PW1
A1,445455005,7,PW2
""",
    "IDS902CarePersQual": """OrgID_Provider,CarePersLocalId,QualAwardedDate,QualPlannedCompletionDate
RX1,T2,2015-01-01,
RX1,T1,,2022-01-01
RX2,T1,2010-01-01,
""",
}


def write_folder(folder: Path, **changed: str | None) -> Path:
    """Write the tables; ``changed`` gives other texts, None leaves a table out."""
    folder.mkdir(exist_ok=True)
    for name, text in {**TABLES, **changed}.items():
        if text is not None:
            (folder / f"{name}.csv").write_text(text, encoding="utf-8")
    return folder
