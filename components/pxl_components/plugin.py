"""The library as a plugin, for programs in other languages."""

import sys
from collections.abc import Mapping
from typing import Any, cast

import pulumi
from pulumi.provider import main
from pulumi.provider.experimental.analyzer import PropertyDefinition
from pulumi.provider.experimental.component import ComponentProvider

from pxl_components.api import Api
from pxl_components.app_image import AppImage
from pxl_components.backups import Backups
from pxl_components.encryption import EncryptionKey
from pxl_components.front_door import Certificate
from pxl_components.migrations import Migrations
from pxl_components.network import IsolatedNamespace
from pxl_components.pod_security_groups import PodSecurityGroups
from pxl_components.postgres import Postgres
from pxl_components.queue_metrics import QueueMetrics
from pxl_components.redis import Redis
from pxl_components.registry import ContainerRegistry
from pxl_components.secrets import AppSecrets
from pxl_components.worker import Worker

NAME = "pxl"
VERSION = "0.1.0"
COMPONENTS: list[type[pulumi.ComponentResource]] = [
    Api,
    AppImage,
    AppSecrets,
    Backups,
    Certificate,
    ContainerRegistry,
    EncryptionKey,
    IsolatedNamespace,
    Migrations,
    PodSecurityGroups,
    Postgres,
    QueueMetrics,
    Redis,
    Worker,
]


class Provider(ComponentProvider):
    """What ``component_provider_host`` serves, except that it hands on Outputs within lists and groups of arguments.

    The SDK's own takes an item of a list that is an Output for an empty one, and fails on an integer that is one. The
    endpoint of one component is such an Output when a program in another language hands it to the next.
    """

    def map_input_properties(
        self,
        inputs: Any,
        properties: dict[str, PropertyDefinition],
        mapping: dict[str, str],
        component_name: str,
        property_path: str,
    ) -> dict[str, Any]:
        """Renames the inputs from the schema's names to Python's, in Outputs as soon as they are known."""
        if isinstance(inputs, pulumi.Output):
            item = cast("pulumi.Output[Any]", inputs).apply(
                lambda known: self.map_input_properties(known, properties, mapping, component_name, property_path)
            )
            return cast("dict[str, Any]", item)
        given = cast("Mapping[str, Any]", inputs if isinstance(inputs, Mapping) else {})
        later = {key for key, value in given.items() if key in properties and isinstance(value, pulumi.Output)}
        now = {key: prop for key, prop in properties.items() if key not in later}
        renamed = super().map_input_properties(given, now, mapping, component_name, property_path)
        return {**renamed, **{mapping[key]: given[key] for key in later}}


def host() -> None:
    """Serves the components until the engine is done; its address is the first argument of the process."""
    main(Provider(COMPONENTS, NAME, None, VERSION), sys.argv[1:])
