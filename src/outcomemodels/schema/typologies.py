"""Typologies: trees of treatments and problems, shipped as versioned data. A record may stop at any depth.

Every node says where it comes from and whether that was verified in a stored source or written from memory.
Delivery format (individual, group, guided self-help …) is a typology of its own, separate from treatment.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Literal

from outcomemodels.errors import SchemaError

Evidence = Literal["verified", "from_memory", "design"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """One kind of treatment, problem or format.

    Parameters
    ----------
    label : str
        The one spelling used inside.
    parent : str
        Label of the broader kind; "" at the top.
    also : tuple of str
        Other spellings, published labels of other years included.
    codes : tuple of (system, code)
        Codes in published systems ("snomed", "icd10", "iapt15", "metapsy").
    evidence : {"verified", "from_memory", "design"}
        Whether the node was verified in a stored source, written from memory, or is our own proposal.
    source : str
        Key of the source in ``Typology.sources``.
    note : str
    """

    label: str
    parent: str = ""
    also: tuple[str, ...] = ()
    codes: tuple[tuple[str, str], ...] = ()
    evidence: Evidence = "design"
    source: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Typology:
    """A tree of labels.

    Parameters
    ----------
    name, version, title : str
    nodes : tuple of Node
        Parents before children.
    sources : tuple of (key, citation)
    """

    name: str
    version: str
    title: str
    nodes: tuple[Node, ...]
    sources: tuple[tuple[str, str], ...] = ()
    _by_label: dict[str, Node] = field(init=False, repr=False, compare=False, default_factory=dict)
    _spelling: dict[str, str] = field(init=False, repr=False, compare=False, default_factory=dict)

    def __post_init__(self) -> None:
        known_sources = {key for key, _ in self.sources}
        for node in self.nodes:
            if node.label in self._by_label:
                raise SchemaError(f"typology {self.name!r} lists {node.label!r} twice")
            if node.parent and node.parent not in self._by_label:
                raise SchemaError(
                    f"typology {self.name!r}: {node.label!r} names a parent {node.parent!r} not listed before it",
                    accepted="parents before children",
                )
            if node.source and node.source not in known_sources:
                raise SchemaError(f"typology {self.name!r}: {node.label!r} names no known source", rows=[node.source])
            self._by_label[node.label] = node
            for spelling in (node.label, *node.also, *(f"{system}:{code}" for system, code in node.codes)):
                taken = self._spelling.setdefault(fold(spelling), node.label)
                if taken != node.label:
                    raise SchemaError(f"typology {self.name!r}: {spelling!r} means {taken!r} and {node.label!r}")

    def __contains__(self, label: object) -> bool:
        return isinstance(label, str) and fold(label) in self._spelling

    def __getitem__(self, label: str) -> Node:
        found = self._spelling.get(fold(label))
        if found is None:
            import difflib

            near = difflib.get_close_matches(label, self.labels, n=3, cutoff=0.5)
            raise SchemaError(
                f"{label!r} is not in typology {self.name!r} (version {self.version})",
                accepted=", ".join(self.labels[:20]) + (" …" if len(self.labels) > 20 else ""),
                mend=f"did you mean {', '.join(repr(n) for n in near)}?" if near else None,
            )
        return self._by_label[found]

    @property
    def labels(self) -> tuple[str, ...]:
        """Every label, parents before children."""
        return tuple(n.label for n in self.nodes)

    def canonical(self, label: str) -> str:
        """The one spelling of a label, or the label itself when it is unknown."""
        return self._spelling.get(fold(label), label)

    def path(self, label: str) -> tuple[str, ...]:
        """Labels from the top of the tree down to ``label``."""
        node = self[label]
        out = [node.label]
        while node.parent:
            node = self._by_label[node.parent]
            out.append(node.label)
        return tuple(reversed(out))

    def depth(self, label: str) -> int:
        """How many steps below the top a label stands; 0 at the top."""
        return len(self.path(label)) - 1

    def cut(self, label: str, depth: int) -> str:
        """The label's ancestor at ``depth``, or the label itself when it stops above."""
        path = self.path(label)
        return path[min(depth, len(path) - 1)]

    def within(self, label: str, ancestor: str) -> bool:
        """Whether ``label`` is ``ancestor`` or a kind of it."""
        return self[ancestor].label in self.path(label)

    def children(self, label: str = "") -> tuple[str, ...]:
        """Labels directly below ``label``; the top of the tree when it is empty."""
        parent = self[label].label if label else ""
        return tuple(n.label for n in self.nodes if n.parent == parent)


