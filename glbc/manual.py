"""What every reason code means that a person meets, and what to do: `docs/reasons.md` is made of it.

Codes of other rooms than translation stand here as text; a test compares them with theirs.
"""

from collections.abc import Iterator
from typing import Final

import msgspec

from glbc.translate.reasons import Reason


class Row(msgspec.Struct, frozen=True):
    """One reason code."""

    code: str
    meaning: str
    remedy: str


FINDINGS: Final = (
    Row(
        Reason.APP_PROTOCOL_IGNORED,
        "What a Service says of a port's protocol has no effect: no port has the name that the "
        "annotation gives, `appProtocol` is `kubernetes.io/h2c`, which classic load balancers do not "
        "speak, or it differs from what a backend that is live speaks already.",
        "Name ports by name; to change a live backend, set `cloud.google.com/app-protocols`.",
    ),
    Row(
        Reason.BACKEND_CONFIG_NOT_FOUND,
        "A Service names a BackendConfig that does not exist. What served before keeps serving as it "
        "is, else the default backend does.",
        "Create the BackendConfig in the Service's namespace, or take its name out.",
    ),
    Row(
        Reason.BAD_BACKEND_CONFIG,
        "A BackendConfig, the annotation that names it, or a Secret that it names cannot be used: the "
        "message says which field, and why. What served before keeps serving as it is.",
        "Correct the field.",
    ),
    Row(
        Reason.SECRET_NOT_READ,
        "A Secret that a BackendConfig names has not been read yet. It is read by its name.",
        "Wait a moment; if it stays so, let glbc's service account get Secrets.",
    ),
    Row(
        Reason.SECURITY_POLICY_NOT_FOUND,
        "A BackendConfig names a Cloud Armor policy that is not in the project. The backend gets no new "
        "traffic; what served before keeps serving as it is.",
        "Create the policy, or name one that exists.",
    ),
    Row(
        Reason.SECURITY_POLICY_REQUIRED,
        "A Cloud Armor policy is required, and no BackendConfig names one for this backend. It gets no "
        "traffic, unless it serves under a policy now: then it goes on, and keeps the policy.",
        "Name a policy in the BackendConfig of the Service, or do not require one.",
    ),
    Row(
        Reason.SSL_POLICY_NOT_FOUND,
        "A FrontendConfig names an SSL policy that is not in the project. The one that holds now stays.",
        "Create the policy, or name one that exists.",
    ),
    Row(
        Reason.BACKEND_NOT_A_SERVICE,
        "A backend names a resource, or nothing at all; only Services can be served.",
        "Use `backend.service`.",
    ),
    Row(
        Reason.BACKEND_REFUSED,
        "Compute Engine refuses to make what a backend needs. What served before keeps serving, "
        "else the default backend does.",
        "Do what the event `Refused` says, for example raise a quota.",
    ),
    Row(
        Reason.BAD_APP_PROTOCOL,
        "The annotation for a Service's protocols is no JSON object, or gives the port something that "
        "is no protocol. What served before keeps serving, else the default backend does.",
        'Write `{"PORT NAME": "HTTPS"}`, with `HTTP`, `HTTPS` or `HTTP2`.',
    ),
    Row(
        Reason.BAD_CERTIFICATE,
        "The certificate or the key of a Secret cannot be used: the message says which, and why. "
        "What serves HTTPS now goes on.",
        "Mend the Secret.",
    ),
    Row(
        Reason.BAD_HOST,
        "A rule's host is no DNS name in lower case, with or without `*.` before it. The rule is left "
        "out; the others ship.",
        "Write a DNS name.",
    ),
    Row(
        Reason.BAD_NEG_ANNOTATION,
        "`cloud.google.com/neg` of a Service cannot be read, names a port that the Service has not, or a "
        "name that another Service has. A path that leads there keeps what serves it now, else the default "
        "backend serves it; groups that were exposed stay.",
        'Write `{"ingress": true}`, or `{"exposed_ports": {"80": {}}}`.',
    ),
    Row(
        Reason.BAD_PATH,
        "A path is not one that its path type or a URL map allows. It is left out; the others ship.",
        "Begin it with `/`; a `*` may only stand last, after a `/`, in `ImplementationSpecific`.",
    ),
    Row(
        Reason.BAD_REDIRECT,
        "The response code of a FrontendConfig does not exist; 301 is used.",
        "Use one that the message names.",
    ),
    Row(
        Reason.CERTIFICATE_NOT_FOUND,
        "A pre-shared certificate that the Ingress names is not in the project. It is left out.",
        "Create it, or take its name out of the annotation.",
    ),
    Row(
        Reason.CLASSES_DISAGREE,
        "The annotation `kubernetes.io/ingress.class` and `spec.ingressClassName` name different "
        "controllers: the annotation decides.",
        "Take one of them out.",
    ),
    Row(
        Reason.CLASS_NOT_SERVED,
        "The Ingress's class is one that looks like ours and that this version does not serve.",
        "Use class `gce`, or an IngressClass whose controller is `ingress.gcp.kubernetes.io/glbc`.",
    ),
    Row(
        Reason.CLASS_PARAMETERS_NOT_FOUND,
        "The IngressClass names parameters that do not exist, or that are not glbc's. Nothing of the "
        "Ingress's load balancer changes, and a new one is not made, until they are there.",
        "Create the IngressParameters object, or take `spec.parameters` out of the IngressClass.",
    ),
    Row(
        Reason.DEFAULT_BACKEND_UNREACHABLE,
        "The rules of the Ingress match every request, so that none reaches `spec.defaultBackend`.",
        "Take it out, or one of the paths that match everything.",
    ),
    Row(
        Reason.DEFAULT_CLASS_IS_FOREIGN,
        "The Ingress names no class, and the cluster's default class is another controller's. glbc "
        "serves it, as ingress-gce does; the other controller may too.",
        "Name a class in `spec.ingressClassName`.",
    ),
    Row(
        Reason.DUPLICATE_HOST,
        "Two rules have the same host: the later one replaces the earlier one, as in ingress-gce.",
        "Put all paths of a host into one rule.",
    ),
    Row(
        Reason.DUPLICATE_PATH,
        "A host has the same path twice, perhaps through a `Prefix`: the later one replaces it.",
        "Keep one of them.",
    ),
    Row(
        Reason.ENDPOINT_REFUSED,
        "The cloud does not take a pod's address into its endpoint group, as a rule because it is not of "
        "the alias range of its node's instance. It gets no traffic; all other pods do. It is tried again "
        "with the next resync.",
        "Make the cluster VPC-native, or take the annotation `cloud.google.com/neg` out of the Service.",
    ),
    Row(
        Reason.ENDPOINT_WITHOUT_NODE,
        "A pod runs on a node whose zone nobody tells, so it cannot be in any endpoint group and gets no "
        "traffic. All other pods do. One that is in a group already stays there.",
        "See `kubectl get nodes`: a node needs a provider ID, or a zone label.",
    ),
    Row(
        Reason.EXTERNAL_NAME_SERVICE,
        "A backend names a Service of type `ExternalName`: it has no pods and no node port. What "
        "served before keeps serving, else the default backend does.",
        "Name a Service of type `NodePort`.",
    ),
    Row(
        Reason.FIREWALL_NOT_OPEN,
        "With `firewall: verify`: the network's rules do not let the health checks reach the nodes. "
        "Backends stay unhealthy.",
        "Run the command that the message names, or let a security admin do it.",
    ),
    Row(
        Reason.FRONTEND_CONFIG_NOT_FOUND,
        "The FrontendConfig that the Ingress names does not exist. A redirect stays as it is.",
        "Create it in the Ingress's namespace, or take the annotation out.",
    ),
    Row(
        Reason.HEADLESS_SERVICE,
        "A backend names a headless Service (`clusterIP: None`): it has no node port. What served "
        "before keeps serving, else the default backend does.",
        "Make another Service of type `NodePort` for the same pods.",
    ),
    Row(
        Reason.HTTP_NOT_ALLOWED,
        "The Ingress switches HTTP off, and there is no certificate for HTTPS. Nothing is made; "
        "what exists is left as it is.",
        "Add a certificate, or take the annotation `kubernetes.io/ingress.allow-http` out.",
    ),
    Row(
        Reason.INGRESS_CLASS_NOT_FOUND,
        "`spec.ingressClassName` names an IngressClass that does not exist. An Ingress that is "
        "served already goes on being served.",
        "Create the IngressClass, or name one that exists.",
    ),
    Row(
        Reason.INTERNAL_ERROR,
        "Reading the Ingress hit a bug in glbc. Its load balancer serves on as it is, and nothing of it "
        "is deleted; the other Ingresses are served.",
        "Report it with the message and the Ingress.",
    ),
    Row(
        Reason.INVALID_NAME,
        "The Ingress's name makes resource names that Compute Engine refuses.",
        "Use lower-case letters, digits and `-` only.",
    ),
    Row(
        Reason.LIMIT_EXCEEDED,
        "The URL map would be over a limit of Compute Engine; the message says by how much. Nothing "
        "of it changes: what served before keeps serving, and a new load balancer is not made.",
        "Split the Ingress, or take rules out.",
    ),
    Row(
        Reason.NAME_COLLISION,
        "An older Ingress has the same resource names: under the v1 scheme `a-b/c` and `a/b-c` do, "
        "and names that are cut. This one is not served.",
        "Give it another name.",
    ),
    Row(
        Reason.NO_DEFAULT_BACKEND,
        "The Ingress names no default backend, none is configured, and its rules do not match every "
        "request: a URL map needs one. What exists is left as it is.",
        "Set `spec.defaultBackend`, or `default_backend_service` in the configuration.",
    ),
    Row(
        Reason.NOT_KNOWN,
        "Told by `glbc plan --from` only: something that the manifests leave to the cluster, such as a "
        "node port, or that only the cloud can tell. What depends on it is not in the plan.",
        "Write it down in the manifests, or plan against the cluster and the cloud.",
    ),
    Row(
        Reason.NO_NODE_PORT,
        "A Service port has no node port, so that no node can be asked for it.",
        "Set the Service's type to `NodePort`.",
    ),
    Row(
        Reason.NO_NODE_TAGS,
        "No node's instance has a network tag that its name begins with: the firewall rule cannot "
        "be made, and an existing one is left as it is.",
        "Set `node_tags` in the configuration.",
    ),
    Row(
        Reason.NODE_IN_OTHER_GROUP,
        "A node's instance is in somebody else's load-balanced instance group, and Compute Engine takes "
        "an instance into one such group only. The node gets no traffic; the others do.",
        "Take the instance out of that group.",
    ),
    Row(
        Reason.NODE_NOT_IN_CLOUD,
        "A node has no instance: its provider ID is of another cloud, or there is no instance of its name "
        "in its zone. The node gets no traffic; the others do.",
        "Delete the node, or mend its provider ID.",
    ),
    Row(
        Reason.NO_NODE_READY,
        "No node is ready, or every one is left out. The members of the instance groups stay as they are: "
        "this is the API server's trouble more often than the nodes'.",
        "See `kubectl get nodes`.",
    ),
    Row(
        Reason.TOO_MANY_NODES,
        "A zone has more nodes than an instance group takes. Those over the limit, by name, get no traffic.",
        "Spread the nodes over more zones; `max_instances_per_group` is the limit.",
    ),
    Row(
        Reason.NODE_WITHOUT_ZONE,
        "Nothing tells the zone of a node: it gets no traffic.",
        "Set its provider ID, or the label `topology.kubernetes.io/zone`.",
    ),
    Row(
        Reason.READINESS_PROBE_NOT_USED,
        "A pod's readiness probe over HTTP is not what a health check can be made from, so that a new "
        "one asks the default path. The message says which container, and why.",
        "Let the container declare the serving port and probe that port, over the port's protocol, with "
        "no header but `Host`; or set `healthCheck` in a BackendConfig.",
    ),
    Row(
        Reason.READINESS_PROBE_TOO_SLOW,
        "The readiness probe's times are longer than a health check may have; the longest are used.",
        "Shorten them, or set `healthCheck` in a BackendConfig.",
    ),
    Row(
        Reason.READINESS_PROBES_DIFFER,
        "The pods or containers of a Service have different readiness probes. A health check is made "
        "from the oldest pod's, its first container first, and a check that exists does not follow.",
        "Give them one readiness probe, or set `healthCheck` in a BackendConfig.",
    ),
    Row(
        Reason.REDIRECT_UNSUPPORTED,
        "An Ingress with v1 names has no redirect map: HTTP is served, not redirected.",
        "Make the Ingress anew to get v2 names.",
    ),
    Row(
        Reason.SECRET_NOT_FOUND,
        "`spec.tls` names a Secret that does not exist, or that is not of type `kubernetes.io/tls`. "
        "What serves HTTPS now goes on.",
        "Create the Secret in the Ingress's namespace.",
    ),
    Row(
        Reason.SERVICE_NOT_FOUND,
        "A backend names a Service that does not exist. What served before keeps serving, else the "
        "default backend does.",
        "Create the Service in the Ingress's namespace, or name another one.",
    ),
    Row(
        Reason.SERVICE_PORT_NOT_FOUND,
        "A backend names a port that its Service does not have.",
        "Name one of the Service's ports, by name or by number.",
    ),
    Row(
        Reason.SHADOWED_PATH,
        "No request reaches a path, because later paths of the host replace all that it stands for: "
        "an `Exact` path, for example, before the `Prefix` of the same name.",
        "Put the more exact path after the other one, or take one out.",
    ),
    Row(
        Reason.STATIC_ADDRESS_NOT_USABLE,
        "The address that the Ingress names does not exist, is regional, or is used by another rule. No other address is used "
        "instead: a new front end waits for it, one that serves is left as it is.",
        "Reserve a global address of that name.",
    ),
    Row(
        Reason.SWITCH_WAITS,
        "A route is to go to another backend, which the cloud does not find HEALTHY in the time of "
        "`switch_wait_sec`; with `switch_policy: stay` the old one keeps serving until it does.",
        "See that the new Service's pods answer the health check.",
    ),
    Row(
        Reason.TOO_MANY_CERTIFICATES,
        "More certificates are asked for than a proxy takes. Those that serve now go on; where none "
        "does, only HTTP is served.",
        "Put several hosts into one certificate.",
    ),
)

