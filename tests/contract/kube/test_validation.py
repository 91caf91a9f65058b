"""What the server refuses with 422, in its words, and which field it blames."""

import pytest

from .conftest import INGRESSES, LEASES, SECRETS, SERVICES, Door, ingress, service

BACKEND = {"service": {"name": "web", "port": {"number": 80}}}
SUBDOMAIN = "a lowercase RFC 1123 subdomain must consist of"


def path(**changes):
    return {"path": "/", "pathType": "Prefix", "backend": BACKEND} | changes


def rule(**changes):
    one = path(**changes)
    return {
        "rules": [
            {"http": {"paths": [{key: value for key, value in one.items() if value is not None}]}}
        ]
    }


def backend(**changes):
    return rule(backend=changes)


WHERE = "spec.rules[0].http.paths[0]"


@pytest.mark.parametrize(
    ("spec", "field", "message"),
    [
        pytest.param(
            {"tls": [{"secretName": "s"}]}, "spec",
            "Invalid value: []networking.IngressRule(nil): either `defaultBackend` or `rules` must be specified",
            id="neither rules nor a default backend",
        ),
        pytest.param(
            rule(pathType=None), f"{WHERE}.pathType", "Required value: pathType must be specified",
            id="no pathType",
        ),
        pytest.param(
            rule(pathType="Regex"), f"{WHERE}.pathType",
            'Unsupported value: "Regex": supported values: "Exact", "ImplementationSpecific", "Prefix"',
            id="an unknown pathType",
        ),
        pytest.param(
            rule(path="web"), f"{WHERE}.path", 'Invalid value: "web": must be an absolute path',
            id="a relative path",
        ),
        pytest.param(
            rule(path="web", pathType="ImplementationSpecific"), f"{WHERE}.path",
            'Invalid value: "web": must be an absolute path', id="a relative path, whatever its type",
        ),
        pytest.param(
            rule(path="/a//b", pathType="Exact"), f"{WHERE}.path",
            "Invalid value: \"/a//b\": must not contain '//'", id="an empty segment",
        ),
        pytest.param(
            rule(path="/a/.."), f"{WHERE}.path", "Invalid value: \"/a/..\": cannot end with '/..'",
            id="a path that climbs at its end",
        ),
        pytest.param(
            rule(path="/a%2fb"), f"{WHERE}.path", "Invalid value: \"/a%2fb\": must not contain '%2f'",
            id="an escaped slash",
        ),
        pytest.param(
            backend(resource={"kind": "Bucket", "name": "b"}, **BACKEND), f"{WHERE}.backend",
            'Invalid value: "": cannot set both resource and service backends',
            id="a service and a resource",
        ),
        pytest.param(
            backend(), f"{WHERE}.backend", 'Invalid value: "": resource or service backend is required',
            id="an empty backend",
        ),
        pytest.param(
            backend(service={"name": "web", "port": {"number": 80, "name": "http"}}), f"{WHERE}.backend",
            'Invalid value: "": cannot set both port name & port number', id="a port named twice",
        ),
        pytest.param(
            backend(service={"name": "web"}), f"{WHERE}.backend",
            "Required value: port name or number is required", id="no port",
        ),
        pytest.param(
            backend(service={"name": "web", "port": {"number": 70000}}), f"{WHERE}.backend.service.port.number",
            "Invalid value: 70000: must be between 1 and 65535, inclusive", id="a port out of range",
        ),
        pytest.param(
            {"rules": [{"host": "1.2.3.4"}]}, "spec.rules[0].host",
            'Invalid value: "1.2.3.4": must be a DNS name, not an IP address', id="an address as host",
        ),
        pytest.param(
            {"rules": [{"host": "Web.com"}]}, "spec.rules[0].host", f'Invalid value: "Web.com": {SUBDOMAIN}',
            id="capitals in a host",
        ),
        pytest.param(
            {"rules": [{"host": "a.*.com"}]}, "spec.rules[0].host",
            'Invalid value: "a.*.com": a wildcard DNS-1123 subdomain must start with', id="a star inside a host",
        ),
        pytest.param(
            {"rules": [{"http": {"paths": []}}]}, "spec.rules[0].http.paths", "Required value", id="no paths",
        ),
        pytest.param(
            {"defaultBackend": BACKEND, "tls": [{"hosts": ["a b"]}]}, "spec.tls[0].hosts[0]",
            f'Invalid value: "a b": {SUBDOMAIN}', id="a bad host under tls",
        ),
    ],
)  # fmt: skip
def test_ingresses(door: Door, spec, field, message):
    refused(door.post(INGRESSES, ingress(**spec)), "Ingress.networking.k8s.io", field, message)


