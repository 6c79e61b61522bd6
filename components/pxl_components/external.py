"""Secrets that the External Secrets operator brings from a store into the cluster."""

from collections.abc import Mapping, Sequence
from typing import Any

import pulumi
import pulumi_kubernetes as kubernetes
from pulumi import Input

from pxl_components.labels import Identity

_FETCH_TIMEOUT = "120s"


def remote(key: str, where: Input[str], *, part: str | None = None) -> dict[str, Any]:
    """One key of the Secret, and what the store calls it.

    Args:
        key: Key of the Secret.
        where: The name in the store.
        part: The property of a JSON value; None for the whole value.
    """
    there: dict[str, Any] = {"key": where} if part is None else {"key": where, "property": part}
    return {"secretKey": key, "remoteRef": there}


def external_secret(
    parent: pulumi.Resource,
    name: str,
    identity: Identity,
    namespace: Input[str],
    *,
    store: tuple[str, str],
    keys: Sequence[Mapping[str, Any]],
    refresh: str,
    target: Input[str] | None = None,
    after: Sequence[pulumi.Resource] = (),
) -> pulumi.Output[str]:
    """Declares an ExternalSecret.

    Args:
        parent: The component.
        name: Name of the resource.
        identity: Whose object it is.
        namespace: Where the Secret is written.
        store: Kind and name of the store object.
        keys: What is fetched, see ``remote``.
        refresh: How often the store is read again.
        target: Name of the Secret; default ``name``. Another name is another ExternalSecret, made before the old one
            goes: one that was ready once stays so while the operator reads a new value, and nobody could wait for that.
        after: What must be in the store before.

    Returns:
        The name of the Secret; whoever uses it waits until the operator has written it.
    """
    # Without waiting, pods would be the first to notice that the store lacks a key.
    metadata = dict(identity.metadata(namespace, notes={"pulumi.com/waitFor": "condition=Ready"}))
    written = name if target is None else target
    made = kubernetes.apiextensions.CustomResource(
        name if target is None else f"{name}-external",
        api_version="external-secrets.io/v1",
        kind="ExternalSecret",
        metadata=metadata,
        spec={
            "refreshInterval": refresh,
            "secretStoreRef": {"kind": store[0], "name": store[1]},
            "target": {"name": written, "creationPolicy": "Owner"},
            "data": list(keys),
        },
        opts=pulumi.ResourceOptions(
            parent=parent,
            depends_on=list(after),
            replace_on_changes=["spec.target.name"],
            custom_timeouts=pulumi.CustomTimeouts(create=_FETCH_TIMEOUT, update=_FETCH_TIMEOUT),
        ),
    )
    return pulumi.Output.all(written, made.urn).apply(lambda known: str(known[0]))