def fold(label: str) -> str:
    """Spelling used for look-up: case and punctuation do not count."""
    return " ".join("".join(ch if ch.isalnum() else " " for ch in label.casefold()).split())


def available_typologies() -> tuple[str, ...]:
    """Names of the typologies shipped."""
    folder = files("outcomemodels.schema") / "typology_data"
    return tuple(sorted(p.name.removesuffix(".toml") for p in folder.iterdir() if p.name.endswith(".toml")))


@cache
def load_typology(name: str) -> Typology:
    """Read a shipped typology.

    Raises
    ------
    SchemaError
        If there is none of that name.
    """
    if name not in available_typologies():
        raise SchemaError(f"no typology {name!r}", accepted=", ".join(available_typologies()))
    text = (files("outcomemodels.schema") / "typology_data" / f"{name}.toml").read_text(encoding="utf-8")
    return typology_from_toml(text)


def typology_from_toml(text: str) -> Typology:
    """Read a typology from TOML text: a head, ``[sources]`` and an array ``[[nodes]]``.

    Raises
    ------
    SchemaError
        If the text is not TOML or a node is not well formed.
    """
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SchemaError(f"not TOML: {error}", accepted="a typology file") from None
    allowed = {"label", "parent", "also", "codes", "evidence", "source", "note"}
    nodes = []
    for entry in raw.get("nodes", ()):
        if set(entry) - allowed or "label" not in entry:
            raise SchemaError(
                f"node {entry.get('label', entry)!r} has keys {sorted(set(entry) - allowed)}",
                accepted="label and " + ", ".join(sorted(allowed - {"label"})),
            )
        if entry.get("evidence", "design") not in ("verified", "from_memory", "design"):
            raise SchemaError(
                f"node {entry['label']!r} has evidence {entry['evidence']!r}",
                accepted="verified, from_memory, design",
            )
        plain = {k: v for k, v in entry.items() if k not in ("also", "codes")}
        codes = tuple(
            (system, str(code))
            for system, listed in entry.get("codes", {}).items()
            for code in (listed if isinstance(listed, list) else [listed])
        )
        nodes.append(Node(also=tuple(entry.get("also", ())), codes=codes, **plain))
    return Typology(
        name=str(raw.get("name", "")),
        version=str(raw.get("version", "")),
        title=str(raw.get("title", "")),
        nodes=tuple(nodes),
        sources=tuple((k, str(v)) for k, v in raw.get("sources", {}).items()),
    )


@cache
def load_crosswalk(name: str) -> dict[str, dict[str, str]]:
    """Read a shipped crosswalk: per kind of label, published spelling to the one label used here.

    Raises
    ------
    SchemaError
        If there is none of that name.
    """
    folder = files("outcomemodels.schema") / "crosswalks"
    known = sorted(p.name.removesuffix(".toml") for p in folder.iterdir() if p.name.endswith(".toml"))
    if name not in known:
        raise SchemaError(f"no crosswalk {name!r}", accepted=", ".join(known))
    raw = tomllib.loads((folder / f"{name}.toml").read_text(encoding="utf-8"))
    return {kind: dict(pairs) for kind, pairs in raw.items() if isinstance(pairs, dict)}
