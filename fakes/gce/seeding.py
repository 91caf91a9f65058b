"""Putting things into the fake project past all rules: what exists before a test begins.

Nodes and zones come and go this way; it is also how a second writer is played.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from fakes.gce import mutations
from fakes.gce.cloud import Cloud
from fakes.gce.discovery import discovery
from fakes.gce.kinds import KINDS
from fakes.gce.links import GLOBAL, Key
from fakes.gce.normalise import fresh, settle
from fakes.gce.operations import timestamp
from fakes.gce.store import State
from fakes.gce.wire import Json, clone

DEFAULT_REGIONS: Final = ("us-central1", "us-east1", "europe-west1")
DEFAULT_ZONES: Final = tuple(f"us-central1-{letter}" for letter in "abcf")


class Seeding(Cloud):
    """The cloud with what puts things into it."""

    def seed(self, kind: str, scope: str, name: str, body: Mapping[str, Any]) -> Json:
        """Put a resource there (or replace it), past all rules; return what it became."""
        key = Key(kind, scope, name)
        with self.lock:
            entry = self.store.get(key) or self.store.add(key)
            old = entry.state
            stamped = fresh(self, key, clone(dict(body)))
            if old is not None:
                stamped |= {n: old.body[n] for n in ("id", "creationTimestamp")}
            self.store.show(entry, settle(self, key, stamped, old.hidden if old else {}))
            state = self.store.visible(key)
            return clone(state.body) if state else {}

    def seed_places(self, zones: Iterable[str], regions: Iterable[str]) -> None:
        """Make the default network, regions and zones exist."""
        self.seed("networks", GLOBAL, "default", {"description": "Default network"})
        for region in regions:
            self.seed_region(region)
        for zone in zones:
            self.seed_zone(zone)

    def seed_region(self, region: str) -> None:
        """Make a region exist, with a subnetwork of the default network."""
        known = self.store.within("regions", "")
        if region in known:
            return
        number = 128 + 4 * len(known)
        self._place(Key("regions", "", region), {})
        network = f"{self.root}global/networks/default"
        cidr = f"10.{number}.0.0/16"
        body = {"network": network, "ipCidrRange": cidr, "gatewayAddress": f"10.{number}.0.1"}
        self.seed("subnetworks", f"regions/{region}", "default", body)

    def seed_zone(self, zone: str) -> None:
        """Make a zone exist, and its region."""
        region = zone.rpartition("-")[0]
        self.seed_region(region)
        self._place(Key("zones", "", zone), {"region": f"{self.root}regions/{region}"})
        entry = self.store.get(Key("regions", "", region))
        if entry is not None and entry.state is not None:
            here = [z for z in self.zones() if z.rpartition("-")[0] == region]
            body = entry.state.body | {"zones": [f"{self.root}zones/{name}" for name in here]}
            self.store.show(entry, State(body))

    def _place(self, key: Key, extra: Json) -> None:
        body = {
            "kind": discovery().kind_of(KINDS[key.kind].schema),
            "id": self.new_id(),
            "creationTimestamp": timestamp(0),
            "name": key.name,
            "description": key.name,
            "status": "UP",
            "selfLink": self.url(key),
        }
        with self.lock:
            entry = self.store.get(key) or self.store.add(key)
            self.store.show(entry, State(body | extra))

    def remove_zone(self, zone: str) -> None:
        """Make a zone vanish with everything in it."""
        with self.lock:
            scope = f"zones/{zone}"
            for kind, where in list(self.store.by_scope):
                if where == scope:
                    for entry in list(self.store.within(kind, scope).values()):
                        self.store.remove(entry)
            entry_of_zone = self.store.get(Key("zones", "", zone))
            if entry_of_zone is not None:
                self.store.remove(entry_of_zone)

    def seed_instance(
        self,
        name: str,
        zone: str,
        *,
        tags: Iterable[str] = (),
        ip: str = "",
        network: str = "default",
        alias_ranges: Iterable[str] = (),
    ) -> Json:
        """Put an instance there; return it."""
        region = zone.rpartition("-")[0]
        nic: Json = {
            "network": f"{self.root}global/networks/{network}",
            "subnetwork": f"{self.root}regions/{region}/subnetworks/{network}",
            "networkIP": ip,
            "aliasIpRanges": [{"ipCidrRange": cidr} for cidr in alias_ranges],
        }
        body: Json = {"networkInterfaces": [nic], "tags": {"items": sorted(tags)}}
        body["zone"] = f"{self.root}zones/{zone}"
        return self.seed("instances", f"zones/{zone}", name, body)

    def remove_instance(self, name: str, zone: str) -> None:
        """Make an instance vanish, also from its groups."""
        key = Key("instances", f"zones/{zone}", name)
        with self.lock:
            mutations.vanish(self, key)
