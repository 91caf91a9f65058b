"""The cluster as one frozen Snapshot, kept fresh by a list+watch thread per kind.

A kind is a row of the table. A snapshot never waits for the network, and it says of each kind whether it is complete:
only a complete view may lead to deletions (see `reflector.py` for what that takes).
"""

import threading
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from glbc.kube.client import Api
from glbc.kube.reflector import Key, OnChange, Reflector, Row, Timing
from glbc.model.configs import BackendConfig, FrontendConfig
from glbc.model.svcneg import GroupRecord
from glbc.model.views import (
    EndpointSlice,
    Ingress,
    IngressClass,
    IngressParameters,
    Node,
    Pod,
    Secret,
    Service,
    Snapshot,
)

STOP_SEC: Final = 3.0  # how long the threads get to end
_NETWORKING: Final = "/apis/networking.k8s.io/v1"
# fmt: off
KINDS: Final = (
    Row(kind="Ingress", path=f"{_NETWORKING}/ingresses", view=Ingress, field="ingresses", every_version=True),
    Row(kind="IngressClass", path=f"{_NETWORKING}/ingressclasses", view=IngressClass, field="ingress_classes"),
    Row(kind="Service", path="/api/v1/services", view=Service, field="services"),
    Row(kind="Node", path="/api/v1/nodes", view=Node, field="nodes"),
    # Other Secrets are never in memory.
    Row(kind="Secret", path="/api/v1/secrets", view=Secret, field="secrets", field_selector="type=kubernetes.io/tls"),
    Row(kind="FrontendConfig", path="/apis/networking.gke.io/v1beta1/frontendconfigs", view=FrontendConfig, field="frontend_configs", optional=True),
    Row(kind="BackendConfig", path="/apis/cloud.google.com/v1/backendconfigs", view=BackendConfig, field="backend_configs", optional=True),
    Row(kind="IngressParameters", path="/apis/glbc.gcp.kubernetes.io/v1/ingressparameters", view=IngressParameters, field="ingress_parameters", optional=True),
    Row(kind="Pod", path="/api/v1/pods", view=Pod, field="pods", matters=lambda pod: pod.asks_http or pod.is_gated),
    Row(kind="EndpointSlice", path="/apis/discovery.k8s.io/v1/endpointslices", view=EndpointSlice, field="endpoint_slices", matters=lambda one: one.service != ""),
    Row(kind="ServiceNetworkEndpointGroup", path="/apis/networking.gke.io/v1beta1/servicenetworkendpointgroups", view=GroupRecord, field="group_records", optional=True),
)
# fmt: on


class Reflectors:
    """All kinds: starts and stops the threads, and puts their views together."""

    def __init__(
        self,
        api: Api,
        *,
        on_change: OnChange = lambda _: None,
        kinds: Iterable[Row] = KINDS,
        timing: Timing = Timing(),  # noqa: B008 - frozen
        believe: Callable[[], None] = lambda: None,
    ) -> None:
        """Make the reflectors.

        Args:
            api: where to; watches get connections of their own, so that stopping ends no one else's.
            on_change: told, on a watch thread, which objects changed; an empty set means that
                only completeness has. It must be quick and must not raise: wake the loop, no more.
            kinds: what to watch.
            timing: how patiently.
            believe: called after a list and a watch was answered, before it counts; raises
                ClusterError when it does not.
        """
        rows = tuple(kinds)
        self._api = api.fork(connections=len(rows))
        self._reflectors = tuple(
            Reflector(row, self._api, timing, on_change, believe) for row in rows
        )
        self._threads = tuple(
            threading.Thread(target=one.run, name=one.row.thread_name, daemon=True)
            for one in self._reflectors
        )

    def start(self) -> None:
        """Start a thread per kind; once."""
        for thread in self._threads:
            thread.start()

    def stop(self, timeout: float = STOP_SEC) -> None:
        """End all watches and wait for the threads; at most `timeout` seconds for all of them."""
        for reflector in self._reflectors:
            reflector.stop()
        self._api.close()
        end = time.monotonic() + timeout
        for thread in self._threads:
            if thread.is_alive():
                thread.join(max(0.0, end - time.monotonic()))

    def alive(self) -> bool:
        """Say whether every thread runs; one that does not has met a bug, and only a restart helps."""
        return all(thread.is_alive() for thread in self._threads)

    def wait_synced(self, timeout: float) -> bool:
        """Wait until every kind has been listed once; False when `timeout` seconds were too few."""
        end = time.monotonic() + timeout
        return all(one.listed.wait(max(0.0, end - time.monotonic())) for one in self._reflectors)

    def snapshot(self) -> Snapshot:
        """Return the newest views; cheap when nothing changed, a copy of a kind's map when it did."""
        complete: set[str] = set()
        views: dict[str, Any] = {}
        for reflector in self._reflectors:
            views[reflector.row.field], whole = reflector.state()
            if whole:
                complete.add(reflector.row.kind)
        absent = frozenset(one.row.kind for one in self._reflectors if one.absent)
        return Snapshot(**views, complete=frozenset(complete), absent=absent)

    def unreadable(self) -> Mapping[Key, str]:
        """Return the objects that cannot be decoded, and why."""
        return {
            (reflector.row.kind, key): why
            for reflector in self._reflectors
            for key, why in reflector.unreadable().items()
        }
