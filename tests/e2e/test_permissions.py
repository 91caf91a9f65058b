"""The real `glbc` with what deploy/ grants it and nothing more, through every feature.

Both fakes enforce: the cluster by the roles and bindings of deploy/rbac.yaml, the cloud by
deploy/iam-role.yaml, for a service account whose key signs its own tokens. Nothing may be refused,
and nothing may be granted in vain.
"""

import base64
import json
import signal
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

import pytest

from fakes.build import (
    container,
    endpoint,
    endpoint_slice,
    ingress,
    ingress_class,
    ingress_parameters,
    pod,
    service,
)
from tests.e2e.guarded import CONFIG, ROBOT, Guarded
from tests.e2e.world import IDENTITY
from tests.support.pki import pair, secret

THEIRS = "global/targetHttpProxies/theirs"
SECRETS = {
    "iap-client": {"client_id": "id.apps.googleusercontent.com", "client_secret": "first"},
    "cdn-key": {"key_value": "MDEyMzQ1Njc4OWFiY2RlZg=="},
}


def opaque(name: str, values: Mapping[str, str]) -> dict[str, Any]:
    data = {key: base64.b64encode(value.encode()).decode() for key, value in values.items()}
    metadata = {"name": name, "namespace": "default"}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": data}


def backend_config(name: str, **spec: Any) -> dict[str, Any]:
    metadata = {"name": name, "namespace": "default"}
    kind = {"apiVersion": "cloud.google.com/v1", "kind": "BackendConfig"}
    return kind | {"metadata": metadata, "spec": spec}


def frontend_config(**spec: Any) -> dict[str, Any]:
    metadata = {"name": "front", "namespace": "default"}
    kind = {"apiVersion": "networking.gke.io/v1beta1", "kind": "FrontendConfig"}
    return kind | {"metadata": metadata, "spec": spec}


def with_config(manifest: dict[str, Any], name: str) -> dict[str, Any]:
    manifest["metadata"]["annotations"] = {
        "cloud.google.com/backend-config": json.dumps({"default": name})
    }
    return manifest


def straight() -> dict[str, Any]:
    """Return a Service whose pods the load balancer reaches without a node port between."""
    made = service("default/straight", "80", kind="ClusterIP", target=8080)
    made["metadata"]["annotations"] = {"cloud.google.com/neg": '{"ingress": true}'}
    return made


def listed(*endpoints: dict[str, Any]) -> dict[str, Any]:
    return endpoint_slice("default/straight-x", "straight", endpoints, "8080")


def https(name: str, target: str, secret_name: str, **annotations: str) -> dict[str, Any]:
    made = ingress(
        f"default/{name}",
        {"": [("/api", "api:80")]},
        default=target,
        annotations={"networking.gke.io/v1beta1.FrontendConfig": "front"} | annotations,
        class_name="gce",
    )
    made["spec"]["tls"] = [{"secretName": secret_name}]
    return made


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    """Live through everything, once."""
    with Guarded(tmp_path_factory.mktemp("permissions")) as one:
        one.install()
        before(one)
        one.start_glbc()
        beginning(one)
        changes(one)
        others(one)
        commands(one)
        restart(one)
        ending(one)
        one.assert_sound()
        assert one.end("glbc", signal.SIGTERM) == 0
        yield one


def before(one: Guarded) -> None:
    """What is there when glbc starts for the first time."""
    uid = IDENTITY | {"data": {"uid": IDENTITY["data"]["uid"]}}
    one.kubectl("delete", "configmap", "-n", "kube-system", "ingress-uid")
    one.apply(uid)
    for name in ("armor", "other-armor"):
        one.insert("securityPolicies", name=name)
    for name in ("modern", "other"):
        one.insert("sslPolicies", name=name, profile="MODERN")
    one.insert("addresses", name="named")
    one.apply(
        *(opaque(name, values) for name, values in SECRETS.items()),
        secret("default/shop-tls", *pair("shop.example.com")),
        backend_config(
            "iap",
            iap={"enabled": True, "oauthclientCredentials": {"secretName": "iap-client"}},
            securityPolicy={"name": "armor"},
            healthCheck={"requestPath": "/healthy", "checkIntervalSec": 7},
        ),
        backend_config(
            "cdn",
            cdn={
                "enabled": True,
                "signedUrlKeys": [{"keyName": "key", "secretName": "cdn-key"}],
            },
            customRequestHeaders={"headers": ["X-One: 1"]},
        ),
        frontend_config(sslPolicy="modern"),
        ingress_parameters("params", httpsRedirect="explicit"),
        ingress_class("gce", parameters="params"),
        with_config(service("default/web", "80->30001"), "iap"),
        with_config(service("default/api", "80->30002"), "cdn"),
        service("default/plain", "80->30003"),
        https("shop", "web:80", "shop-tls"),
        ingress("default/plain", default="plain:80", class_name="gce"),
        ingress("default/broken", default="nowhere:80", class_name="gce"),
        straight(),
        pod("default/waits", container("web"), gates=("cloud.google.com/load-balancer-neg-ready",)),
        listed(endpoint("127.64.0.1", "node-1", pod="waits")),
        ingress("default/straight", default="straight:80", class_name="gce"),
    )


def beginning(one: Guarded) -> None:
    for name in ("shop", "plain"):
        one.served(f"default/{name}")
    web, api = one.backend(30001), one.backend(30002)
    assert (web["iap"]["enabled"], one.last(web, "securityPolicy")) == (True, "armor")
    assert api["cdnPolicy"]["signedUrlKeyNames"] == ["key"]
    assert one.last(one.front("targetHttpsProxies", "shop"), "sslPolicy") == "modern"

    def told() -> str:
        return one.kubectl("get", "pod", "waits", "-o", "jsonpath={.status.conditions[*].reason}")

    one.until(lambda: told() == "LoadBalancerNegReady", "a pod in an endpoint group is ready")
    one.apply(listed())
    groups = partial(one.bodies, "networkEndpointGroups")
    one.until(lambda: all(body["size"] == 0 for body in groups()), "it is in none any more")