def refused(answer, kind, field, message):
    assert (answer.status, answer.body["reason"]) == (422, "Invalid"), answer.body
    cause = answer.body["details"]["causes"][0]
    assert cause["field"] == field
    assert cause["message"].startswith(message)
    assert answer.body["message"].startswith(f'{kind} "web" is invalid: ')
    assert f"{field}: {message}" in answer.body["message"]


def test_class_and_annotation_exclude_each_other_on_create(door: Door):
    both = ingress(defaultBackend=BACKEND, ingressClassName="gce")
    both["metadata"]["annotations"] = {"kubernetes.io/ingress.class": "gce"}
    refused(
        door.post(INGRESSES, both),
        "Ingress.networking.k8s.io",
        "metadata.annotations[kubernetes.io/ingress.class]",
        'Invalid value: "gce": can not be set when the class field is also set',
    )


def test_several_causes_are_listed_together(door: Door):
    answer = door.post(INGRESSES, ingress(**rule(pathType=None, path="web", backend={})))
    assert [one["field"] for one in answer.body["details"]["causes"]] == [
        f"{WHERE}.pathType",
        f"{WHERE}.backend",
    ]
    assert answer.body["message"].endswith("]")
    assert answer.body["details"] | {"causes": []} == {
        "name": "web",
        "group": "networking.k8s.io",
        "kind": "Ingress",
        "causes": [],
    }


@pytest.mark.parametrize(
    ("spec", "field", "message"),
    [
        pytest.param({"ports": []}, "spec.ports", "Required value", id="no ports"),
        pytest.param(
            {"ports": [{"port": 0}]}, "spec.ports[0].port",
            "Invalid value: 0: must be between 1 and 65535, inclusive", id="port 0",
        ),
        pytest.param(
            {"ports": [{"port": 1}, {"port": 2}]}, "spec.ports[0].name", "Required value",
            id="two ports without names",
        ),
        pytest.param(
            {"ports": [{"port": 1, "name": "a"}, {"port": 2, "name": "a"}]}, "spec.ports[1].name",
            'Duplicate value: "a"', id="two ports of one name",
        ),
        pytest.param(
            {"type": "Public"}, "spec.type", 'Unsupported value: "Public": supported values: "ClusterIP"',
            id="an unknown type",
        ),
        pytest.param(
            {"ports": [{"port": 1, "nodePort": 30000}]}, "spec.ports[0].nodePort",
            "Forbidden: may not be used when `type` is 'ClusterIP'", id="a node port without the type",
        ),
        pytest.param(
            {"type": "NodePort", "ports": [{"port": 1, "nodePort": 80}]}, "spec.ports[0].nodePort",
            "Invalid value: 80: provided port is not in the valid range. The range of valid ports is 30000-32767",
            id="a node port out of range",
        ),
        pytest.param(
            {"type": "NodePort", "ports": [{"port": 1, "nodePort": 30999}]}, "spec.ports[0].nodePort",
            "Invalid value: 30999: provided port is already allocated", id="a node port that is taken",
        ),
        pytest.param(
            {"clusterIP": "10.96.99.99"}, "spec.clusterIPs",
            'Invalid value: []string{"10.96.99.99"}: failed to allocate IP 10.96.99.99: provided IP is already allocated',
            id="an address that is taken",
        ),
    ],
)  # fmt: skip
def test_services(door: Door, spec, field, message):
    taken = service(
        "taken", type="NodePort", clusterIP="10.96.99.99", ports=[{"port": 1, "nodePort": 30999}]
    )
    assert door.post(SERVICES, taken).status == 201
    refused(door.post(SERVICES, service(**spec)), "Service", field, message)


