"""Values drawn from the schemas of deploy/crds: what they allow, at its edges; and what they do not.

A new field of a definition is drawn as soon as it is there.
"""

import random
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

import yaml

from tests.property.words import FLOATS, NUMBERS, STRINGS, TEXTS

CRDS: Final = Path(__file__).parents[2] / "deploy" / "crds"
FEW: Final = 3  # fields of a block, or elements of a list, that a value has as a rule

Schema = Mapping[str, Any]


@cache
def spec_schema(plural: str) -> Schema:
    """Return the schema of the spec of a kind in deploy/crds."""
    definition = yaml.safe_load((CRDS / f"{plural}.yaml").read_text())
    whole = definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    found: Schema = whole["properties"]["spec"]
    return found


class Drawer:
    """Draws values; `wild` ones heed the types of a schema only, now and then."""

    def __init__(self, rng: random.Random, *, wild: bool) -> None:
        self.rng = rng
        self.wild = wild

    def value(self, schema: Schema, name: str = "") -> Any:
        """Return a value for the field `name`."""
        match schema["type"]:
            case "object":
                return self._block(schema)
            case "array":
                most = min(schema.get("maxItems", FEW), FEW)
                return [self.value(schema["items"], name) for _ in range(self.rng.randint(0, most))]
            case "boolean":
                return self.rng.random() < 0.6
        odd = self.wild and self.rng.random() < 0.15
        return self._typed(schema) if odd else self._fitting(schema, name)

    def _block(self, schema: Schema) -> dict[str, Any]:
        fields = schema["properties"]
        many = len(fields) if self.rng.random() < 0.1 else self.rng.randint(0, FEW)
        names = {
            *schema.get("required", ()),
            *self.rng.sample(sorted(fields), min(many, len(fields))),
        }
        return {name: self.value(fields[name], name) for name in sorted(names)}

    def _typed(self, schema: Schema) -> Any:
        known = {"string": TEXTS, "number": FLOATS, "integer": NUMBERS}
        return self.rng.choice(known[schema["type"]])

    def _fitting(self, schema: Schema, name: str) -> Any:
        if "enum" in schema:
            return self.rng.choice(schema["enum"])
        if schema["type"] == "string":
            good = STRINGS.get(name, ("x",))
            odd = "pattern" not in schema and self.rng.random() < 0.1
            return self.rng.choice(TEXTS if odd else good)
        low, high = schema.get("minimum", 0), schema.get("maximum", 2**31 - 1)
        return self.rng.choice((low, high, low + (0.5 if schema["type"] == "number" else 1)))
