"""What a person may set, in one frozen tree; everything glbc decides beyond it comes from the cluster and the cloud.

`parse` is pure: whoever calls it reads the file. Overrides (command line) win over the file and the file over the
defaults. A mistake anywhere is refused before anything starts, with its place and what would be right.
"""

import difflib
import ipaddress
from collections.abc import Callable, Hashable, Mapping
from typing import Annotated, Any, Final, Literal, TypeVar

import msgspec
import yaml
from msgspec import Meta

from glbc.errors import GlbcError

# The description of a type says what may be given; it is the last part of the error message.
ProjectId = Annotated[
    str, Meta(pattern=r"^[-a-z0-9.:]*\Z", description="give a Google Cloud project id")
]
Network = Annotated[
    str,
    Meta(
        pattern=r"^(projects/[-a-z0-9.:]+/global/networks/)?[a-z]([-a-z0-9]{0,61}[a-z0-9])?\Z",
        description="give a name, or projects/PROJECT/global/networks/NAME",
    ),
]
Subnetwork = Annotated[
    str,
    Meta(
        pattern=r"^(projects/[-a-z0-9.:]+/regions/[-a-z0-9]+/subnetworks/[a-z]([-a-z0-9]{0,61}[a-z0-9])?)?\Z",
        description='give projects/PROJECT/regions/REGION/subnetworks/NAME, or ""',
    ),
]
Endpoint = Annotated[
    str,
    Meta(
        pattern=r"^https?://[^\s/?#]+(/[^\s?#]*[^\s/?#])?\Z",
        description="give an http or https URL without a slash at its end",
    ),
]
Uid = Annotated[
    str,
    Meta(
        pattern=r"^([-a-z0-9]*[a-z0-9])?\Z",
        description="give what resource names end in: a-z, 0-9 and dashes",
    ),
]
ServiceKey = Annotated[
    str,
    Meta(
        pattern=r"^([a-z0-9][-a-z0-9]*/[a-z0-9][-a-z0-9]*)?\Z",
        description='give namespace/name, or "" for none',
    ),
]
RequestPath = Annotated[
    str, Meta(pattern=r"^/\S*\Z", description="give a path that begins with a slash")
]
PortRanges = Annotated[
    tuple[Annotated[str, Meta(pattern=r"^[0-9]{1,5}(-[0-9]{1,5})?\Z")], ...],
    Meta(min_length=1, description="give a list of ports or ranges within 1-65535, low end first"),
]
Cidrs = Annotated[
    tuple[str, ...],
    Meta(min_length=1, description="give a list of address ranges such as 130.211.0.0/22"),
]
Tags = Annotated[
    tuple[Annotated[str, Meta(pattern=r"^[a-z]([-a-z0-9]{0,61}[a-z0-9])?\Z")], ...],
    Meta(description="give a list of network tags"),
]
ObjectName = Annotated[
    str,
    Meta(
        pattern=r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?\Z",
        description="give a name of a-z, 0-9 and dashes",
    ),
]
HttpAddress = Annotated[
    str,
    Meta(
        pattern=r"^(([0-9.]+|\[[0-9a-fA-F:]+\]):[0-9]{1,5})?\Z",
        description='give IP:PORT such as 127.0.0.1:8081, port 0 for a free one, or "" for none',
    ),
]
Text = Annotated[str, Meta(description="give text")]
Flag = Annotated[bool, Meta(description="give true or false")]
Count = Annotated[int, Meta(ge=0, description="give a whole number, 0 for no limit")]
Mib = Annotated[int, Meta(ge=1, le=1024, description="give MiB from 1 to 1024")]
Files = Annotated[int, Meta(ge=0, le=100, description="give a whole number from 0 to 100")]
Percent = Annotated[int, Meta(ge=0, le=100, description="give a whole number from 0 to 100")]
DisruptivePolicy = Annotated[
    Literal["acknowledge", "allow"], Meta(description="give acknowledge or allow")
]
Workers = Annotated[int, Meta(ge=1, le=256, description="give a whole number from 1 to 256")]
WaitSec = Annotated[int, Meta(ge=1, le=86400, description="give seconds from 1 to 86400")]
LeaseSec = Annotated[float, Meta(ge=0.1, le=3600, description="give seconds from 0.1 to 3600")]
CallSec = Annotated[int, Meta(ge=1, le=3600, description="give seconds from 1 to 3600")]
SwitchSec = Annotated[int, Meta(ge=0, le=3600, description="give seconds from 0 to 3600")]
SwitchPolicy = Annotated[Literal["switch", "stay"], Meta(description="give switch or stay")]
HealthSec = Annotated[int, Meta(ge=5, le=86400, description="give seconds from 5 to 86400")]
HealthReads = Annotated[int, Meta(ge=0, le=6000, description="give a whole number from 0 to 6000")]
ResyncSec = Annotated[int, Meta(ge=10, le=86400, description="give seconds from 10 to 86400")]
DebounceSec = Annotated[float, Meta(ge=0, le=60, description="give seconds from 0 to 60")]
RedirectMode = Annotated[Literal["", "tls", "explicit"], Meta(description="give tls or explicit")]
GroupSize = Annotated[int, Meta(ge=1, le=10000, description="give a number from 1 to 10000")]
FirewallMode = Annotated[
    Literal["manage", "verify", "off"], Meta(description="give manage, verify or off")
]
SchemeName = Annotated[Literal["v1", "v2"], Meta(description="give v1 or v2")]
LogFormat = Annotated[Literal["console", "json"], Meta(description="give console or json")]


