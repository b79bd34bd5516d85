"""Built-in models, one file each, registered like an outsider's; and ways to wrap a model that exists already."""

from outcomemodels.models.wrapped_bambi import FromBambi, from_bambi
from outcomemodels.models.wrapped_pymc import FromPymc, from_pymc

__all__ = ["FromBambi", "FromPymc", "from_bambi", "from_pymc"]
