"""Which contacts count: attended, seen, assessed, treated, follow-up; a versioned rule beside the outcome rule."""

from __future__ import annotations

from dataclasses import dataclass

from outcomemodels.errors import SchemaError


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactRule:
    """A versioned definition of contacts, in codes of the IAPT data set.

    Parameters
    ----------
    version : str
        Its name ("nhs-2.1"); a variant made with ``dataclasses.replace`` must carry another name.
    attended : tuple of str
        Codes of AttendOrDNACode that mean the client was seen.
    unplanned_attended : bool
        Whether an unplanned contact (PlannedCareContIndicator N) counts as attended whatever its code.
    seen, assessed, treated, follow_up, employment : tuple of str
        Codes of AppType: contacts that see the client, assess, treat, follow up after discharge, and those with an
        employment adviser.
    employment_excluded : bool
        Whether contacts with an employment adviser are no treatment (from v2.0).
    online_counts : bool
        Whether a session of internet therapy counts towards a course (from v2.0).
    source : str
        Where the definition is published.
    """

    version: str
    attended: tuple[str, ...] = ("5", "6")
    unplanned_attended: bool = True
    seen: tuple[str, ...] = ("01", "02", "03", "05")
    assessed: tuple[str, ...] = ("01", "03")
    treated: tuple[str, ...] = ("02", "03", "05")
    follow_up: tuple[str, ...] = ("06",)
    employment: tuple[str, ...] = ("10",)
    employment_excluded: bool = True
    online_counts: bool = True
    source: str = ""

    def __post_init__(self) -> None:
        for name, width in (("attended", 1), *((n, 2) for n in _TYPES)):
            wrong = [c for c in getattr(self, name) if not (len(c) == width and c.isdigit())]
            if wrong:
                raise SchemaError(
                    f"contact rule {self.version!r}: {name} has codes {wrong}",
                    column=name,
                    accepted=f"codes of {width} digit{'s' * (width > 1)}",
                )
        loose = sorted(set(self.treated) - set(self.seen))
        if loose:
            raise SchemaError(
                f"contact rule {self.version!r} treats in contacts that see nobody: {loose}",
                column="treated",
                accepted=", ".join(self.seen),
            )


_TYPES = ("seen", "assessed", "treated", "follow_up", "employment")

_GUIDE = "A guide to IAPT data and publications (NHS Digital 2021), 6.14; IAPT v2.0 monthly metadata v1.7, M090-M111"
_SHIPPED = {
    "nhs-1.5": ContactRule(
        version="nhs-1.5",
        employment_excluded=False,
        online_counts=False,
        source=f"{_GUIDE}: what changed with v2.0, read backwards",
    ),
    "nhs-2.0": ContactRule(version="nhs-2.0", source=_GUIDE),
    "nhs-2.1": ContactRule(version="nhs-2.1", source=f"{_GUIDE}; as v2.0 so far as checked"),
}

VERSIONS = tuple(_SHIPPED)
"""Names of the shipped rules, newest last."""


def contact_rule(version: str = "nhs-2.1") -> ContactRule:
    """Return a shipped contact rule of NHS Talking Therapies.

    Raises
    ------
    SchemaError
        On an unknown version.
    """
    if version not in _SHIPPED:
        raise SchemaError(f"no contact rule {version!r}", accepted=", ".join(_SHIPPED))
    return _SHIPPED[version]