PLANNED: Final = (
    Row(
        "JustLeft",
        "A route has just left the backend; requests may be on their way there, so it stays for "
        "`backend_grace_sec`.",
        "",
    ),
    Row("Missing", "It is wanted and does not exist: it is created.", ""),
    Row("Differs", "It is not as it is wanted: it is changed in place.", ""),
    Row(
        "ImmutableDiffers",
        "What differs cannot be changed in place: it is deleted and made again.",
        "",
    ),
    Row("Unwanted", "It is ours and nothing wants it any more: it is deleted.", ""),
    Row(
        "NotOurs",
        "It has our name and somebody else's description: it is not touched.",
        "Delete it, or give it our description.",
    ),
    Row(
        "NameTaken",
        "Somebody else's resource has the name that we need, and is not as we need it.",
        "Rename or delete that resource.",
    ),
    Row("Unreadable", "It could not be read, which says nothing about it: it is read again.", ""),
    Row(
        "InUse",
        "Something still uses it: it cannot be deleted or made again.",
        "Make what uses it let go, if that is not ours.",
    ),
    Row("NeedsBlocked", "What it needs is held back: see there.", ""),
    Row(
        "ReferenceMissing",
        "It refers to something that does not exist and that nothing makes.",
        "Create what is missing, or stop naming it.",
    ),
    Row(
        "Refused",
        "Compute Engine refused it; it is tried again after a while, or when it changes.",
        "Do what the message says: a quota, a permission, a value.",
    ),
    Row(
        "ViewIncomplete",
        "Not all of the cluster can be seen: nothing is taken away yet.",
        "The log says why: mostly a permission (`deploy/rbac.yaml`), or an object that cannot be read.",
    ),
    Row(
        "SuddenlyEmpty",
        "Ingresses are missing that nobody was seen to delete: nothing is taken away until a resync "
        "later they are still missing.",
        "See whether the API server has lost its data; if their finalizer was removed by force, wait.",
    ),
    Row(
        "PodsAwaited",
        "Its Service was made a moment ago and has no pod yet; the health check waits some seconds "
        "for one, to be made from its readiness probe.",
        "",
    ),
    Row("FinalizerMissing", "Its Ingress gets its finalizer first.", ""),
    Row(
        "SecretAwaited", "Its Ingress names a Secret that is being read; a few seconds at most.", ""
    ),
    Row(
        "NotListedYet",
        "glbc has begun to lead a moment ago: it first lists what the process that led before has left.",
        "Where it lasts: see in the log which list fails.",
    ),
    Row("ReadOnly", "glbc runs in read-only mode.", "Switch it off."),
    Row(
        "Paused",
        "It is only about Ingresses with the annotation `glbc.gcp.kubernetes.io/pause`.",
        "Take the annotation out when you want glbc to go on.",
    ),
    Row(
        "Protected",
        "An Ingress with the annotation `glbc.gcp.kubernetes.io/protect` would lose something of its "
        "load balancer.",
        "If that is right, run the command of the message.",
    ),
    Row(
        "Disruptive",
        "A resource in use can only be deleted and made anew, which interrupts traffic.",
        "Choose a moment, and run the command of the message.",
    ),
    Row(
        "OverBudget",
        "More forwarding rules than `guards.most_rules` or `guards.most_rules_percent` would go at "
        "once, and no Ingress was seen deleted.",
        "Find out why. If it is right, run the commands of the messages, or `glbc gc`.",
    ),
)


