"""Secrets of the app: from where they enter to where a pod reads them, never in plain sight."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import NotRequired, TypedDict

import pulumi
import pulumi_kubernetes as kubernetes
import pulumi_random as random
from pulumi import Input
from pulumi_kubernetes.meta.v1 import ObjectMetaArgsDict

from pxl_components.external import external_secret, remote
from pxl_components.labels import Identity
from pxl_components.secret_store import KeepIn, KeepSpec, Kept, keep
from pxl_components.validation import Arguments

_KEY = re.compile(r"[-._a-zA-Z0-9]{1,253}")
_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,40}[a-z0-9])?")
STORE_KIND = re.compile("ClusterSecretStore|SecretStore")
STORE_FORM = "ClusterSecretStore or SecretStore"
_INTERVAL = re.compile(r"([0-9]+(h|m|s))+")
_DIRECT_ONLY = ("values", "generate", "own_secret")
_EXTERNAL_ONLY = ("external_store", "external_keys", "external_prefix", "refresh_interval", "keep_in")


class SecretKeyRef(TypedDict):
    """One key of a Kubernetes Secret; what pods are given instead of a value."""

    name: Input[str]
    """The name of the Secret, in the namespace of the pod that reads it."""
    key: str
    """The key within the Secret."""


class SecretDelivery(Enum):
    """How secret values reach the cluster."""

    DIRECT = "direct"
    """The values are in Pulumi's encrypted state, and the component writes an immutable Secret."""
    EXTERNAL_SECRETS = "external_secrets"
    """The values are in a secret store, and the External Secrets operator writes the Secret from it."""


class GeneratedSecret(TypedDict):
    """A random secret that is drawn once and kept in Pulumi's encrypted state."""

    key: str
    """The key within the Secret."""
    length: NotRequired[int]
    """Characters (letters and digits), 16-256; default 48."""


class ExternalStore(TypedDict):
    """The store that the External Secrets operator reads."""

    name: str
    """The name of the store object."""
    kind: NotRequired[str]
    """``ClusterSecretStore`` (default) or ``SecretStore``."""


class AppSecretsArgs(TypedDict):
    """Arguments of ``AppSecrets``."""

    namespace: Input[str]
    """The namespace of the Secret."""
    values: NotRequired[dict[str, Input[str]]]
    """Direct delivery, or with ``keep_in``: key to value. Every value is treated as secret."""
    generate: NotRequired[list[GeneratedSecret]]
    """Direct delivery, or with ``keep_in``: secrets to draw at random."""
    own_secret: NotRequired[list[str]]
    """Direct delivery: keys that get a Secret each, so that pods that read them do not roll when another value changes.
    Such a key is a DNS label. Default: none."""
    delivery: NotRequired[SecretDelivery]
    """``direct`` (default) or ``external_secrets``."""
    external_store: NotRequired[ExternalStore]
    """External Secrets: the store to read; required there."""
    external_keys: NotRequired[list[str]]
    """External Secrets: the keys to fetch, at least one unless ``keep_in``. They are the keys of the Secret too."""
    external_prefix: NotRequired[str]
    """External Secrets: what comes before each key in the store, such as ``pxl/prod/``; default empty."""
    refresh_interval: NotRequired[str]
    """External Secrets: how often the store is read again; default ``1h``."""
    keep_in: NotRequired[KeepIn]
    """External Secrets: writes ``values`` and ``generate`` into Secrets Manager, where the operator reads them."""
    labels: NotRequired[dict[str, str]]
    """Owner labels for every object."""


