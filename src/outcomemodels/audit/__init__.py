"""What the data can and cannot say; looks, never changes."""
