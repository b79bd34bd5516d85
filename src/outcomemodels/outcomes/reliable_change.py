"""Reliable and clinically significant change by the classical methods, on arrays of pre and post scores.

Every index is the change, corrected as the method says, over its standard error; positive means improved.
With S the pre-test SD, r the reliability, SEm = S √(1 − r), and P = M_pre + r (pre − M_pre) the regressed
pre-test score:

====  ==========================================  ============================================  ========
key   change                                      standard error                                critical
====  ==========================================  ============================================  ========
jt    post − pre                                  √2 SEm                                        1.96
gln   post − P                                    S √(1 − r²)                                   1.96
hll   (post − M_post) − r (pre − M_pre)           S √(1 − r²)                                   1.96
en    post − P                                    SEm                                           1.96
nk    post − P                                    S √(r² (1 − r) + 1 − r_post)                  1.96
ha    r_dd (post − pre) + (1 − r_dd) (mean ch.)   √r_dd √2 SEm                                  1.65
====  ==========================================  ============================================  ========

Where definitions differ: ``en`` uses 1.96, the 1978 paper an interval of two SEm; ``nk`` takes the pre-test
SD at both occasions; ``ha`` estimates the reliability of the difference scores, r_dd, from both SDs and their
correlation. The Speer–Greenbaum (1995) method needs more than two occasions and is not here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from outcomemodels.errors import DataError
from outcomemodels.outcomes.criteria import TOLERANCE, ReliableChange
from outcomemodels.schema import Direction

Method = Literal["jt", "gln", "hll", "en", "nk", "ha"]
METHODS: tuple[Method, ...] = ("jt", "gln", "hll", "en", "nk", "ha")
FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeResult:
    """Verdicts on change, dims (client,).

    Parameters
    ----------
    method : str
        How it was judged.
    index : ndarray of float
        Standardised change, positive for improvement; score points (anchor) or per cent (percentage)
        otherwise.
    standard_error : float
        Of the change, in score points; NaN for anchor and percentage.
    critical : float
        Size the index must exceed (anchor, percentage: reach).
    change : ndarray of int8, ReliableChange
        IMPROVED, NONE, DETERIORATED, NOT_ASSESSED (a score is missing).
    """

    method: str
    index: FloatArray
    standard_error: float
    critical: float
    change: NDArray[np.int8]

    def counts(self) -> dict[str, int]:
        """Clients improved, unchanged, deteriorated and not assessed."""
        names = (("improved", 1), ("unchanged", 0), ("deteriorated", -1), ("not_assessed", -9))
        return {name: int(np.sum(self.change == code)) for name, code in names}


def reliable_change_size(*, sd: float, reliability: float, critical: float = 1.96) -> float:
    """Smallest reliable change, ``critical · sd · √(2 (1 − reliability))``, in score points.

    Raises
    ------
    DataError
        When ``sd`` or ``critical`` is not positive or ``reliability`` not between 0 and 1.

    References
    ----------
    Jacobson & Truax (1991), doi 10.1037/0022-006X.59.1.12.
    """
    _reliability(reliability)
    if not (sd > 0 and critical > 0):
        raise DataError(f"sd {sd} and critical value {critical} must be positive", accepted="positive numbers")
    return float(critical * sd * np.sqrt(2 * (1 - reliability)))


def cutoffs(
    *,
    clinical: tuple[float, float],
    functional: tuple[float, float] | None,
    direction: Direction = Direction.LOWER_IS_BETTER,
) -> dict[str, float]:
    """Cut-offs a, b and c of Jacobson and Truax, in score points.

    Parameters
    ----------
    clinical, functional : (mean, sd)
        Norms of the two populations. Without functional norms only ``a`` can be had.
    direction : Direction
        Which way the score improves.

    Raises
    ------
    DataError
        When an SD is not positive.

    References
    ----------
    Jacobson & Truax (1991), doi 10.1037/0022-006X.59.1.12.
    """
    better = -1.0 if direction is Direction.LOWER_IS_BETTER else 1.0
    m1, s1 = clinical
    if not s1 > 0 or (functional is not None and not functional[1] > 0):
        raise DataError("a norm has an SD that is not positive", accepted="(mean, sd) with sd > 0")
    found = {"a": m1 + better * 2 * s1}
    if functional is not None:
        m0, s0 = functional
        found |= {"b": m0 - better * 2 * s0, "c": (s0 * m1 + s1 * m0) / (s0 + s1)}
    return found


def reliable_change(
    pre: ArrayLike,
    post: ArrayLike,
    *,
    method: Method = "jt",
    reliability: float,
    reliability_post: float | None = None,
    direction: Direction = Direction.LOWER_IS_BETTER,
    sd_pre: float | None = None,
    critical: float | None = None,
) -> ChangeResult:
    """Judge each client's change against measurement error.

    Parameters
    ----------
    pre, post : array_like, dims (client,)
        Scores; NaN missing. Means and SDs are taken over clients with both.
    method : {"jt", "gln", "hll", "en", "nk", "ha"}
        See the module's table.
    reliability, reliability_post : float
        Reliability, between 0 and 1; at the second occasion (``nk`` only, the same when absent).
    direction : Direction
        Which way the score improves.
    sd_pre : float, optional
        Pre-test SD in score points, for example of a national sample; that of these clients when absent.
    critical : float, optional
        1.96, for ``ha`` 1.65, when absent.

    Raises
    ------
    DataError
        On unequal lengths, fewer than two pairs, no spread, or a reliability outside (0, 1).

    References
    ----------
    Jacobson & Truax (1991), doi 10.1037/0022-006X.59.1.12. Hageman & Arrindell (1999),
    doi 10.1016/S0005-7967(99)00032-7. Bauer, Lambert & Nielsen (2004), doi 10.1207/s15327752jpa8201_11.
    """
    if method not in METHODS:
        raise DataError(f"no method {method!r}", accepted=", ".join(METHODS))
    x, y, both = _scores(pre, post)
    r = _reliability(reliability)
    r_post = r if reliability_post is None else _reliability(reliability_post)
    if both.sum() < 2:
        raise DataError("fewer than two clients have both scores", accepted="two or more pairs")
    a, b = x[both], y[both]
    m_pre, m_post = a.mean(), b.mean()
    s = float(a.std(ddof=1)) if sd_pre is None else float(sd_pre)
    if not s > 0:
        raise DataError(f"the pre-test SD is {s}", column="pre", accepted="a positive number of points")
    sem = s * np.sqrt(1 - r)
    regressed = m_pre + r * (x - m_pre)
    if method == "jt":
        moved, se = y - x, np.sqrt(2) * sem
    elif method == "gln":
        moved, se = y - regressed, s * np.sqrt(1 - r**2)
    elif method == "hll":
        moved, se = (y - m_post) - r * (x - m_pre), s * np.sqrt(1 - r**2)
    elif method == "en":
        moved, se = y - regressed, sem
    elif method == "nk":
        moved, se = y - regressed, s * np.sqrt(r**2 * (1 - r) + 1 - r_post)
    else:
        r_dd = _difference_reliability(a, b, s, sem)
        moved, se = r_dd * (y - x) + (1 - r_dd) * (m_post - m_pre), np.sqrt(2 * r_dd) * sem
    sign = -1.0 if direction is Direction.LOWER_IS_BETTER else 1.0
    limit = (1.65 if method == "ha" else 1.96) if critical is None else critical
    index = sign * moved / se
    change = (index > limit).astype(np.int8) - (index < -limit).astype(np.int8)
    return ChangeResult(
        method=method,
        index=index,
        standard_error=float(se),
        critical=limit,
        change=np.where(both, change, np.int8(ReliableChange.NOT_ASSESSED)).astype(np.int8),
    )


def anchored_change(
    pre: ArrayLike,
    post: ArrayLike,
    *,
    points: float | None = None,
    percent: float | None = None,
    direction: Direction = Direction.LOWER_IS_BETTER,
) -> ChangeResult:
    """Judge change against an agreed size: score points, or per cent of the pre score.

    A change that reaches the size counts. A pre score of zero or less has no percentage: not assessed.

    Raises
    ------
    DataError
        Unless exactly one of ``points`` and ``percent`` is given, and positive.
    """
    size = points if percent is None else percent
    if (points is None) == (percent is None) or size is None or not size > 0:
        raise DataError("give one size of change", accepted="points=8.0 or percent=50.0, positive")
    x, y, both = _scores(pre, post)
    moved = (x - y) if direction is Direction.LOWER_IS_BETTER else (y - x)
    if percent is not None:
        both = both & (x > 0)
        moved = 100 * np.divide(moved, x, out=np.full_like(moved, np.nan), where=both)
    change = (moved >= size - TOLERANCE).astype(np.int8) - (moved <= -size + TOLERANCE).astype(np.int8)
    return ChangeResult(
        method="anchor" if percent is None else "percentage",
        index=moved,
        standard_error=float("nan"),
        critical=size,
        change=np.where(both, change, np.int8(ReliableChange.NOT_ASSESSED)).astype(np.int8),
    )


def clinical_categories(
    pre: ArrayLike,
    post: ArrayLike,
    result: ChangeResult,
    *,
    cutoff: float,
    reliability: float | None = None,
    functional: tuple[float, float] | None = None,
    direction: Direction = Direction.LOWER_IS_BETTER,
) -> NDArray[np.object_]:
    """Category of each client: recovered, improved, unchanged, deteriorated, harmed, or "" where not assessed.

    Recovered and harmed changed reliably *and* crossed the cut-off. Dims (client,).

    For ``ha`` the cut-off and the post score are those of true scores, as Hageman and Arrindell (1999)
    propose, which needs ``reliability`` and ``functional`` norms; ``cutoff`` then only says who was
    dysfunctional before.

    Raises
    ------
    DataError
        When ``ha`` lacks reliability or norms.
    """
    x, y, both = _scores(pre, post)
    sign = -1.0 if direction is Direction.LOWER_IS_BETTER else 1.0
    ill = sign * x < sign * cutoff
    well = sign * y > sign * cutoff
    if result.method == "ha":
        if reliability is None or functional is None:
            raise DataError(
                "'ha' needs reliability and functional norms", accepted="reliability=.88, functional=(m, sd)"
            )
        a, b = x[both], y[both]
        s, root = float(a.std(ddof=1)), float(np.sqrt(reliability))
        sem = s * np.sqrt(1 - reliability)
        r_1, r_2 = reliability, 1 - sem**2 / b.var(ddof=1)
        m0, s0 = functional
        true_cut = (s0 * root * a.mean() + s * np.sqrt(r_1) * m0) / (s0 * root + s * np.sqrt(r_1))
        well = sign * (b.mean() - true_cut + r_2 * (y - b.mean())) / (np.sqrt(r_2) * sem) > 1.65
    up, down = result.change == ReliableChange.IMPROVED, result.change == ReliableChange.DETERIORATED
    recovered, harmed = up & ill & well, down & ~ill & (sign * y < sign * cutoff)
    kinds = [recovered, up, harmed, down, result.change == ReliableChange.NONE]
    return np.asarray(np.select(kinds, ["recovered", "improved", "harmed", "deteriorated", "unchanged"], "")).astype(
        object
    )


CATEGORIES = ("recovered", "improved", "unchanged", "deteriorated", "harmed")


def clinically_significant(
    pre: ArrayLike,
    post: ArrayLike,
    result: ChangeResult,
    *,
    cutoff: float,
    reliability: float | None = None,
    functional: tuple[float, float] | None = None,
    direction: Direction = Direction.LOWER_IS_BETTER,
) -> dict[str, int]:
    """Count clients by :func:`clinical_categories`.

    Raises
    ------
    DataError
        When ``ha`` lacks reliability or norms.
    """
    found = clinical_categories(
        pre, post, result, cutoff=cutoff, reliability=reliability, functional=functional, direction=direction
    )
    return {name: int((found == name).sum()) for name in CATEGORIES}


def _difference_reliability(a: FloatArray, b: FloatArray, s: float, sem: float) -> float:
    s_post = float(b.std(ddof=1))
    shared = 2 * float(np.corrcoef(a, b)[0, 1]) * s * s_post
    spread = s**2 + s_post**2 - shared
    r_dd = (s**2 + s_post**2 - 2 * sem**2 - shared) / spread if spread > 0 else 0.0
    if not r_dd > 0:
        raise DataError(
            "the difference scores have no reliable variance",
            accepted="pre and post scores that differ by more than measurement error",
            mend="use another method, or check the reliability",
        )
    return r_dd


def _scores(pre: ArrayLike, post: ArrayLike) -> tuple[FloatArray, FloatArray, NDArray[np.bool_]]:
    x, y = np.asarray(pre, dtype=np.float64), np.asarray(post, dtype=np.float64)
    if x.ndim != 1 or x.shape != y.shape:
        raise DataError(f"pre has shape {x.shape}, post {y.shape}", accepted="two arrays of dims (client,)")
    return x, y, np.asarray(np.isfinite(x) & np.isfinite(y))


def _reliability(value: float) -> float:
    if not 0 < value < 1:
        raise DataError(f"reliability is {value}", accepted="a number strictly between 0 and 1")
    return float(value)
