"""Which kinds are served now: the built-in rows and those that stored definitions add."""

from typing import Final

from fakes.kube import crd as crds
from fakes.kube import schema as schemas
from fakes.kube.errors import Obj, no_such_path
from fakes.kube.kinds import BUILT_IN, CRDS, Kind
from fakes.kube.schema import Schema
from fakes.kube.store import Store

_BUILT_IN: Final = {(row.api_version, row.plural): row for row in BUILT_IN}


class Catalog:
    """Reads the definitions from the store it is given; remembers nothing of its own."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._from: list[Obj] = []
        self._custom: dict[tuple[str, str], tuple[Kind, Obj]] = {}

    def custom(self) -> dict[tuple[str, str], tuple[Kind, Obj]]:
        """Return the custom kinds with their definitions, by apiVersion and plural."""
        definitions = self._store.all(CRDS)
        if len(definitions) != len(self._from) or any(
            now is not then for now, then in zip(definitions, self._from, strict=False)
        ):
            self._custom = {
                (row.api_version, row.plural): (row, definition)
                for definition in definitions
                for row in crds.served(definition)
            }
            self._from = definitions
        return self._custom

    def kinds(self) -> list[Kind]:
        """Return every served row, the built-in ones first."""
        return [*BUILT_IN, *(row for row, _ in self.custom().values())]

    def find(self, api_version: str, plural: str) -> Kind:
        """Return the row of a URL; raise 404 when nothing serves it."""
        if row := _BUILT_IN.get((api_version, plural)):
            return row
        if found := self.custom().get((api_version, plural)):
            return found[0]
        raise no_such_path()

    def named(self, name: str) -> Kind:
        """Return the row that people mean: a Kind, a plural, a short name, plural.group."""
        low = name.lower()
        for row in self.kinds():
            names = {row.kind.lower(), row.plural, row.single, row.resource, *row.short}
            if not row.stored_as and low in names:
                return row
        raise KeyError(f"no kind is called {name!r}: is its CustomResourceDefinition there?")

    def of(self, obj: Obj) -> Kind:
        """Return the row of a manifest."""
        for row in self.kinds():
            if row.api_version == obj.get("apiVersion") and row.kind == obj.get("kind"):
                return row
        raise KeyError(f"nothing serves {obj.get('apiVersion')} {obj.get('kind')}")

    def definition(self, kind: Kind) -> Obj:
        """Return the CustomResourceDefinition of a custom kind."""
        return self.custom()[kind.api_version, kind.plural][1]

    def schema(self, kind: Kind) -> Schema:
        """Return the schema of a served version."""
        if kind.custom:
            return crds.schema_of(self.definition(kind), kind.version)
        return schemas.definition(kind.model) if kind.model else schemas.ANYTHING

    def stored(self, kind: Kind) -> Kind:
        """Return the row whose version is the stored one."""
        if not kind.stored_as:
            return kind
        return next(row for row in BUILT_IN if row.resource == kind.stored_as and not row.stored_as)