@pytest.mark.parametrize(
    ("collection", "body", "kind", "field", "message"),
    [
        pytest.param(
            SECRETS, {"metadata": {"name": "web"}, "type": "kubernetes.io/tls", "data": {"tls.crt": "eA=="}},
            "Secret", "data[tls.key]", "Required value", id="a certificate without key",
        ),
        pytest.param(
            LEASES, {"metadata": {"name": "web"}, "spec": {"leaseDurationSeconds": 0}},
            "Lease.coordination.k8s.io", "spec.leaseDurationSeconds",
            "Invalid value: 0: must be greater than 0", id="a Lease that is never held",
        ),
        pytest.param(
            INGRESSES, ingress() | {"metadata": {"name": "web", "labels": {"a": "-b"}}},
            "Ingress.networking.k8s.io", "metadata.labels", 'Invalid value: "-b": a valid label must be',
            id="a bad label",
        ),
        pytest.param(
            INGRESSES, ingress() | {"metadata": {"name": "web", "finalizers": ["a b"]}},
            "Ingress.networking.k8s.io", "metadata.finalizers[0]", 'Invalid value: "a b": name part must',
            id="a bad finalizer",
        ),
        pytest.param(
            "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices", {"metadata": {"name": "web"}},
            "EndpointSlice.discovery.k8s.io", "addressType", "Required value", id="no address type",
        ),
        pytest.param(
            "/apis/networking.k8s.io/v1/ingressclasses", {"metadata": {"name": "web"}, "spec": {"controller": "glbc"}},
            "IngressClass.networking.k8s.io", "spec.controller", 'Invalid value: "glbc": must be a domain-prefixed path',
            id="a controller without domain",
        ),
        pytest.param(
            "/api/v1/namespaces/default/events",
            {"metadata": {"name": "web"}, "involvedObject": {"namespace": "other"}},
            "Event", "involvedObject.namespace", 'Invalid value: "other": does not match event.namespace',
            id="an event about another namespace",
        ),
        pytest.param(
            "/apis/apps/v1/namespaces/default/deployments",
            {
                "metadata": {"name": "web"},
                "spec": {
                    "selector": {"matchLabels": {"a": "b"}},
                    "template": {"spec": {"containers": [{"name": "c", "image": "i"}]}},
                },
            },
            "Deployment.apps", "spec.template.metadata.labels",
            "Invalid value: {}: `selector` does not match template `labels`", id="a selector that misses",
        ),
    ],
)  # fmt: skip
def test_other_kinds(door: Door, collection, body, kind, field, message):
    refused(door.post(collection, body), kind, field, message)


@pytest.mark.parametrize(
    ("name", "collection", "message"),
    [
        pytest.param("Web", INGRESSES, f'metadata.name: Invalid value: "Web": {SUBDOMAIN}', id="capitals"),
        pytest.param("a_b", INGRESSES, f'metadata.name: Invalid value: "a_b": {SUBDOMAIN}', id="an underscore"),
        pytest.param("1a", SERVICES, 'metadata.name: Invalid value: "1a": a DNS-1035 label', id="a Service that begins with a digit"),
        pytest.param("a.b", "/api/v1/namespaces", 'metadata.name: Invalid value: "a.b": a lowercase RFC 1123 label', id="a dot in a Namespace"),
        pytest.param("", INGRESSES, "metadata.name: Required value: name or generateName is required", id="no name"),
    ],
)  # fmt: skip
def test_names(door: Door, name, collection, message):
    body = {
        "metadata": {"name": name},
        "spec": (service() if collection == SERVICES else ingress())["spec"],
    }
    if collection == "/api/v1/namespaces":
        body.pop("spec")
    answer = door.post(collection, body)
    assert answer.status == 422
    assert message in answer.body["message"]


