"""Schema files: read TOML, write it with comments that help a person complete it."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from outcomemodels.errors import FileError, SchemaError
from outcomemodels.schema.facets import Assignment, Direction, Established, Facet, Grain, Kind, Occasion, Statistic
from outcomemodels.schema.fields import Field, Schema


def read_schema(source: Schema | Mapping[str, Any] | str | Path) -> Schema:
    """Take a schema as it comes: a Schema, a plain dict, or the path of a TOML file.

    Raises
    ------
    FileError
        If there is no such file, or it is not UTF-8.
    SchemaError
        If it is not a schema.
    """
    if isinstance(source, Schema):
        return source
    if isinstance(source, Mapping):
        return Schema.from_dict(source)
    path = Path(source)
    if not path.is_file():
        raise FileError(
            f"no schema file at {path}",
            accepted="a Schema, a dict, or a path to a TOML file",
            mend="draft one with 'outcomemodels schema init FILE'",
        )
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise FileError(f"{path.name} is not UTF-8: {error.reason}", table=path.name, mend="save it as UTF-8") from None
    return schema_from_toml(text, name=path.name)


def schema_from_toml(text: str, *, name: str = "schema") -> Schema:
    """Read a schema from TOML text.

    Raises
    ------
    SchemaError
        If the text is not TOML or not a schema; TOML errors name line and column.
    """
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SchemaError(
            f"{name} is not TOML: {error}", table=name, accepted="a file as 'schema init' drafts"
        ) from None
    return Schema.from_dict(raw)


def schema_to_toml(schema: Schema) -> str:
    """Write a schema as TOML, with the accepted words in comments; reading it gives the same schema back."""
    raw = schema.to_dict()
    lines = [
        "# What every column means, in Paul's terms: what treatment, by whom, for which client with which problem,",
        "# under which circumstances. Look over every line; what was guessed from names may be wrong.",
        "#",
        f"# facet:       {_words(Facet)}",
        f"# kind:        {_words(Kind)}",
        f"# established: {', '.join(e.label for e in Established)}",
        "#              (how the values were established, least to most trustworthy; leave out what you do not know)",
        f"# occasion:    {_words(Occasion)} (when a score or date was taken)",
        f"# direction:   {_words(Direction)}",
        f"# statistic:   {_words(Statistic)} (for published cells and contrasts; of = the outcome summarised)",
        '# missing:     codes that mean "missing", and why:  missing = { "99" = "not stated" }',
        '# relabel:     other spellings of a level:          relabel = { "cbt" = "CBT" }',
        "# also:        column (name in the table), units, levels, low, high, required, key, measure, typology,",
        "#              description",
        "",
    ]
    comments = {
        "grain": f"what one row is: {_words(Grain)}",
        "assignment": f"how clients got their treatment: {_words(Assignment)}; only the first licenses causal words",
    }
    for key, value in raw.items():
        if key in ("fields", "assessments"):
            continue
        tail = f"  # {comments[key]}" if key in comments else ""
        lines.append(f"{key} = {_value(value)}{tail}")
    lines += _tables(schema.of_table("main"), raw["fields"], "fields")
    if "assessments" in raw:
        lines += ["", "# The long table of scores in time: one row per client, measure and week."]
        lines += _tables(schema.of_table("assessment"), raw["assessments"]["fields"], "assessments.fields")
    return "\n".join(lines) + "\n"


def _tables(fields: tuple[Field, ...], raw: Mapping[str, Any], prefix: str) -> list[str]:
    out: list[str] = []
    for field in fields:
        out += ["", f"[{prefix}.{field.name}]"]
        out += [f"{key} = {_value(value)}" for key, value in raw[field.name].items()]
        if "established" not in raw[field.name]:
            out.append('# established = "…"')
    return out


def _words(enum: type[Facet | Kind | Occasion | Direction | Statistic | Grain | Assignment]) -> str:
    return ", ".join(m.value for m in enum)


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return repr(value)
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{_text(str(k))} = {_value(v)}" for k, v in value.items()) + " }"
    return "[" + ", ".join(_value(v) for v in value) + "]"


def _text(value: str) -> str:
    """TOML basic string; JSON escapes are TOML escapes, DEL aside."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
