"""LAPACK in place: the same factors as NumPy's, faults told, and only the triangle that is named is touched."""

from __future__ import annotations

import numpy as np
import pytest

from outcomemodels.inference.collapsed.factor import cholesky, inverse


@pytest.mark.parametrize("size", [0, 1, 7, 130])
@pytest.mark.parametrize("lower", [True, False])
def test_factor_and_inverse(size: int, lower: bool) -> None:
    rng = np.random.default_rng(size)
    root = rng.normal(size=(size, size))
    whole = root @ root.T + np.eye(size)
    M = np.asfortranarray(np.tril(whole) if lower else np.triu(whole))
    assert cholesky(M, lower=lower) == 0
    np.testing.assert_allclose(M if lower else M.T, np.linalg.cholesky(whole), rtol=1e-12, atol=1e-12)
    assert inverse(M, lower=lower) == 0
    one = M + M.T - np.diag(np.diag(M))
    np.testing.assert_allclose(one @ whole, np.eye(size), atol=1e-9)


def test_the_first_part_that_has_no_factor_is_told() -> None:
    assert cholesky(np.asfortranarray(np.diag([1.0, 2.0, -1.0, 3.0]))) == 3


def test_a_matrix_of_another_kind_is_refused() -> None:
    with pytest.raises(ValueError, match="Fortran order"):
        cholesky(np.arange(6.0).reshape(2, 3))
    with pytest.raises(ValueError, match="Fortran order"):
        cholesky(np.ones((2, 2), dtype=np.float32, order="F"))
