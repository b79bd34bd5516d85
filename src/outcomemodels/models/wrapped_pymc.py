"""A plain PyMC function as a plugin: for a notebook, or for a model that exists already."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, cast

from outcomemodels.models.frame import frame_of
from outcomemodels.plugin import Design, ModelInfo, Needs, Priors, SpecError, UnseenPolicy, expected_name, outcome_name

if TYPE_CHECKING:
    import pandas as pd
    import pymc as pm

Takes = Literal["design", "frame"]


@dataclass(frozen=True)
class FromPymc:
    """A function that builds a PyMC model, as a plugin.

    expected[obs] and outcome[obs] are what the function's model calls so, or what ``expected`` and ``outcome`` name.

    Units: those of the function. Made by :func:`from_pymc`.

    Parameters
    ----------
    info : ModelInfo
    function : callable
    takes : {"design", "frame"}
    expected, outcome : str
        Names of the expected value and of the observed variable in the function's model.
    fields : tuple of str
        Columns of the frame.
    """

    info: ModelInfo
    function: Callable[..., Any] = field(repr=False)
    takes: Takes = "design"
    expected: str = "expected"
    outcome: str = "outcome"
    fields: tuple[str, ...] = ()

    def default_priors(self, design: Design) -> Priors:
        """None of ours: priors stand in the function."""
        return {}

    def build(self, design: Design, priors: Priors) -> pm.Model:
        """Call the function and give its variables the reserved names.

        Raises
        ------
        SpecError
            If the function returns no model, or its model lacks the variables named.
        """
        import pymc as pm

        graph = self.function(design if self.takes == "design" else frame_of(design, self.fields))
        if not isinstance(graph, pm.Model):
            raise SpecError(
                f"the function of {self.info.name!r} returned a {type(graph).__name__}", accepted="a pymc.Model"
            )
        if design.targets:
            return graph
        reserve(graph, {self.expected: expected_name(), self.outcome: outcome_name()}, rows=design.n_obs)
        return graph


def from_pymc(
    function: Callable[[Design], pm.Model] | Callable[[pd.DataFrame], pm.Model],
    *,
    name: str = "",
    summary: str = "",
    takes: Takes = "design",
    fields: Sequence[str] = (),
    expected: str = "expected",
    outcome: str = "outcome",
    needs: Needs | None = None,
    unseen: Mapping[str, UnseenPolicy] | None = None,
) -> FromPymc:
    """Wrap a function that builds a PyMC model as a plugin.

    Parameters
    ----------
    function : callable
        Takes a :class:`outcomemodels.plugin.Design`, or a data frame of its rows (``takes="frame"``), and returns a
        ``pymc.Model`` with an expected value a row and an observed variable. It is called again for every question,
        with the rows asked about: levels must come from the design, or from the categories of the frame, never from the
        rows.
    name : str
        Of the plugin; the function's name when absent.
    summary : str
        One line; the first of the function's docstring when absent.
    takes : {"design", "frame"}
    fields : sequence of str
        Fields the frame is to have, beside the outcome; what the function looks at, and therefore what a question about
        somebody NEW or UNKNOWN is about.
    expected, outcome : str
        What the function calls the expected value (response scale) and the observed variable.
    needs : Needs, optional
        Kinds of outcome and facets; a continuous outcome and nothing else when absent.
    unseen : mapping of facet or field to {"draw", "refuse"}, optional
        Groupings whose NEW levels follow from their prior; those not named are refused.

    Returns
    -------
    FromPymc
        To be passed as ``fit(…, model=…)``.

    Raises
    ------
    SpecError
        If a function of a frame names no fields.
    """
    if takes == "frame" and not fields:
        raise SpecError("takes='frame' without fields", accepted="fields=(…): the columns the function looks at")
    known = str(getattr(function, "__name__", "") or "pymc-model")
    described = (getattr(function, "__doc__", None) or "").strip().split("\n")[0]
    info = ModelInfo(
        name=name or known.replace("_", "-"),
        summary=summary or described or "a wrapped PyMC model",
        needs=needs or Needs(),
        unseen=dict(unseen or {}),
    )
    return FromPymc(info, function, takes, expected, outcome, tuple(fields))


def reserve(graph: pm.Model, names: Mapping[str, str], *, rows: int) -> None:
    """Give variables of a graph their reserved names: derived ones by one more, observed ones by renaming.

    Raises
    ------
    SpecError
        If the graph has no such variable.
    """
    import pymc as pm

    graph = cast(Any, graph)
    if "obs" not in graph.coords:
        graph.add_coord("obs", range(rows))
    for given, reserved in names.items():
        if given not in graph.named_vars:
            raise SpecError(
                f"the graph has no variable {given!r}",
                accepted=", ".join(graph.named_vars),
                mend="name it in pymc, or say which one it is: from_pymc(…, expected='mu', outcome='y')",
            )
        if given == reserved:
            continue
        variable = graph.named_vars[given]
        if variable not in graph.observed_RVs:
            with graph:
                pm.Deterministic(reserved, variable, dims="obs")
            continue
        dims = graph.named_vars_to_dims.pop(given, None)
        del graph.named_vars[given]
        variable.name = reserved
        graph.rvs_to_values[variable].name = reserved
        graph.named_vars[reserved] = variable
        if dims is not None:
            graph.named_vars_to_dims[reserved] = dims
