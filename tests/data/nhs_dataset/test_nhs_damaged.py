"""Damaged folders: read, or refused by an error of our family; never anything else."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

import outcomemodels as om
from data.nhs_dataset.fuzz import damage
from outcomemodels.data.nhs_simulation.simulate import simulate_nhs
from outcomemodels.errors import OutcomeModelsError


@pytest.fixture(scope="module", params=["csv", "parquet"])
def whole(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole") / request.param
    simulate_nhs(folder, referrals=120, seed=9, file_format=request.param, dirty=True, derived=True)
    shutil.rmtree(folder / "truth")
    shutil.rmtree(folder / "linked")
    return folder


@pytest.mark.parametrize("damaged", ["refuse", "skip"])
def test_damaged_folders(whole, tmp_path, damaged):
    read = 0
    for seed in range(24):
        folder = tmp_path / str(seed)
        shutil.copytree(whole, folder)
        harm = damage(folder, np.random.default_rng(seed))
        try:
            found = om.read_nhs_dataset(folder, damaged=damaged, partitions=1 + seed % 4)
        except OutcomeModelsError:
            pass
        except Exception as error:
            raise AssertionError(f"seed {seed}: {harm}") from error
        else:
            assert found.n > 0
            read += 1
        shutil.rmtree(folder)
    assert read >= 4
