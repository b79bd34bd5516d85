"""Reading tables: any source, one schema, one dataset."""

from __future__ import annotations

from outcomemodels.data.columns import from_columns

__all__ = ["from_columns"]
