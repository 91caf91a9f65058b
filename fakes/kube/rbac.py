"""Who may do what: RBAC, read from the roles and bindings that the world holds.

Whoever sends no token is the administrator that every caller of this fake has always been. A token
that a world was told of is a user, and may do what a binding grants and nothing else; the words of
a refusal are the real server's. Which grant let a call pass is remembered, so that a test can say
that none is there in vain.
"""

from collections import Counter
from collections.abc import Iterator
from typing import Final, NamedTuple

import msgspec

from fakes.kube.bodies import Target
from fakes.kube.door import Request
from fakes.kube.errors import ApiError, Obj, forbidden, unauthorized
from fakes.kube.kinds import Kind
from fakes.kube.store import Store

_GROUP: Final = "rbac.authorization.k8s.io"
_ACCOUNT: Final = "system:serviceaccount:"
ADMIN: Final = "fake-admin"


class Attributes(NamedTuple):
    """What is asked for, as authorizers see it."""

    verb: str
    group: str
    resource: str  # with a subresource: ingresses/status
    namespace: str = ""
    name: str = ""


class Grant(NamedTuple):
    """One verb on one resource that one rule of one role gives; `used` counts beside it."""

    role: str  # ClusterRole/glbc, Role/kube-system/glbc
    group: str
    resource: str
    verb: str
    name: str = ""  # resourceNames; empty: any

    def covers(self, asked: Attributes) -> bool:
        """Say whether it lets pass what is asked for."""
        sub = asked.resource.partition("/")[2]
        resources = {asked.resource, "*"} | ({f"*/{sub}"} if sub else set())
        return (
            self.verb in {asked.verb, "*"}
            and self.group in {asked.group, "*"}
            and self.resource in resources
            and self.name in {asked.name, ""}
        )


class Authorizer:
    """Reads roles from the store it is given. Owned by one World and used under its lock."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.users: dict[str, str] = {}  # token -> user; "": it has expired
        self.used: Counter[Grant] = Counter()
        self.denied: list[str] = []  # what was refused, in words

    def user(self, request: Request) -> str:
        """Return who asks; raise 401 for a token of nobody."""
        kind, _, token = request.header("authorization").partition(" ")
        if not self.users or kind.lower() != "bearer":
            return ADMIN
        if not self.users.get(token):
            raise unauthorized()
        return self.users[token]

    def revoke(self, token: str) -> None:
        """Let a token be nobody's from now on."""
        self.users[token] = ""

    def check(self, request: Request, verb: str, target: Target) -> None:
        """Let a call pass, or raise 403 (401)."""
        user = self.user(request)
        if user == ADMIN or target.kind.virtual:  # who one is, and what one may, anybody may ask
            return
        asked = Attributes(
            verb,
            target.kind.group,
            target.resource,
            _namespace(target),
            target.name or _selected(request, verb),
        )
        self._demand(user, asked)
        if self._creates(request, verb, target):
            self._demand(user, asked._replace(verb="create"))

    def report(self) -> Obj:
        """Return the users, their grants with how often each let a call pass, and refusals."""
        every = sorted(
            {
                grant
                for user in filter(None, self.users.values())
                for trouble, grant in self._of(user, None)
                if not trouble
            }
        )
        return {
            "users": sorted({user for user in self.users.values() if user}),
            "grants": [{**grant._asdict(), "used": self.used[grant]} for grant in every],
            "denied": list(self.denied),
        }

    def become(self, other: "Authorizer") -> None:
        """Take over another one's users and what is remembered of them."""
        self.users, self.denied = dict(other.users), list(other.denied)
        self.used = Counter(other.used)

    def reviewed(self, kind: Kind, request: Request, review: Obj) -> Obj:
        """Return the verdict of a review: may the caller do this, or who is it?"""
        user = self.user(request)
        if kind.kind == "SelfSubjectReview":
            groups = ["system:masters"] if user == ADMIN else _groups(user)
            return review | {"status": {"userInfo": {"username": user, "groups": groups}}}
        if user == ADMIN:
            return review | {"status": {"allowed": True, "reason": "the fake allows everything"}}
        asked = (review.get("spec") or {}).get("resourceAttributes")
        if asked is None:
            return review | {"status": {"allowed": True}}  # a path: discovery is open to all
        sub = asked.get("subresource", "")
        what = Attributes(
            asked.get("verb", ""),
            asked.get("group", ""),
            asked.get("resource", "") + (f"/{sub}" if sub else ""),
            asked.get("namespace", ""),
            asked.get("name", ""),
        )
        found, why = self._find(user, what)
        status: Obj = {"allowed": found is not None}
        words = found.role if found else why
        return review | {"status": status | ({"reason": words} if words else {})}

    def _creates(self, request: Request, verb: str, target: Target) -> bool:
        """Say whether an update or an apply would create: it needs that permission, too."""
        applies = "apply-patch" in request.header("content-type")
        may = (verb == "update" and target.kind.create_on_update) or (verb == "patch" and applies)
        key = (target.namespace, target.name)
        return may and self._store.get(target.kind.resource, key) is None

    def _demand(self, user: str, asked: Attributes) -> None:
        found, why = self._find(user, asked)
        if found is not None:
            self.used[found] += 1
            return
        refusal = _refusal(user, asked, why)
        self.denied.append(refusal.message)
        raise refusal

    def _find(self, user: str, asked: Attributes) -> tuple[Grant | None, str]:
        """Return the first grant that covers what is asked for, or what is wrong with bindings."""
        broken = []
        for trouble, grant in self._of(user, asked.namespace):
            if trouble:
                broken.append(trouble)
            elif grant.covers(asked):
                return grant, ""
        return None, f"RBAC: [{', '.join(broken)}]" if len(broken) > 1 else "".join(
            f"RBAC: {one}" for one in broken
        )

    def _of(self, user: str, namespace: str | None) -> Iterator[tuple[str, Grant]]:
        """Yield a user's grants in a namespace (None: in any), or what is wrong with a binding."""
        for binding in self._store.all(f"clusterrolebindings.{_GROUP}"):
            yield from self._bound(user, binding)
        if namespace == "":
            return
        for binding in self._store.all(f"rolebindings.{_GROUP}", namespace or ""):
            yield from self._bound(user, binding)

    def _rules(self, role: Obj) -> Iterator[Obj]:
        """Yield the rules of a role; of an aggregated one, those of the ClusterRoles that it selects.

        In a real cluster a controller writes them into the role, and its own rules are lost.
        """
        selectors = (role.get("aggregationRule") or {}).get("clusterRoleSelectors")
        if selectors is None:
            yield from role.get("rules") or ()
            return
        for other in self._store.all(f"clusterroles.{_GROUP}"):
            labels = other["metadata"].get("labels") or {}
            if other is not role and any(_matches(labels, one) for one in selectors):
                yield from other.get("rules") or ()

    def _bound(self, user: str, binding: Obj) -> Iterator[tuple[str, Grant]]:
        own = binding["metadata"].get("namespace", "")
        if not any(_is(user, subject, own) for subject in binding.get("subjects") or ()):
            return
        ref = binding["roleRef"]
        at = own if ref["kind"] == "Role" else ""
        role = self._store.get(f"{ref['kind'].lower()}s.{_GROUP}", (at, ref["name"]))
        if role is None:
            missing = f'{ref["kind"].lower()}.{_GROUP} "{ref["name"]}" not found'
            yield missing, Grant("", "", "", "")
            return
        name = "/".join(part for part in (ref["kind"], at, ref["name"]) if part)
        for rule in self._rules(role):
            for group in rule.get("apiGroups") or ():
                for resource in rule.get("resources") or ():
                    for verb in rule.get("verbs") or ():
                        for only in rule.get("resourceNames") or ("",):
                            yield "", Grant(name, group, resource, verb, only)