def changes(one: Guarded) -> None:
    """What people change of Ingresses and of what they refer to."""
    old = one.front("targetHttpsProxies", "shop")["sslCertificates"]
    one.apply(
        secret("default/shop-tls", *pair("shop.example.com", serial=2)),
        opaque("cdn-key", {"key_value": "ZmVkY2JhOTg3NjU0MzIxMA=="}),
        backend_config("iap", securityPolicy={"name": "other-armor"}, timeoutSec=40),
        backend_config("cdn", timeoutSec=40),
        frontend_config(sslPolicy="other", redirectToHttps={"enabled": True}),
    )

    def proxy() -> dict[str, Any]:
        return one.front("targetHttpsProxies", "shop")

    one.until(lambda: proxy().get("sslCertificates") != old, "the certificate is rotated")
    one.until(lambda: one.last(proxy(), "sslPolicy") == "other", "the SSL policy is another")
    one.until(lambda: one.backend(30001).get("timeoutSec") == 40, "the timeout is set")
    one.until(
        lambda: one.last(one.backend(30001), "securityPolicy") == "other-armor", "other armor"
    )
    one.until(
        lambda: "signedUrlKeyNames" not in one.backend(30002).get("cdnPolicy", {}), "no key left"
    )
    one.until(
        lambda: "-rm-" in one.last(one.front("targetHttpProxies", "shop"), "urlMap"), "redirect"
    )
    one.apply(backend_config("iap"), frontend_config(), https("shop", "plain:80", "shop-tls"))
    one.until(lambda: "securityPolicy" not in one.backend(30001), "no armor")
    one.until(lambda: "sslPolicy" not in proxy(), "no SSL policy")
    one.until(
        lambda: "-30003-" in one.last(one.url_map("default/shop"), "defaultService"), "another"
    )
    code = "glbc.gcp.kubernetes.io/acknowledge"
    named = {"kubernetes.io/ingress.global-static-ip-name": "named", code: "all"}
    one.apply(ingress("default/static", default="plain:80", class_name="gce", annotations=named))
    one.served("default/static")


def others(one: Guarded) -> None:
    """What nodes and people do behind the back of the cluster's users."""
    one.seed_nodes((("node-4", "us-central1-a", "127.64.0.4"),))

    def members() -> int:
        return sum(body["size"] for body in one.bodies("instanceGroups"))

    one.until(lambda: members() == 4, "the new node is a member")
    one.kubectl("delete", "node", "node-4")
    one.until(lambda: members() == 3, "it is none any more")
    away = {"httpsRedirect": True, "stripQuery": False}
    one.insert("urlMaps", name="theirs", defaultUrlRedirect=away)
    one.insert("targetHttpProxies", name="theirs", urlMap="global/urlMaps/theirs")
    rule, proxy = one.front("forwardingRules", "plain"), one.front("targetHttpsProxies", "shop")
    one.post(f"global/forwardingRules/{rule['name']}/setTarget", target=THEIRS)
    one.post(f"targetHttpsProxies/{proxy['name']}/setUrlMap", urlMap="global/urlMaps/theirs")
    to_proxy = partial(one.leads, "forwardingRules", "plain", "target")
    to_map = partial(one.leads, "targetHttpsProxies", "shop", "urlMap")
    one.until(lambda: to_proxy("theirs") and to_map("theirs"), "both lead elsewhere")
    one.until(lambda: to_proxy(one.last(rule, "target")), "the rule leads back")
    one.until(lambda: to_map(one.last(proxy, "urlMap")), "so does the proxy")


def commands(one: Guarded) -> None:
    assert "Nothing to do." in one.glbc("plan")
    assert "shop" in one.glbc("explain", "default/shop")


def restart(one: Guarded) -> None:
    """An Event that is told again; and a load balancer that nobody was there to take away."""
    assert one.end("glbc", signal.SIGTERM) == 0
    one.kubectl("delete", "ingress", "plain", "--wait=false")
    one.kubectl(
        *("patch", "ingress", "plain", "--type=merge", "-p", '{"metadata":{"finalizers":null}}')
    )
    one.glbc("gc", "--dry-run", code=2)
    one.glbc("gc", "--yes")
    one.settings = CONFIG | {"https_redirect": "tls", "node_port_ranges": ["30000-31000"]}
    one.start_glbc()
    one.until(
        lambda: "30000-31000" in one.bodies("firewalls")[0]["allowed"][0]["ports"], "fewer ports"
    )
    one.until(lambda: one.events_counted() > 1, "what is wrong is told once more")


def ending(one: Guarded) -> None:
    one.kubectl("delete", "ingress", "--all", "--timeout=60s")
    one.until(lambda: one.ours() == {}, "nothing is left")
    one.until(lambda: one.kubectl("get", "svcneg", "-o", "name") == "", "nor told of")


def test_nothing_is_refused_in_the_cluster(story: Guarded) -> None:
    assert story.rbac()["denied"] == []


def test_nothing_is_refused_in_the_cloud(story: Guarded) -> None:
    assert story.iam()["denied"] == []


def test_no_verb_is_granted_in_vain(story: Guarded) -> None:
    unused = {
        (one["verb"], f"{one['resource']} {one['name']}".strip())
        for one in story.rbac()["grants"]
        if not one["used"]
    }
    assert unused == set()


def test_no_permission_is_granted_in_vain(story: Guarded) -> None:
    told = story.iam()
    assert set(told["roles"][ROBOT]) - told["used"].keys() == set()