class Section(msgspec.Struct, frozen=True, kw_only=True):
    """Base of all parts of the configuration."""


class CloudConfig(Section, frozen=True):
    """How Compute Engine is reached."""

    endpoint: Endpoint = "https://compute.googleapis.com"
    # URL up to the API's path; default: the public API; another for a fake or a private endpoint
    anonymous: Flag = False
    # send no credentials; for fakes only
    workers: Workers = 32
    # cloud calls at a time, 1-256, and as many more for endpoints; the connection pool has room for both
    operation_timeout_sec: WaitSec = 600
    # seconds, 1-86400; how long one operation may take before its resource is read again
    call_timeout_sec: CallSec = 60
    # seconds, 1-3600; how long one HTTP call may take
    reads_per_min: Count = 700
    # lists, gets and reads of health; under half of the 1500 that Google's page of rate quotas (compute/docs/api-rate-limits)
    # gave a project for `read_requests`; the simplified quotas that follow on them are higher; 0: no limit
    writes_per_min: Count = 700
    # mutations, but for those of endpoints; likewise (`default`)
    endpoints_per_min: Count = 700
    # attaching and detaching endpoints, up to 500 of a group at once, so that neither URL maps nor a
    # resync hold them up; likewise
    waits_per_min: Count = 700
    # waits for operations; likewise; those in zones are heavy-weight reads of their region, and there are few


class KubeConfig(Section, frozen=True):
    """How the cluster is reached."""

    kubeconfig: Text = ""
    # file; empty: KUBECONFIG, else the pod's own service account
    context: Text = ""
    # of the kubeconfig file; empty: its current one


class JournalConfig(Section, frozen=True):
    """Where every action is written down, for `glbc explain` and for people."""

    path: Text = ""
    # file of JSON lines; empty: none is written
    max_mib: Mib = 10
    # MiB, 1-1024; a file that gets longer is put aside
    keep: Files = 5
    # 0-100; files put aside that stay; 0: the file is begun anew


class GuardsConfig(Section, frozen=True):
    """What is not done before somebody has agreed to it."""

    read_only: Flag = False
    # plan, and write nothing, neither to the cloud nor to the cluster
    disruptive: DisruptivePolicy = "acknowledge"
    # a forwarding rule in use that must be made anew; acknowledge: it waits for the annotation; allow: at once
    most_rules: Count = 10
    # forwarding rules that may go at once without an Ingress seen deleted; more wait; 0: any number
    most_rules_percent: Percent = 50
    # 0-100; the same as a share of all that are ours, where more than two go


class LeaseConfig(Section, frozen=True):
    """Which of several replicas leads: whoever holds a Lease, as with other controllers."""

    enabled: Flag = True
    # false: lead without asking; only where never two processes run
    namespace: ObjectName = "kube-system"
    # of the Lease
    name: ObjectName = "glbc"
    # of the Lease
    duration_sec: WaitSec = 15
    # seconds, 1-86400; how long others wait after the last sign of life of the leader
    renew_deadline_sec: LeaseSec = 10.0
    # seconds, 0.1-3600, below duration_sec; a leader that has not renewed for so long writes nothing more
    retry_sec: LeaseSec = 2.0
    # seconds, 0.1-3600, below renew_deadline_sec; how often the leader renews


class HttpConfig(Section, frozen=True):
    """What can be looked at over HTTP; nothing can be changed there."""

    address: HttpAddress = "127.0.0.1:8081"
    # IP:PORT of the page with the live picture; it names every Ingress to whoever can reach it, so the
    # default is this machine alone (kubectl port-forward reaches it); port 0: a free one; "": no page


class LimitsConfig(Section, frozen=True):
    """Limits of the cloud that its documentation does not establish; met before anything is sent."""

    hosts: Count = 0
    # of one URL map; 0: no limit
    path_rules: Count = 0
    # of one URL map; a Prefix path is two; 0: no limit
    path_rules_of_host: Count = 0
    # of one path matcher; a Prefix path is two; 0: no limit


