"""Record-level tables of the IAPT / NHS Talking Therapies data set (v2.0, v2.1), read into a PaulDataset."""
