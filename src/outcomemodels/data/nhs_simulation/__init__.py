"""Made-up NHS Talking Therapies records (IAPT data set v2.0 and v2.1) with the truth beside them."""