def _matches(labels: Obj, selector: Obj) -> bool:
    """Say whether a label selector of an aggregation means a role."""
    wanted = selector.get("matchLabels") or {}
    return wanted.items() <= labels.items() and all(
        _fits(labels, one) for one in selector.get("matchExpressions") or ()
    )


def _fits(labels: Obj, wanted: Obj) -> bool:
    key, values = wanted["key"], wanted.get("values") or ()
    match wanted["operator"]:
        case "In":
            return labels.get(key) in values
        case "NotIn":
            return labels.get(key) not in values
        case "Exists":
            return key in labels
        case _:
            return key not in labels


def _namespace(target: Target) -> str:
    """Return the namespace that a URL is in; a Namespace is in itself."""
    return target.name if target.kind.plural == "namespaces" else target.namespace


def _selected(request: Request, verb: str) -> str:
    """Return the one name that a list or a watch selects, "" when it is open to more."""
    if verb not in {"list", "watch"}:
        return ""
    for part in request.params().get("fieldSelector", "").split(","):
        field, _, value = part.partition("=")
        if field == "metadata.name":
            return value.removeprefix("=")
    return ""


def _groups(user: str) -> list[str]:
    if not user.startswith(_ACCOUNT):
        return ["system:authenticated"]
    namespace = user.removeprefix(_ACCOUNT).partition(":")[0]
    every = "system:serviceaccounts"
    return [every, f"{every}:{namespace}", "system:authenticated"]


def _is(user: str, subject: Obj, own: str) -> bool:
    """Say whether a subject of a binding means a user."""
    match subject["kind"]:
        case "User":
            return bool(subject["name"] == user)
        case "Group":
            return subject["name"] in _groups(user)
        case _:
            namespace = subject.get("namespace") or own
            return bool(namespace) and user == f"{_ACCOUNT}{namespace}:{subject['name']}"


def _refusal(user: str, asked: Attributes, why: str) -> ApiError:
    where = f'in the namespace "{asked.namespace}"' if asked.namespace else "at the cluster scope"
    text = (
        f'User "{user}" cannot {asked.verb} resource "{asked.resource}" in API group '
        f'"{asked.group}" {where}'
    )
    plural = asked.resource.partition("/")[0]
    return forbidden(plural, asked.group, asked.name, f"{text}: {why}" if why else text)


class Account(msgspec.Struct, forbid_unknown_fields=True):
    """A token that stands for a user from now on."""

    token: str
    user: str
