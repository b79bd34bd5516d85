"""Damage done to a folder of IDS tables: whatever exports, transfers and spreadsheets do to files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as pv
import pyarrow.parquet as pq

CELLS = ("", " ", "NULL", "nan", "inf", "-1", "1e308", "99999999999999999999", "🙂", "2021-02-30", "31/12/2020", "0",
         "F41.1", "x" * 500, "NaT", "12:99", "\x00", "Ⅴ", "٣", "1900-01-01", "2100-12-31", "99999999")  # fmt: skip


def damage(folder: Path, rng: np.random.Generator) -> list[str]:
    """Do up to three kinds of harm; say which."""
    done = []
    for _ in range(int(rng.integers(1, 4))):
        files = sorted(p for p in folder.iterdir() if p.is_file())
        if not files:
            break
        file = files[int(rng.integers(len(files)))]
        kind = HARMS[int(rng.integers(len(HARMS)))]
        kind(file, rng)
        done.append(f"{kind.__name__} {file.name}")
    return done


def remove(file: Path, rng: np.random.Generator) -> None:
    file.unlink()


def empty(file: Path, rng: np.random.Generator) -> None:
    file.write_bytes(b"")


def header_only(file: Path, rng: np.random.Generator) -> None:
    file.write_bytes(file.read_bytes().split(b"\n", 1)[0] + b"\n" if file.suffix == ".csv" else b"PAR1")


def truncate(file: Path, rng: np.random.Generator) -> None:
    raw = file.read_bytes()
    file.write_bytes(raw[: int(rng.integers(0, len(raw) + 1))])


def garbage(file: Path, rng: np.random.Generator) -> None:
    file.write_bytes(rng.bytes(int(rng.integers(1, 5000))))


def flip_bytes(file: Path, rng: np.random.Generator) -> None:
    raw = bytearray(file.read_bytes())
    for at in rng.integers(0, max(len(raw), 1), 20 if raw else 0).tolist():
        raw[at] = int(rng.integers(256))
    file.write_bytes(bytes(raw))


def _table(file: Path) -> pa.Table | None:
    try:
        if file.suffix == ".parquet":
            return pq.read_table(file)
        first = pv.read_csv(file).column_names
        return pv.read_csv(file, convert_options=pv.ConvertOptions(column_types={n: pa.string() for n in first}))
    except (pa.ArrowException, OSError, UnicodeDecodeError):
        return None


def _write(table: pa.Table, file: Path) -> None:
    if file.suffix == ".parquet":
        pq.write_table(table, file)
    else:
        pv.write_csv(table, file)


def drop_column(file: Path, rng: np.random.Generator) -> None:
    table = _table(file)
    if table is not None and table.num_columns > 1:
        _write(table.remove_column(int(rng.integers(table.num_columns))), file)


def wrong_cells(file: Path, rng: np.random.Generator) -> None:
    table = _table(file)
    if table is None or not table.num_columns or not table.num_rows:
        return
    at = int(rng.integers(table.num_columns))
    texts = np.array(table.column(at).cast(pa.string()).to_pylist(), dtype=object)
    hit = rng.random(len(texts)) < rng.choice([0.01, 0.5, 1.0])
    texts[hit] = np.array(CELLS, dtype=object)[rng.integers(0, len(CELLS), int(hit.sum()))]
    _write(table.set_column(at, table.column_names[at], pa.array(texts, pa.string())), file)


def wrong_type(file: Path, rng: np.random.Generator) -> None:
    table = _table(file)
    if table is None or not table.num_columns or file.suffix != ".parquet":
        return
    n, at = table.num_rows, int(rng.integers(table.num_columns))
    made = [
        pa.array(rng.normal(size=n) * 1e10), pa.array(rng.integers(0, 2, n) > 0), pa.nulls(n),
        pa.array([[1, 2]] * n), pa.array([b"\xff\xfe"] * n), pa.array([{"a": 1}] * n),
        pa.array(rng.integers(0, 10**9, n)).cast(pa.timestamp("s")), pa.array(["a"] * n).dictionary_encode(),
        pa.array([None, *[float("nan")] * (n - 1)] if n else [], pa.float64()),
    ]  # fmt: skip
    pick = made[int(rng.integers(len(made)))]
    pq.write_table(table.set_column(at, table.column_names[at], pick), file)


def twice(file: Path, rng: np.random.Generator) -> None:
    table = _table(file)
    if table is not None:
        _write(pa.concat_tables([table, table]), file)


def one_key(file: Path, rng: np.random.Generator) -> None:
    """Every identifier of a column the same."""
    table = _table(file)
    if table is None or not table.num_rows or not table.num_columns:
        return
    at = int(rng.integers(table.num_columns))
    same = pa.array(["1"] * table.num_rows)
    _write(table.set_column(at, table.column_names[at], same), file)


def repeated_header(file: Path, rng: np.random.Generator) -> None:
    table = _table(file)
    if table is not None and table.num_columns:
        name = table.column_names[int(rng.integers(table.num_columns))]
        _write(table.append_column(name.upper() + "_", table.column(0)), file)


def shuffled(file: Path, rng: np.random.Generator) -> None:
    table = _table(file)
    if table is not None and table.num_rows:
        _write(table.take(pa.array(rng.permutation(table.num_rows))), file)


HARMS = (remove, empty, header_only, truncate, garbage, flip_bytes, drop_column, wrong_cells, wrong_cells, wrong_type,
         twice, one_key, repeated_header, shuffled)  # fmt: skip