class Config(Section, frozen=True):
    """Everything that may be set."""

    project: ProjectId = ""
    # where load balancers are made; commands that reach the cloud require it
    network: Network = "default"
    # of the nodes; in another project for a shared VPC; used by the firewall rule and endpoint groups
    subnetwork: Subnetwork = ""
    # of the nodes, for endpoint groups; "": the network's own in each region (auto mode)
    cloud: CloudConfig = CloudConfig()
    kube: KubeConfig = KubeConfig()
    limits: LimitsConfig = LimitsConfig()
    journal: JournalConfig = JournalConfig()
    guards: GuardsConfig = GuardsConfig()
    lease: LeaseConfig = LeaseConfig()
    http: HttpConfig = HttpConfig()

    cluster_uid: Uid = ""
    # suffix of names; empty: found as ingress-gce does, in ConfigMap kube-system/ingress-uid
    provider_uid: Uid = ""
    # suffix of the firewall rule's name; empty: from the same ConfigMap, else the cluster uid
    shared_identity: Flag = False
    # true: start although another cluster seems to have the same uid; only if that cluster is gone
    default_backend_service: ServiceKey = "kube-system/default-http-backend"
    # namespace/name; serves what no rule matches, where the Ingress names nobody; "": there is none, and an
    # Ingress whose rules do not match everything must name its own
    default_backend_service_port: Text = "http"
    # of that Service, by name or number
    ingress_class: Text = ""
    # value of kubernetes.io/ingress.class that is ours in addition to ingress-gce's own; empty: none
    ingress_class_gce: Flag = True
    # is the value `gce` ours? false leaves it to another controller, and takes away what served it here
    health_check_path: RequestPath = "/"
    # of a backend without a readiness probe or BackendConfig
    default_backend_health_check_path: RequestPath = "/healthz"
    # of the default backend
    firewall: FirewallMode = "manage"
    # manage: make the rule and keep it; verify: only tell when the network's rules do not do; off: neither
    node_port_ranges: PortRanges = ("30000-32767",)
    # ports that the firewall rule opens; the API server's --service-node-port-range
    health_check_source_ranges: Cidrs = ("130.211.0.0/22", "35.191.0.0/16")
    # whom the firewall rule lets in; default: Google's probes and front ends
    max_instances_per_group: GroupSize = 1000
    # nodes of one zone, 1-10000; the ones over it, by name, get no traffic; default: what ingress-gce takes
    node_tags: Tags = ()
    # network tags of the firewall rule; empty: found from the nodes' instances
    new_ingress_scheme: SchemeName = "v2"
    # how a new Ingress is named; v1 for those who must go back to an old ingress-gce

    https_redirect: RedirectMode = ""
    # tls: an Ingress with a certificate redirects HTTP to HTTPS; explicit: only a FrontendConfig does, as
    # ingress-gce; not said: tls, unless the cluster has load balancers already: then say it

    resync_sec: ResyncSec = 600
    # seconds, 10-86400; how often everything is listed again
    debounce_sec: DebounceSec = 0.05
    # seconds, 0-60; quiet that ends a burst of changes
    debounce_max_sec: DebounceSec = 1.0
    # seconds, 0-60, not below debounce_sec; a burst waits no longer
    parked_retry_sec: WaitSec = 60
    # seconds, 1-86400; how long a refused action waits before it is tried again
    switch_wait_sec: SwitchSec = 60
    # seconds, 0-3600; how long a live route keeps its backend until the cloud finds the new one
    # HEALTHY, from when it can; 0: not at all
    switch_policy: SwitchPolicy = "switch"
    # what a route does after that wait; switch: goes to the new backend as it is; stay: keeps the old
    # one until the new one is HEALTHY, and says so
    backend_grace_sec: SwitchSec = 30
    # seconds, 0-3600; how long a backend stays after an edit of an Ingress has left it
    health_interval_sec: HealthSec = 60
    # seconds, 5-86400; how old what is known of a backend's health may get
    health_reads_per_min: HealthReads = 120
    # 0-6000; reads of health in any minute, one for each group of a backend; when there are more
    # groups, what is known of each gets older; 0: none, nothing is said of health

    log_format: LogFormat = "console"
    # console for people, json for collectors


class ConfigError(GlbcError):
    """The configuration is wrong; the message names source, place, mistake and remedy."""

    def __init__(self, source: str, path: str, problem: str, remedy: str) -> None:
        message = ": ".join(part for part in (source, path, problem, remedy) if part)
        super().__init__(" ".join(message.split()))


SectionT = TypeVar("SectionT", bound=Section)