class AppSecrets(pulumi.ComponentResource):
    """One Kubernetes Secret with the app's secrets, delivered directly or by the External Secrets operator.

    Direct: the Secret is immutable and auto-named, so a changed value is a new Secret, and pods that read it roll
    before the old one goes; what a store reads is better kept in a Secret of its own (``own_secret``). The same holds
    of what the component keeps in a store itself (``keep_in``). What others keep there has a fixed name, and pods see a
    new value when they restart.
    """

    secret_name: pulumi.Output[str]
    """The name of the Secret; not of those in ``own_secret``."""
    keys: list[str]
    """The keys of the Secret, sorted."""
    version: pulumi.Output[str]
    """Changes with the values, and tells nothing of them; empty where the component does not keep them."""

    def __init__(self, name: str, args: AppSecretsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Checks the args and declares everything; ``ArgumentError`` before anything is declared."""
        spec = _Spec.read(name, args)
        super().__init__("pxl:index:AppSecrets", name, {}, opts)
        identity = Identity("secrets", name, "secrets", spec.owner)
        self._component = spec.component
        self._values = {**spec.values, **self._generated(name, spec)}
        self.keys = sorted([*self._values, *spec.external_keys])
        self._own: dict[str, pulumi.Output[str]] = {}
        self.version = pulumi.Output.from_input("")
        if spec.delivery is SecretDelivery.DIRECT:
            metadata = identity.metadata(spec.namespace)
            shared = {key: value for key, value in self._values.items() if key not in spec.own_secret}
            self.secret_name = secret(self, f"{name}-values", metadata, shared)
            for key in spec.own_secret:
                self._own[key] = secret(self, f"{name}-{key}", metadata, {key: self._values[key]})
        else:
            self.secret_name = self._external(name, spec, identity)
        self.register_outputs({"secretName": self.secret_name, "keys": self.keys, "version": self.version})

    def ref(self, key: str) -> SecretKeyRef:
        """The reference that a pod's environment takes for one key.

        Raises:
            ValueError: the Secret has no such key.
        """
        self._known(key)
        return {"name": self._own.get(key, self.secret_name), "key": key}

    def value(self, key: str) -> pulumi.Output[str]:
        """The value of one key as a secret Output, for other resources of the program.

        Raises:
            ValueError: the Secret has no such key, or the value is known only to the external store.
        """
        self._known(key)
        if key not in self._values:
            raise ValueError(f"{self._component}: the value of {key!r} is known only to its store; use ref({key!r})")
        return self._values[key]

    def _known(self, key: str) -> None:
        if key not in self.keys:
            raise ValueError(f"{self._component} has no key {key!r}; there are: {', '.join(self.keys)}")

    def _generated(self, name: str, spec: "_Spec") -> dict[str, pulumi.Output[str]]:
        opts = pulumi.ResourceOptions(parent=self)
        drawn = {
            key: random.RandomPassword(f"{name}-{key}", length=length, special=False, opts=opts)
            for key, length in spec.generate.items()
        }
        return {key: pulumi.Output.secret(password.result) for key, password in drawn.items()}

    def _external(self, name: str, spec: "_Spec", identity: Identity) -> pulumi.Output[str]:
        kept = self._kept(name, spec)
        return external_secret(
            self,
            name,
            identity,
            spec.namespace,
            store=(spec.store_kind, spec.store_name),
            keys=[remote(key, f"{spec.external_prefix}{key}") for key in [*spec.external_keys, *sorted(self._values)]],
            refresh=spec.refresh_interval,
            target=name if kept is None else kept.version.apply(lambda version: f"{name}-{version}"),
            after=[] if kept is None else kept.written,
        )

    def _kept(self, name: str, spec: "_Spec") -> "Kept | None":
        """What the component writes into the store itself; None when others do."""
        if spec.keep_in is None:
            return None
        kept = keep(self, name, spec.keep_in, spec.external_prefix, self._values)
        self.version = kept.version
        return kept


def secret(
    parent: pulumi.Resource,
    name: str,
    metadata: ObjectMetaArgsDict,
    values: Mapping[str, pulumi.Output[str]],
) -> pulumi.Output[str]:
    """An immutable, auto-named Secret: a changed value is a new one, made before the old one goes.

    Returns:
        Its name.
    """
    made = kubernetes.core.v1.Secret(
        name,
        metadata=metadata,
        string_data=pulumi.Output.secret(dict(values)),
        type="Opaque",
        immutable=True,
        opts=pulumi.ResourceOptions(parent=parent, replace_on_changes=["stringData"]),
    )
    return made.metadata.apply(lambda known: str(known.name))


@dataclass(frozen=True)
class _Spec:
    component: str
    namespace: Input[str]
    owner: dict[str, str]
    delivery: SecretDelivery
    values: dict[str, pulumi.Output[str]]
    generate: dict[str, int]
    own_secret: list[str]
    store_name: str
    store_kind: str
    external_keys: list[str]
    external_prefix: str
    refresh_interval: str
    keep_in: KeepSpec | None

    @staticmethod
    def read(name: str, args: AppSecretsArgs) -> "_Spec":
        given = Arguments.of("AppSecrets", name, args, AppSecretsArgs)
        delivery = given.choice("delivery", SecretDelivery.DIRECT)
        direct = delivery is SecretDelivery.DIRECT
        keeps = given.group("keep_in", KeepIn)
        strays = _EXTERNAL_ONLY if direct else ("own_secret",) if keeps else _DIRECT_ONLY
        _refuse_strays(given, delivery, strays)
        store = given.group("external_store", ExternalStore)
        spec = _Spec(
            component=given.component,
            namespace=given.text_input("namespace"),
            owner=given.labels(),
            delivery=delivery,
            values=_read_values(given),
            generate=_read_generated(given),
            own_secret=_read_own(given),
            store_name="" if store is None else store.dns_label("name", ""),
            store_kind="" if store is None else store.text("kind", "ClusterSecretStore", STORE_KIND, STORE_FORM),
            external_keys=[_key(given, "external_keys", key) for key in given.strings("external_keys", [])],
            external_prefix=given.text("external_prefix"),
            refresh_interval=given.text("refresh_interval", "1h", _INTERVAL, "a duration such as 1h or 15m"),
            keep_in=None if keeps is None else KeepSpec.read(keeps),
        )
        _refuse_empty(given, spec, direct=direct)
        _refuse_unknown_own(given, spec)
        return spec


def _read_values(given: Arguments) -> dict[str, pulumi.Output[str]]:
    values: dict[str, pulumi.Output[str]] = {}
    for key, value in given.mapping("values").items():
        checked = given.checked(f"values.{_key(given, 'values', key)}", value, hidden=True)
        values[key] = pulumi.Output.secret(checked)
    return values


def _read_generated(given: Arguments) -> dict[str, int]:
    drawn: dict[str, int] = {}
    for group in given.groups("generate", GeneratedSecret):
        key = _key(group, "key", group.text("key"))
        if key in drawn or key in given.mapping("values"):
            raise group.error("key", key, "has a value already", "give each key once, in values or in generate")
        drawn[key] = group.integer("length", 48, 16, 256)
    return drawn


def _read_own(given: Arguments) -> list[str]:
    own = given.strings("own_secret", [])
    for key in own:
        if not _LABEL.fullmatch(key):
            raise given.error("own_secret", key, "cannot name a Secret", "use lower-case letters, digits and -")
    return own


def _refuse_unknown_own(given: Arguments, spec: _Spec) -> None:
    keys = [*spec.values, *spec.generate]
    for key in spec.own_secret:
        if key not in keys:
            raise given.error("own_secret", key, "has no value", f"name one of {', '.join(keys)}")
    if keys and set(keys) <= set(spec.own_secret):
        raise given.error("own_secret", None, "leaves nothing for the common Secret", "leave at least one key out")


def _key(given: Arguments, where: str, key: str) -> str:
    if not _KEY.fullmatch(key):
        raise given.error(where, key, "is not a key of a Secret", "use letters, digits, - _ and . only")
    return key


def _refuse_strays(given: Arguments, delivery: SecretDelivery, strays: tuple[str, ...]) -> None:
    for key in strays:
        if given.has(key):
            problem = f"has no meaning with delivery {delivery.value}"
            raise given.error(key, None, problem, "remove it, or choose the other delivery")


def _refuse_empty(given: Arguments, spec: _Spec, *, direct: bool) -> None:
    writes = direct or spec.keep_in is not None
    if writes and not spec.values and not spec.generate:
        raise given.error("values", None, "and generate are empty: the Secret would be too", "name a secret in either")
    if not direct and not spec.store_name:
        raise given.error("external_store", None, "is missing", "name the store that the operator reads")
    if not writes and not spec.external_keys:
        raise given.error("external_keys", None, "is missing or empty", "list the keys to fetch from the store")