CONDITIONS: Final = (
    Row("AllResolved", "`Resolved`: all that the Ingress names is there and can be used.", ""),
    Row(
        "PartlyResolved",
        "`Resolved`: a part of the Ingress cannot be served as written; the message lists the parts, "
        "each with its field, its reason and what to do. The rest is served.",
        "Do what the message says.",
    ),
    Row(
        "NotResolved",
        "`Resolved`: the Ingress as a whole cannot be served as written; the message says why.",
        "Do what the message says.",
    ),
    Row("UpToDate", "`Programmed`: the cloud is as the Ingress asks.", ""),
    Row(
        "InProgress",
        "`Programmed`: its load balancer is being made or changed. Said at the start, and again only "
        "when it takes more than half a minute.",
        "",
    ),
    Row(
        "Blocked",
        "`Programmed`: something that is due cannot be done; the message says what, and what is in "
        "the way.",
        "Do what the message says.",
    ),
    Row(
        "NothingToProgram",
        "`Programmed`: nothing of it can be served; what exists is left as it is.",
        "See the condition `Resolved`.",
    ),
    Row("CertificatesServed", "`CertificatesReady`: every certificate asked for is served.", ""),
    Row(
        "CertificatesMissing",
        "`CertificatesReady`: a certificate cannot be used, or there is none. What serves goes on.",
        "Do what the message says.",
    ),
    Row("CertificatesPending", "`CertificatesReady`: one is there and not served yet.", ""),
    Row(
        "BackendsServe",
        "`BackendsHealthy`: of each backend at least one instance answers its health check.",
        "",
    ),
    Row(
        "BackendsFail",
        "`BackendsHealthy`: no instance of a backend answers its health check; the message says which "
        "backends, and what they are asked.",
        "See that the pods answer 200 to it, and that the firewall lets the probes in.",
    ),
    Row(
        "HealthUnknown",
        "`BackendsHealthy`: the health of a backend could not be read, or was not read yet.",
        "If it stays so, let glbc's service account use `compute.backendServices.get`.",
    ),
)

