"""Public checks for model plugins."""
