"""Writing and reading xarray objects whole or not at all: netCDF and zarr, never pickle."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import xarray as xr

from outcomemodels.errors import FileError

ACCEPTED = "a path ending in .nc (netCDF) or .zarr"


def _atomically(path: Path, write: Callable[[Path], object]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    holder = Path(tempfile.mkdtemp(prefix=f".{path.name}-", dir=path.parent))
    try:
        part = holder / path.name
        write(part)
        if path.is_dir():
            shutil.rmtree(path)
        os.replace(part, path)
    finally:
        shutil.rmtree(holder, ignore_errors=True)
    return path


def write_dataset(data: xr.Dataset, path: str | Path) -> Path:
    """Write one dataset; object arrays of labels become fixed-width strings."""
    path = Path(path)
    plain = data.copy()
    for name in plain.variables:
        if plain[name].dtype == object:
            plain[name] = plain[name].astype(str)
    if path.suffix == ".nc":
        return _atomically(path, lambda p: plain.to_netcdf(p, engine="h5netcdf"))
    if path.suffix == ".zarr":
        return _atomically(path, lambda p: plain.to_zarr(p, mode="w", consolidated=False))
    raise FileError(f"cannot write {path.name!r}", accepted=ACCEPTED)


def write_tree(tree: xr.DataTree, path: str | Path) -> Path:
    """Write a tree of groups."""
    path = Path(path)
    if path.suffix == ".nc":
        return _atomically(path, lambda p: tree.to_netcdf(p, engine="h5netcdf"))
    if path.suffix == ".zarr":
        return _atomically(path, lambda p: tree.to_zarr(p, mode="w", consolidated=False))
    raise FileError(f"cannot write {path.name!r}", accepted=ACCEPTED)


def _engine(path: Path) -> str:
    if not path.exists():
        raise FileError(f"no file at {path}", mend="check the path")
    if path.suffix not in (".nc", ".zarr"):
        raise FileError(f"cannot read {path.name!r}", accepted=ACCEPTED)
    return "h5netcdf" if path.suffix == ".nc" else "zarr"


def read_dataset(path: str | Path) -> xr.Dataset:
    """Read one dataset into memory and close the file."""
    path = Path(path)
    engine = _engine(path)
    try:
        with xr.open_dataset(path, engine=engine, backend_kwargs=_zarr(engine)) as opened:
            return opened.load()
    except (OSError, KeyError, ValueError) as error:
        raise _damaged(path, error) from error


def read_tree(path: str | Path) -> xr.DataTree:
    """Read a tree of groups into memory and close the file."""
    path = Path(path)
    engine = _engine(path)
    try:
        with xr.open_datatree(path, engine=engine, backend_kwargs=_zarr(engine)) as opened:
            return opened.load()
    except (OSError, KeyError, ValueError) as error:
        raise _damaged(path, error) from error


def _zarr(engine: str) -> dict[str, Any]:
    return {"consolidated": False} if engine == "zarr" else {}


def _damaged(path: Path, error: Exception) -> FileError:
    return FileError(
        f"{path} cannot be read: {type(error).__name__}: {error}",
        accepted="a file written by this library",
        mend="the file may be truncated; write it again",
    )