TOLD: Final = (
    Row(
        "Sync",
        "A resource that the Ingress uses was created, updated or deleted.",
        "",
    ),
    Row("IPChanged", "The Ingress has another address.", "Let DNS lead there."),
    Row(
        "XPN",
        "The network belongs to another project, whose firewall glbc may not change. Everything else "
        "goes on.",
        "Give the command of the message to that project's security admin.",
    ),
    Row(
        "SecurityPolicyRemoved",
        "A Cloud Armor policy that glbc had set was taken from a backend, because nobody asks for it.",
        "See that this was meant; `glbc.gcp.kubernetes.io/require-security-policy` would refuse it.",
    ),
    Row(
        "SecurityPolicyRestored",
        "A Cloud Armor policy was gone from a backend though a BackendConfig asks for it; it is back.",
        "Find out who took it away.",
    ),
    Row(
        "BackendUnhealthy",
        "For half a minute no instance of a backend has answered its health check.",
        "See that the pods answer 200 to it, and that the firewall lets the probes in.",
    ),
    Row(
        "Orphaned",
        "The Ingress was deleted with the annotation `glbc.gcp.kubernetes.io/orphan`: its load balancer "
        "serves on as it is, and nodes that come when no Ingress is left do not join it.",
        "`glbc gc --ingress NAMESPACE/NAME` deletes it; an Ingress of the same name takes it over.",
    ),
    Row("BackendHealthy", "A backend that was told to fail answers again.", ""),
    Row(
        "NotWritten",
        "The API server refuses what glbc has to write to the Ingress: its finalizer and annotations, "
        "without which nothing is made for it, or its status. It is tried again and again.",
        "Do what the message says: mostly a permission (`deploy/rbac.yaml`) or an admission webhook.",
    ),
    Row(
        "LoadBalancerNegReady",
        "On a pod: the load balancer calls its endpoints HEALTHY, in the groups of its own zone and through "
        "each backend that an Ingress sends to it. Its readiness gate is open, and stays so.",
        "",
    ),
    Row(
        "LoadBalancerNegNotReady",
        "On a pod: its readiness gate is closed. The message says what it waits for: to be in its group, for "
        "the group to be behind its backend service, or for the cloud to call it HEALTHY.",
        "If it lasts: see that the pod answers 200 to the health check, and that the firewall lets it in.",
    ),
    Row(
        "LoadBalancerNegTimeout",
        "On a pod: it was made ten minutes ago and is still not ready for the load balancer; its readiness "
        "gate is opened so that no rollout hangs for ever. The message says what it waited for.",
        "See that the pod answers 200 to the health check, and that the firewall lets it in.",
    ),
    Row(
        "LoadBalancerNegWithoutHealthCheck",
        "On a pod: it is in groups that no Ingress wants (`exposed_ports`) and that no backend service uses, "
        "in no zone. Nobody can say whether it is healthy, so its readiness gate is open.",
        "",
    ),
)


