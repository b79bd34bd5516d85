"""A folder of records whose contacts, activities and scores occur several times over, under identifiers of their own.

For measuring what memory grows with: the referrals stay the same.

Run: python benchmarks/reader/more_contacts.py folder other 2
"""

from __future__ import annotations

import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

OWN = ("CareContactId", "CareActId")
TABLES = ("IDS201CareContact", "IDS202CareActivity", "IDS607CodedScoreAssessmentAct")


def main(folder: str, other: str, times: int) -> None:
    out = Path(other)
    out.mkdir()
    for path in sorted(Path(folder).glob("IDS*.parquet")):
        again = times if path.stem in TABLES else 1
        with pq.ParquetFile(path) as file, pq.ParquetWriter(out / path.name, file.schema_arrow) as writer:
            for k in range(again):
                for batch in file.iter_batches():
                    writer.write_batch(batch if k == 0 else renamed(batch, str(k)))


def renamed(batch: pa.RecordBatch, mark: str) -> pa.RecordBatch:
    columns = {n: batch.column(n) for n in batch.schema.names}
    for name in OWN:
        if name in columns:
            columns[name] = pc.binary_join_element_wise(columns[name], mark, "-")
    return pa.RecordBatch.from_pydict(columns, schema=batch.schema)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3])) if len(sys.argv) == 4 else sys.exit(__doc__)
