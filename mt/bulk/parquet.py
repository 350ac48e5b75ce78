"""Rows of Parquet files; the one file that knows PyArrow."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, BinaryIO

import pyarrow
from pyarrow.parquet import ParquetFile, ParquetWriter

from mt.errors import DataError
from mt.lines import Location, open_binary

_ROWS = 1000
"""Rows that are read or written at a time."""
_ROW_GROUP = 64
"""Times as many are a row group of what is written."""


def row_group_sizes(file: Location) -> list[int]:
    """List the bytes of each row group, decompressed.

    Raises:
        DataError: If the file cannot be read.
    """
    with open_binary(file) as opened, _parquet(file, opened) as rows:
        metadata = rows.metadata
        return [
            metadata.row_group(index).total_byte_size for index in range(metadata.num_row_groups)
        ]


def column_names(file: Location) -> list[str]:
    """List the columns of a file.

    Raises:
        DataError: If the file cannot be read.
    """
    with open_binary(file) as opened, _parquet(file, opened) as rows:
        return list(rows.schema_arrow.names)


def read_rows(file: Location, start: int, end: int | None) -> Iterator[dict[str, Any]]:
    """Read the rows of some row groups.

    Raises:
        DataError: If the file cannot be read.
    """
    with open_binary(file) as opened, _parquet(file, opened) as rows:
        groups = list(range(rows.num_row_groups)[start:end])
        for batch in rows.iter_batches(_ROWS, row_groups=groups):
            yield from batch.to_pylist()


def write_rows(records: Iterable[dict[str, Any]], file: BinaryIO, source: Location) -> None:
    """Write rows with the columns of the file that they were read from, and others of text."""
    with open_binary(source) as opened, _parquet(source, opened) as rows:
        schema = rows.schema_arrow
    stream = iter(records)
    part = list(islice(stream, _ROWS))
    for name in part[0] if part else ():
        if name not in schema.names:
            schema = schema.append(pyarrow.field(name, pyarrow.string()))
    with ParquetWriter(file, schema) as writer:
        while part:
            writer.write_batch(
                pyarrow.RecordBatch.from_pylist(part, schema), row_group_size=_ROW_GROUP * _ROWS
            )
            part = list(islice(stream, _ROWS))


def _parquet(file: Location, opened: BinaryIO) -> ParquetFile:
    try:
        return ParquetFile(opened)
    except (pyarrow.ArrowException, OSError) as error:
        raise DataError(
            f"{file}: expected a Parquet file, but it cannot be read ({error}); copy it again"
        ) from None
