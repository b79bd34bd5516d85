"""The exact engine for linear structures."""
