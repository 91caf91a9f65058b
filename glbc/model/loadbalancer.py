"""Load-balancer words, between Kubernetes and Compute Engine: no Ingress in here.

What an Ingress says is lowered to these, and these to resources, so that another front end of the
same engine (the Gateway API) needs no new planner.
"""

import msgspec

from glbc.model.asked import Asked
from glbc.model.finding import ObjectRef
from glbc.model.keys import ResourceKey


class FrontendNames(msgspec.Struct, frozen=True, kw_only=True):
    """The names of what one Ingress owns alone."""

    load_balancer: str  # what the other names are made of; itself no resource
    url_map: str
    http_proxy: str
    https_proxy: str
    http_rule: str
    https_rule: str
    certificate_prefix: str  # what the name of each of its certificates begins with
    redirect_map: str | None = None  # None: the scheme has no such name (v1)

    @property
    def address(self) -> str:
        """Return the managed address's name: the HTTP rule's, also if only HTTPS exists (igce `addresses.go`)."""
        return self.http_rule


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """How the health of a backend is asked for: what a new health check is made with."""

    path: str = "/"  # starts with "/"
    host: str = ""  # Host header; "" is the address of the backend
    check_interval_sec: int = 60  # seconds, 1–300
    timeout_sec: int = 60  # seconds, 1–300, at most the interval
    healthy_threshold: int = 1  # answers in a row, 1–10
    unhealthy_threshold: int = 10  # answers in a row, 1–10
    description: str = "Default kubernetes L7 Loadbalancing health check."
    origin: tuple[tuple[str, str], ...] = ()  # field -> the object and field that say so

    def origin_of(self, field: str) -> str:
        """Return the object and field that a value comes from; "" for our own default."""
        return dict(self.origin).get(field, "")


class EndpointPort(msgspec.Struct, frozen=True, kw_only=True):
    """A Service port whose pods get their traffic straight, through network endpoint groups."""

    number: int  # of the Service's port, what the groups are named after
    name: str = ""  # of the Service's port, what its EndpointSlices call it
    target: int | str = 0  # of the pods, by number or by name


class Backend(msgspec.Struct, frozen=True, kw_only=True):
    """One Service port that gets traffic."""

    service: ObjectRef
    port_name: str  # how the first user names the port: either this …
    port_number: int  # … or this; part of upstream's description, never compared
    node_port: int  # TCP port 1–65535; 0: it has none, and needs none
    endpoints: EndpointPort | None = None  # None: the traffic goes through instance groups
    protocol: str  # HTTP | HTTPS | HTTP2
    protocol_asked: bool = True  # False: only a hint; what is live already keeps its protocol
    protocol_origin: str = ""  # the field of the Service that says it; "": the default
    check: Check = Check()  # what is known without looking at its pods
    origin: str  # the object and field that asked for it first
    asked: Asked | None = None  # what a BackendConfig says of it


class Route(msgspec.Struct, frozen=True):
    """One path of one host, in the URL map's own syntax."""

    path: str
    backend: ResourceKey


class Host(msgspec.Struct, frozen=True):
    """The routes of one host; `*` is every host that no other entry names."""

    name: str
    routes: tuple[Route, ...]


class WarmUp(msgspec.Struct, frozen=True, kw_only=True):
    """Backends that the cloud shall probe though no request is to reach them yet."""

    host: str  # one that no client can name
    backends: tuple[ResourceKey, ...]  # sorted, at least one


class Address(msgspec.Struct, frozen=True, kw_only=True):
    """The address of a front end."""

    key: ResourceKey
    ip: str  # literal IPv4; "" while nobody knows it
    exists: bool  # is it reserved?
    ours: bool  # do we reserve and release it?


class SslPolicy(msgspec.Struct, frozen=True):
    """What is asked of the HTTPS proxy's SSL policy."""

    key: ResourceKey | None = None
    source: str = ""  # who asks; "": nobody, and what is there is somebody's


class LoadBalancer(msgspec.Struct, frozen=True, kw_only=True):
    """One front end: what is served, under which names."""

    owner: ObjectRef
    names: FrontendNames
    default: ResourceKey  # backend service of whatever no route matches
    hosts: tuple[Host, ...]
    http: bool = True
    redirect: str | None = None  # HTTP redirects with this code, "" the API's default; None: no
    certificates: tuple[ResourceKey, ...] = ()  # of HTTPS, the first is the default; none: no HTTPS
    address: Address | None = None  # shared by both protocols; None: whatever the cloud gives
    ssl_policy: SslPolicy = SslPolicy()
    warm_up: WarmUp | None = None  # gone at rest
