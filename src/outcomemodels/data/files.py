"""Text files, plain or packed: opened, measured and checked for UTF-8 before anything is parsed."""

from __future__ import annotations

import codecs
import gzip
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

from outcomemodels.errors import FileError

CHUNK = 1 << 22
DELIMITERS = (",", ";", "\t")


@dataclass(frozen=True, slots=True)
class TextCheck:
    """What one pass over the bytes told.

    Parameters
    ----------
    header : tuple of str
    delimiter : str
    n_lines : int
    n_bytes : int
        Unpacked.
    """

    header: tuple[str, ...]
    delimiter: str
    n_lines: int
    n_bytes: int


@contextmanager
def open_text(file: Path) -> Iterator[IO[bytes]]:
    """Open a plain, gzip or zip file for reading bytes.

    Raises
    ------
    FileError
        If a zip file does not hold exactly one table, is encrypted or damaged.
    """
    name = file.name.lower()
    if name.endswith(".zip"):
        try:
            with zipfile.ZipFile(file) as packed:
                members = [m for m in packed.infolist() if not m.is_dir() and not m.filename.startswith("__MACOSX")]
                if len(members) != 1:
                    raise FileError(
                        f"the zip file holds {len(members)} files",
                        table=file.name,
                        rows=[m.filename for m in members],
                        accepted="one table per zip file",
                        mend="unpack it and name the file",
                    )
                with packed.open(members[0]) as stream:
                    yield stream
        except (zipfile.BadZipFile, RuntimeError, NotImplementedError) as error:
            raise _damaged(file, error) from None
    elif name.endswith(".gz"):
        with gzip.open(file, "rb") as unpacked:
            yield cast(IO[bytes], unpacked)
    else:
        with file.open("rb") as stream:
            yield stream


def check_text(file: Path, max_bytes: int) -> TextCheck:
    """Pass once over the bytes: size, UTF-8, header and number of lines. Holds one chunk at a time.

    Raises
    ------
    FileError
        If the unpacked text exceeds ``max_bytes``, is not UTF-8, is empty, or the file is truncated.
    """
    decode = codecs.getincrementaldecoder("utf-8")()
    size = lines = 0
    head = b""
    last = b"\n"
    try:
        with open_text(file) as stream:
            while chunk := stream.read(CHUNK):
                if size == 0:
                    _check_start(chunk, file)
                size += len(chunk)
                if size > max_bytes:
                    raise FileError(
                        f"the text is larger than {max_bytes / 1e9:.1f} GB once read"
                        + (" (the file is packed)" if file.suffix.lower() in (".gz", ".zip") else ""),
                        table=file.name,
                        accepted=f"at most {max_bytes:,} bytes (max_bytes; half of the free memory unless given)",
                        mend="convert it to parquet, or pass a polars or duckdb query that selects rows and columns",
                    )
                _decode(decode, chunk, lines, file)
                if b"\n" not in head and len(head) < CHUNK:
                    head += chunk
                lines += chunk.count(b"\n")
                last = chunk[-1:]
        _decode(decode, b"", lines, file, final=True)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise _damaged(file, error) from None
    if not head.strip():
        raise FileError("the file is empty", table=file.name, accepted="a header and at least one row")
    first = head.decode("utf-8-sig", errors="ignore").splitlines()[0]
    delimiter = max(DELIMITERS, key=first.count)
    return TextCheck(_header(first, delimiter), delimiter, lines + (last != b"\n"), size)


def _header(line: str, delimiter: str) -> tuple[str, ...]:
    import csv

    return tuple(next(csv.reader([line], delimiter=delimiter)))


def _check_start(chunk: bytes, file: Path) -> None:
    if chunk[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\x00" in chunk[:1024]:
        raise FileError(
            "the file is not UTF-8 text" + (" but UTF-16" if chunk[:2] in (b"\xff\xfe", b"\xfe\xff") else ""),
            table=file.name,
            accepted="UTF-8",
            mend="save it as 'CSV UTF-8', or check that the file is a table at all",
        )


def _decode(decoder: codecs.IncrementalDecoder, chunk: bytes, lines: int, file: Path, final: bool = False) -> None:
    try:
        decoder.decode(chunk, final)
    except UnicodeDecodeError as error:
        line = lines + error.object[: error.start].count(b"\n") + 1
        around = error.object[max(0, error.start - 20) : error.start + 20]
        raise FileError(
            f"the file is not UTF-8: byte 0x{error.object[error.start]:02x} in line {line}",
            table=file.name,
            rows=[f"line {line}: {around.decode('latin-1')!r} (read as Latin-1)"],
            accepted="UTF-8",
            mend="save it as 'CSV UTF-8'; files from older Windows programs are often Windows-1252",
        ) from None


def _damaged(file: Path, error: Exception) -> FileError:
    return FileError(
        f"the file cannot be unpacked: {error}",
        table=file.name,
        accepted="a whole, unencrypted file",
        mend="it may be truncated; copy or export it again",
    )
