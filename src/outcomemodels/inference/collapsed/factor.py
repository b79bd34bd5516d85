"""LAPACK on matrices in place, without the interpreter's lock, so that threads run side by side.

SciPy's own wrappers hold the lock while a matrix is factored; the same routines, taken from the table that SciPy offers
to compiled code (``scipy.linalg.cython_lapack``) and called through ctypes, do not.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from functools import cache

from outcomemodels.inference.collapsed.layout import FloatArray

Routine = Callable[..., None]


def cholesky(M: FloatArray, *, lower: bool = True) -> int:
    """Overwrite a triangle of a symmetric matrix, dims (n, n) in Fortran order, with its Cholesky factor.

    The other triangle is neither read nor written.

    Returns
    -------
    int
        0, or the order of the first leading part that is not positive definite.
    """
    return _in_place(_routine("dpotrf"), M, lower)


def inverse(L: FloatArray, *, lower: bool = True) -> int:
    """Overwrite a Cholesky factor, in Fortran order, with the same triangle of its matrix's inverse."""
    return _in_place(_routine("dpotri"), L, lower)


def _in_place(routine: Routine, M: FloatArray, lower: bool) -> int:
    if not (M.flags.f_contiguous and M.dtype == float and M.ndim == 2 and M.shape[0] == M.shape[1]):
        raise ValueError(f"a square float64 matrix in Fortran order is needed, not {M.dtype} {M.shape}")
    if not M.size:
        return 0
    size, fault = ctypes.c_int(len(M)), ctypes.c_int()
    by = ctypes.byref(size)
    routine(b"L" if lower else b"U", by, M.ctypes.data, by, ctypes.byref(fault))
    return fault.value


@cache
def _routine(name: str) -> Routine:
    """A routine of the form (uplo, n, a, lda, info) by name."""
    from scipy.linalg import cython_lapack

    table: dict[str, object] = dict(cython_lapack.__pyx_capi__)
    capsule = table[name]
    get_name = ctypes.pythonapi.PyCapsule_GetName
    get_name.restype, get_name.argtypes = ctypes.c_char_p, [ctypes.py_object]
    get_pointer = ctypes.pythonapi.PyCapsule_GetPointer
    get_pointer.restype, get_pointer.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
    integer = ctypes.POINTER(ctypes.c_int)
    form = ctypes.CFUNCTYPE(None, ctypes.c_char_p, integer, ctypes.c_void_p, integer, integer)
    return form(get_pointer(capsule, get_name(capsule)))
