"""Growth in time, ordered ratings, and change with dropping out: plugins for outcomemodels."""