def parse(text: str, source: str, overrides: Mapping[str, Any] | None = None) -> Config:
    """Make the configuration of a file's text and of what the command line says.

    Args:
        text: YAML; empty for the defaults.
        source: Where the text is from, for messages.
        overrides: Values by dotted path (`cloud.endpoint`); None as a value means: not given.

    Raises:
        ConfigError: Something is unknown, of a wrong type, out of range, or no YAML at all.
    """
    tree = _read_yaml(text, source)
    config = _checked(_section(Config, tree, source), source)
    given = {path: value for path, value in (overrides or {}).items() if value is not None}
    if not given:
        return config
    return _checked(_section(Config, _merged(tree, given), "command line"), "command line")


class _Loader(yaml.SafeLoader):
    """Refuses a repeated key, of which YAML libraries silently keep one."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen = set()
        for key, _ in node.value:
            if key.value in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"key {key.value!r} is there twice", key.start_mark
                )
            seen.add(key.value)
        return super().construct_mapping(node, deep)


def _read_yaml(text: str, source: str) -> object:
    try:
        tree: object = yaml.load(text, Loader=_Loader)  # noqa: S506 (a SafeLoader)
    except yaml.MarkedYAMLError as e:
        mark = e.problem_mark
        place = f"line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise ConfigError(source, place, f"not YAML: {e.problem}", "mend it") from e
    except (yaml.YAMLError, ValueError, TypeError, RecursionError) as e:
        raise ConfigError(source, "", f"not YAML: {e}", "mend it") from e
    return tree


def _merged(tree: object, overrides: Mapping[str, Any]) -> dict[str, Any]:
    """Lay dotted overrides over a tree that has been found good."""
    merged = {**tree} if isinstance(tree, Mapping) else {}
    for path, value in overrides.items():
        section, _, rest = path.partition(".")
        merged[section] = _merged(merged.get(section), {rest: value}) if rest else value
    return merged


def _section(kind: type[SectionT], tree: object, source: str, at: str = "") -> SectionT:
    """Read one section; one that is there but empty holds the defaults."""
    if not isinstance(tree, Mapping | None):
        raise ConfigError(source, at, f"is {_shown(tree)}", "give a section with settings")
    fields = {field.name: field for field in msgspec.structs.fields(kind)}
    values: dict[str, Any] = {}
    for key, value in (tree or {}).items():
        name = key if isinstance(key, str) and key.isprintable() else _shown(key)
        path = f"{at}.{name}" if at else name
        if key not in fields:
            near = difflib.get_close_matches(str(key), fields, n=1)
            remedy = f"write {near[0]}" if near else f"remove it; known are {', '.join(fields)}"
            raise ConfigError(source, path, "unknown setting", remedy)
        wanted = fields[key].type
        if isinstance(wanted, type) and issubclass(wanted, Section):
            values[key] = _section(wanted, value, source, path)
        else:
            values[key] = _value(wanted, value, source, path)
    return kind(**values)


def _value(wanted: Any, value: object, source: str, path: str) -> object:
    try:
        read: object = msgspec.convert(value, wanted)
        if check := _CHECKS.get(path):
            check(read)
    except ValueError as e:
        (allowed,) = wanted.__metadata__
        raise ConfigError(source, path, f"is {_shown(value)}", allowed.description) from e
    return read


def _checked(config: Config, source: str) -> Config:
    """Check what concerns two settings at once."""
    low, high = config.debounce_sec, config.debounce_max_sec
    if low > high:
        raise ConfigError(
            source, "debounce_max_sec", f"is {high}", f"give no less than debounce_sec ({low})"
        )
    lease = config.lease
    for name, value, over, most in (
        ("renew_deadline_sec", lease.renew_deadline_sec, "duration_sec", lease.duration_sec),
        ("retry_sec", lease.retry_sec, "renew_deadline_sec", lease.renew_deadline_sec),
    ):
        if value >= most:
            raise ConfigError(
                source, f"lease.{name}", f"is {value:g}", f"give less than lease.{over} ({most:g})"
            )
    return config


def _check_port_ranges(ranges: Any) -> None:
    for text in ranges:
        low, _, high = text.partition("-")
        if not 1 <= int(low) <= int(high or low) <= 65535:
            raise ValueError(text)


def _check_cidrs(cidrs: Any) -> None:
    for text in cidrs:
        if "/" not in text:
            raise ValueError(text)
        ipaddress.ip_network(text)


def _check_http_address(address: Any) -> None:
    host, _, port = address.rpartition(":")
    if address and (ipaddress.ip_address(host.strip("[]")) and int(port) > 65535):
        raise ValueError(address)


_CHECKS: Final[dict[str, Callable[[Any], None]]] = {
    "node_port_ranges": _check_port_ranges,
    "health_check_source_ranges": _check_cidrs,
    "http.address": _check_http_address,
}


def _shown(value: object) -> str:
    """Show a value in one line that is not too long."""
    text = "empty" if value is None else repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