def page() -> str:
    """Return docs/reasons.md."""
    return "\n".join(_page())


def _page() -> Iterator[str]:
    yield "# Reason codes"
    yield ""
    yield "Made from `glbc/manual.py` by `pytest tests/walls --update-golden`."
    yield ""
    yield "## What is wrong with an object"
    yield ""
    yield "Reported as an Event on the object, with the field and what to do."
    yield ""
    yield from _table(FINDINGS)
    yield ""
    yield "## Why the plan does something, or holds it back"
    yield ""
    yield from _table(PLANNED)
    yield ""
    yield "## How an Ingress is"
    yield ""
    yield "Written in its annotation `glbc.gcp.kubernetes.io/conditions`, as reasons of conditions."
    yield ""
    yield from _table(CONDITIONS)
    yield ""
    yield "## What else is told"
    yield ""
    yield "Reported as an Event on each Ingress, or pod, that it concerns."
    yield ""
    yield from _table(TOLD)
    yield ""


def _table(rows: tuple[Row, ...]) -> Iterator[str]:
    yield "| Reason | Meaning | What to do |"
    yield "|---|---|---|"
    for row in sorted(rows, key=lambda row: row.code):
        yield f"| `{row.code}` | {row.meaning} | {row.remedy or 'nothing'} |"