@pytest.mark.parametrize(
    ("collection", "made", "patch", "message"),
    [
        pytest.param(
            SECRETS, {"metadata": {"name": "web"}}, {"type": "example.com/x"},
            'type: Invalid value: "example.com/x": field is immutable', id="a Secret's type",
        ),
        pytest.param(
            SECRETS, {"metadata": {"name": "web"}, "immutable": True}, {"data": {"a": "eA=="}},
            "data: Forbidden: field is immutable when `immutable` is set", id="a sealed Secret",
        ),
        pytest.param(
            SERVICES, service(clusterIP="10.96.1.1"), {"spec": {"clusterIP": "10.96.1.2", "clusterIPs": ["10.96.1.2"]}},
            'spec.clusterIPs[0]: Invalid value: []string{"10.96.1.2"}: may not change once set', id="a Service's address",
        ),
    ],
)  # fmt: skip
def test_what_must_not_change(door: Door, collection, made, patch, message):
    assert door.post(collection, made).status == 201
    answer = door.patch(f"{collection}/web", patch)
    assert answer.status == 422
    assert message in answer.body["message"]


def test_micro_times_need_six_digits(door: Door):
    lease = {"metadata": {"name": "a"}, "spec": {"renewTime": "2023-11-14T22:13:20Z"}}
    answer = door.post(LEASES, lease)
    assert answer.status == 400
    assert (
        'parsing time "2023-11-14T22:13:20Z" as "2006-01-02T15:04:05.000000Z07:00"'
        in answer.body["message"]
    )
    lease["spec"]["renewTime"] = "2023-11-14T22:13:20.000000Z"
    assert door.post(LEASES, lease).status == 201


# --- node ports and cluster addresses ---


def test_node_ports_are_kept_for_as_long_as_they_are_needed(door: Door):
    made = door.post(
        SERVICES,
        service(type="NodePort", ports=[{"name": "a", "port": 80}, {"name": "b", "port": 81}]),
    ).body
    assert [one["nodePort"] for one in made["spec"]["ports"]] == [30000, 30001]
    kept = door.put(
        f"{SERVICES}/web",
        service(type="NodePort", ports=[{"name": "b", "port": 81}, {"name": "c", "port": 82}]),
    ).body
    assert [one["nodePort"] for one in kept["spec"]["ports"]] == [30001, 30002]
    assert kept["spec"]["clusterIP"] == made["spec"]["clusterIP"] == "10.96.0.10"
    inside = door.patch(f"{SERVICES}/web", {"spec": {"type": "ClusterIP"}}).body
    assert not any("nodePort" in one for one in inside["spec"]["ports"])
    assert "externalTrafficPolicy" not in inside["spec"]


def test_a_freed_node_port_can_be_asked_for_but_is_not_handed_out_next(door: Door):
    door.post(SERVICES, service(type="NodePort"))
    door.delete(f"{SERVICES}/web")
    fresh = door.post(SERVICES, service("fresh", type="NodePort")).body
    asked = door.post(
        SERVICES, service("asked", type="NodePort", ports=[{"port": 1, "nodePort": 30000}])
    )
    assert (fresh["spec"]["ports"][0]["nodePort"], asked.status) == (30001, 201)


def test_one_number_serves_two_protocols(door: Door):
    both = [
        {"name": name, "port": 53, "protocol": name.upper(), "nodePort": 30053}
        for name in ("tcp", "udp")
    ]
    assert door.post(SERVICES, service(type="NodePort", ports=both)).status == 201


def test_a_headless_service_has_no_address(door: Door):
    spec = door.post(SERVICES, service(clusterIP="None")).body["spec"]
    assert (spec["clusterIP"], spec["clusterIPs"]) == ("None", ["None"])
