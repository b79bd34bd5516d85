"""Tables in, PaulDataset out."""
