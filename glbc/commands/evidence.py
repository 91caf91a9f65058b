"""What the cloud is asked about a cluster's identity, before anything is named by it: no more than needed."""

from collections.abc import Callable, Iterable
from typing import Final

from glbc.config import Config
from glbc.engine.clock import SystemClock
from glbc.engine.executor import Runner
from glbc.engine.inventory import Inventory
from glbc.engine.jobs import ListJob, ReadJob
from glbc.engine.ports import Cloud
from glbc.errors import GlbcError
from glbc.model.graph import Graph, Observed, Ownership
from glbc.model.keys import Kind
from glbc.model.views import Snapshot
from glbc.naming import Namer
from glbc.translate.firewall import projects_of
from glbc.translate.identity import GROUP, WHERE, Told, suspects, taken, told

FRONT_ENDS: Final = (
    Kind.FORWARDING_RULE,
    Kind.TARGET_HTTP_PROXY,
    Kind.TARGET_HTTPS_PROXY,
    Kind.URL_MAP,
)


class Evidence:
    """Reads of the cloud what tells whose an identity is."""

    def __init__(self, config: Config, cloud: Cloud) -> None:
        self._config = config
        self._runner = Runner(cloud, SystemClock())

    def told(self, snapshot: Snapshot, kube_system_uid: str) -> Told:
        """Return the uids that are proved to be this cluster's. Raises CloudError."""
        inventory = self._inventory()
        actual = self._seen(inventory, FRONT_ENDS, lambda name: GROUP.fullmatch(name) is not None)
        return told(actual, snapshot, kube_system_uid, self._config.project)

    def refuse_taken(self, snapshot: Snapshot, namer: Namer) -> None:
        """Raise GlbcError if another cluster visibly has this identity, unless that is said to be meant."""
        if self._config.shared_identity:
            return
        project, inventory = self._config.project, self._inventory()
        actual = self._seen(inventory, (Kind.URL_MAP,), lambda name: name == namer.instance_group())
        if suspects(actual, snapshot, namer, project):
            self._list(inventory, Kind.INSTANCE)
        tags = inventory.hints(()).instance_tags
        if found := taken(actual, snapshot, tags, namer, project):
            raise GlbcError(
                f"{WHERE}: another cluster uses the uid {namer.cluster_uid}, too: {'; '.join(found)}:"
                " put another uid into that key in one of the two clusters, or set shared_identity:"
                " true if the other one is gone"
            )

    def _inventory(self) -> Inventory:
        return Inventory(projects_of(self._config), lambda *_: Ownership.FOREIGN)

    def _seen(
        self, inventory: Inventory, kinds: Iterable[Kind], wanted: Callable[[str], bool]
    ) -> Graph[Observed]:
        """List these kinds, and instance groups with the members of those that are wanted by name."""
        for kind in (*kinds, Kind.INSTANCE_GROUP):
            self._list(inventory, kind)
        for live in inventory.graph().of_kind(Kind.INSTANCE_GROUP):
            if wanted(live.key.name):
                outcome = self._runner.run(ReadJob(live.key))
                if outcome.error is not None:
                    raise outcome.error
                inventory.fold_read(live.key, outcome.read, outcome.read_began)
        return inventory.graph()

    def _list(self, inventory: Inventory, kind: Kind) -> None:
        outcome = self._runner.run(ListJob(kind))
        if outcome.error is not None:
            raise outcome.error
        inventory.fold_list(kind, outcome.bodies, outcome.began)
