"""The lattice as one picture: inline SVG drawn by hand, with a title and a description, legible without colour."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

INK, MUTED, LINE = "#1d2a35", "#55626e", "#c3ccd3"
STYLES: Mapping[str, tuple[str, str, str, str]] = {
    "answerable with stated assumptions": ("#d9ecec", "#0b5d69", "✓", "answerable, with stated assumptions"),
    "answerable only with model extrapolation": (
        "#fbeccf",
        "#9a5b00",
        "◐",
        "only where a model carries it beyond the data",
    ),
    "not answerable": ("#eceff1", "#6a7480", "✕", "not answerable from these data"),
}
GATE_WORDS = {
    "identifiable": "stops: not recorded",
    "connected": "stops: nothing links the two",
    "overlapping": "stops: too few alike",
    "precise enough": "stops: too uncertain",
    "verified": "stops: problem not verified",
    "followed up": "stops: outcomes not known",
}
TOO_FEW_LINKS = "stops: too few links"
"""Where treatments are linked, or may be, but not by two chains."""
WIDTH, BOX, HEIGHT, GAP, TOP = 1180, 188, 94, 42, 78


def lattice_svg(nodes: Sequence[Mapping[str, Any]], *, id: str = "lattice") -> str:
    """Draw the nodes of :func:`lattice_of` (as plain dicts), one row a level, the finest question at the bottom.

    Parameters
    ----------
    nodes : sequence of mapping
        ``LatticeNode.to_dict()``.
    id : str
        Prefix of the ids of title and description.
    """
    rows = _rows(nodes)
    height = TOP + len(rows) * (HEIGHT + GAP) - GAP + 16
    where = {tuple(n["parts"]): (_x(i, len(row)), TOP + r * (HEIGHT + GAP))
             for r, row in enumerate(rows) for i, n in enumerate(row)}  # fmt: skip
    parts = [_lines(where), *(_box(n, *where[tuple(n["parts"])]) for row in rows for n in row), _legend()]
    return (
        f'<svg role="img" aria-labelledby="{id}-t {id}-d" viewBox="0 0 {WIDTH} {height}" width="100%" '
        f'xmlns="http://www.w3.org/2000/svg" font-family="system-ui, sans-serif">'
        f'<title id="{id}-t">Which questions these data can answer</title>'
        f'<desc id="{id}-d">{escape(alt_text(nodes))}</desc>'
        f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>{"".join(parts)}</svg>'
    )


def alt_text(nodes: Sequence[Mapping[str, Any]]) -> str:
    """The picture in words: every question with its verdict and the gate that decides."""
    return " ".join(
        f"{n['label'].rstrip('?')}: {n['answerable']}{' (' + n['gate'] + ')' if n['gate'] else ''}." for n in nodes
    )


def _rows(nodes: Sequence[Mapping[str, Any]]) -> list[list[Mapping[str, Any]]]:
    top = [n for n in nodes if n["parts"] == ["at all"]]
    rest = [n for n in nodes if n["parts"] != ["at all"]]
    sizes = sorted({len(n["parts"]) for n in rest})
    return [top, *([n for n in rest if len(n["parts"]) == size] for size in sizes)]


def _x(i: int, many: int) -> float:
    space = WIDTH / many
    return space * (i + 0.5) - BOX / 2


def _lines(where: Mapping[tuple[str, ...], tuple[float, float]]) -> str:
    out = []
    for child, (x, y) in where.items():
        for parent, (px, py) in where.items():
            finer = parent != ("at all",) and len(child) == len(parent) + 1 and set(parent) < set(child)
            if (finer and child != ("at all",)) or (parent == ("at all",) and child == ()):
                out.append(
                    f'<path d="M{px + BOX / 2:.0f} {py + HEIGHT:.0f} L{x + BOX / 2:.0f} {y:.0f}" stroke="{LINE}" '
                    'stroke-width="1.2" fill="none"/>'
                )
    return "".join(out)


def _box(node: Mapping[str, Any], x: float, y: float) -> str:
    fill, edge, sign, _ = STYLES[node["answerable"]]
    words = "All of it: this problem, this therapist, this client, here" if len(node["parts"]) == 4 else node["label"]
    label = textwrap.wrap(words, 23)[:4]
    case = node["case"].get(node["parts"][-1], "") if node["parts"] and node["parts"] != ["at all"] else ""
    below = _stops(node) if node["gate"] else (case and f"for instance {case}") or "all gates pass"
    text = "".join(
        f'<text x="{x + 27:.0f}" y="{y + 20 + 14.5 * i:.0f}" font-size="11.5" font-weight="600" '
        f'fill="{INK}">{escape(t)}</text>'
        for i, t in enumerate(label)
    )
    return (
        f"<g><title>{escape(node['label'])}: {escape(node['answerable'])}. {escape(node['why'])}</title>"
        f'<rect x="{x:.0f}" y="{y:.0f}" width="{BOX}" height="{HEIGHT}" rx="7" fill="{fill}" stroke="{edge}" '
        f'stroke-width="1.6"/>'
        f'<text x="{x + 9:.0f}" y="{y + 21:.0f}" font-size="14" font-weight="700" fill="{edge}">{sign}</text>'
        f'{text}<text x="{x + 9:.0f}" y="{y + HEIGHT - 11:.0f}" font-size="11" fill="{MUTED}">'
        f"{escape(textwrap.shorten(below, 30, placeholder='…'))}</text></g>"
    )


def _stops(node: Mapping[str, Any]) -> str:
    """The gate that decides, in few words."""
    if node["gate"] == "connected" and node["answerable"] != "not answerable":
        return TOO_FEW_LINKS
    return GATE_WORDS.get(node["gate"], str(node["gate"]))


def _legend() -> str:
    out = [f'<text x="16" y="27" font-size="17" font-weight="700" fill="{INK}">Which questions can these data answer? '
           'The further down, the finer the question</text>']  # fmt: skip
    x = 16
    for fill, edge, sign, words in STYLES.values():
        out.append(
            f'<rect x="{x}" y="42" width="20" height="20" rx="4" fill="{fill}" stroke="{edge}" stroke-width="1.4"/>'
            f'<text x="{x + 4}" y="57" font-size="13" font-weight="700" fill="{edge}">{sign}</text>'
            f'<text x="{x + 28}" y="57" font-size="13" fill="{INK}">{words}</text>'
        )
        x += 60 + 8 * len(words)
    return "".join(out)
