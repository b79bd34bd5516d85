"""The verbs on the command line. Heavy imports happen inside commands, so that ``--help`` is quick.

Exit codes: 0 all well; 1 something is wrong with what was handed over (the message says what and how to mend it);
2 the command line itself is wrong; 3 the fit failed its convergence checks, and what was written says so.
"""

from outcomemodels.cli.main import main

__all__ = ["main"]
