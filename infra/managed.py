"""What a stack has on AWS, from its settings to the arguments of the components."""

from typing import TypedDict

import pulumi
import pulumi_aws as aws
from pxl_components import (
    AppSecrets,
    Backups,
    BackupsArgs,
    Certificate,
    CertificateArgs,
    ContainerRegistryArgs,
    EncryptionKey,
    EncryptionKeyArgs,
    FrontDoor,
    KeepIn,
    ManagedPostgres,
    ManagedRedis,
    PodSecurityGroups,
    Postgres,
)

from infra.arguments import labels
from infra.guards import check_target
from infra.landing import Landing, landing
from infra.repositories import managed_name, path_name
from infra.settings import Settings
from infra.settings.app_secrets import REDIS_PASSWORD
from infra.settings.aws import Aws
from infra.settings.aws import FrontDoor as FrontDoorKind
from infra.settings.model import RegistryKind
from infra.settings.stores import StoreKind
from infra.tags import tags

_NODES = "nodes"
_ROLE = "app.kubernetes.io/component"
# Who has a link to what: the NetworkPolicies open the same ways, and docs/access.md shows both side by side.
_POSTGRES_CLIENTS = ("api", "database-user", "migrations", "worker")
_REDIS_CLIENTS = ("api", "migrations", "worker")
_QUEUE_METRICS = "metrics"


class _Place(TypedDict):
    vpc_id: pulumi.Input[str]
    subnet_ids: pulumi.Input[list[str]]
    subnet_cidrs: pulumi.Input[list[str]]
    client_security_group_ids: dict[str, pulumi.Input[str]]
    kms_key_arn: pulumi.Input[str]
    tags: dict[str, str]


class Managed:
    """What a stack has on AWS; a stack without an account has nothing there, and every method gives None.

    Args:
        settings: The stack's settings.
        stack: Its name.
        provider: Account and region; None without an account.
    """

    def __init__(self, settings: Settings, stack: str, provider: aws.Provider | None) -> None:
        """Declares what all managed parts share: the place, and the key of what they store."""
        self._settings, self._stack = settings, stack
        self._tags = tags(settings, stack)
        self.providers: list[pulumi.ProviderResource] = [] if provider is None else [provider]
        self._here = pulumi.ResourceOptions(providers=self.providers)
        self._landing: Landing | None = None
        self._key: pulumi.Output[str] | None = None
        self._pods: PodSecurityGroups | None = None
        if provider is not None and settings.aws is not None:
            self._landing = landing(settings.aws, provider)
            self._key = EncryptionKey("data", self._key_args(settings.aws), self._here).arn

    @staticmethod
    def of(settings: Settings, stack: str) -> "Managed":
        """For a stack; asks AWS first whether the credentials lead where the settings say.

        Raises:
            WrongTargetError: They lead elsewhere.
        """
        if settings.aws is None:
            return Managed(settings, stack, None)
        provider = aws.Provider(
            "aws",
            region=settings.aws.region,
            allowed_account_ids=[settings.aws.account],  # pyright: ignore[reportArgumentType]  # a region is a text
        )
        check_target(settings, settings.aws, provider)
        return Managed(settings, stack, provider)

    def _key_args(self, wanted: Aws) -> EncryptionKeyArgs:
        return {
            "account": wanted.account,
            "alias": f"pxl/{path_name(self._stack)}/data",
            "deletion_protection": self._settings.postgres.protect or self._settings.redis.protect,
            "tags": self._tags,
        }

    def _guarded_roles(self) -> tuple[str, ...]:
        """The roles of all pods that have a link to a store."""
        return (*_POSTGRES_CLIENTS, *self._watchers())

    def _watchers(self) -> tuple[str, ...]:
        return (_QUEUE_METRICS,) if self._settings.measured_queues else ()

    def keep_in(self) -> KeepIn | None:
        """Secrets Manager, where the operator reads what the stack draws."""
        if self._key is None:
            return None
        # Where nothing is protected, a stack that was taken down can be made again under the same names at once.
        days = 30 if self._settings.postgres.protect else 0
        return {"kms_key_arn": self._key, "recovery_days": days, "tags": self._tags}

    def guard_pods(self, namespace: pulumi.Input[str], here: pulumi.ResourceOptions) -> list[pulumi.Resource]:
        """Gives the pods groups of their own, where the settings ask for it.

        Args:
            namespace: The stack's namespace.
            here: The providers of cluster and AWS.

        Returns:
            What must be there before any pod is, because a pod gets its groups when it is made.
        """
        if self._landing is None or self._settings.aws is None or not self._settings.aws.pod_security_groups:
            return []
        self._pods = PodSecurityGroups(
            "pods",
            {
                "namespace": namespace,
                "vpc_id": self._landing.vpc_id,
                "pods": [{"name": role, "pod_labels": {_ROLE: role}} for role in self._guarded_roles()],
                "shared_group_ids": [self._landing.node_security_group_id],
                "tags": self._tags,
                "labels": labels(self._settings, self._stack),
            },
            here,
        )
        return [self._pods]

    def _clients(self, roles: tuple[str, ...]) -> dict[str, pulumi.Input[str]]:
        if self._pods is not None:
            ids = self._pods.group_ids
            return {role: ids[role] for role in roles}
        return {} if self._landing is None else {_NODES: self._landing.node_security_group_id}

    def _place(self, clients: tuple[str, ...]) -> _Place | None:
        """What a managed store is told of where it lies, and of who may connect."""
        if self._landing is None or self._key is None:
            return None
        return {
            "vpc_id": self._landing.vpc_id,
            "subnet_ids": self._landing.subnet_ids,
            "subnet_cidrs": self._landing.subnet_cidrs,
            "client_security_group_ids": self._clients(clients),
            "kms_key_arn": self._key,
            "tags": self._tags,
        }

    def postgres(self) -> ManagedPostgres | None:
        """The database of RDS."""
        wanted, store, place = self._settings.postgres, self._settings.secrets.store, self._place(_POSTGRES_CLIENTS)
        if wanted.kind is not StoreKind.MANAGED or place is None or store is None:
            return None
        args: ManagedPostgres = {
            **place,
            "psql_image": self._settings.images.postgres or "",
            "admin_store": {"name": store.name, "kind": store.kind},
            "instance_class": wanted.instance_class,
            "engine_version": wanted.engine_version,
            "storage_gb": wanted.storage_gb,
            "max_storage_gb": wanted.max_storage_gb,
            "multi_az": wanted.multi_az,
            "backup_days": wanted.backup_days,
            "max_connections": wanted.max_connections,
            "deletion_protection": wanted.protect,
        }
        if wanted.ca:
            args["ca_pem"] = wanted.ca
        return args

    def backups(self, postgres: Postgres) -> None:
        """Copies of the database that are restored every week, where the settings ask for it."""
        if not self._settings.postgres.restore_tests or self._key is None:
            return
        if postgres.instance_arn is None or postgres.subnet_group_name is None:
            return
        wanted: BackupsArgs = {
            "resource_arn": postgres.instance_arn,
            "kms_key_arn": self._key,
            "subnet_group_name": postgres.subnet_group_name,
            "keep_days": max(35, self._settings.postgres.backup_days),
            "deletion_protection": self._settings.postgres.protect,
            "tags": self._tags,
        }
        Backups("backups", wanted, self._here)

    def redis(self, secrets: AppSecrets) -> ManagedRedis | None:
        """The replication group of ElastiCache."""
        wanted, place = self._settings.redis, self._place((*_REDIS_CLIENTS, *self._watchers()))
        if wanted.kind is not StoreKind.MANAGED or place is None:
            return None
        args: ManagedRedis = {
            **place,
            "proxy_image": self._settings.images.tls_proxy or "",
            "auth_token": secrets.value(REDIS_PASSWORD),
            "node_type": wanted.node_type,
            "engine_version": wanted.engine_version,
            "replicas": wanted.replicas,
            "snapshot_days": wanted.snapshot_days,
            "deletion_protection": wanted.protect,
        }
        if wanted.ca:
            args["ca_pem"] = wanted.ca
        return args

    def registry(self) -> ContainerRegistryArgs | None:
        """The repository that releases are pulled from."""
        if self._settings.registry.kind is not RegistryKind.ECR or self._key is None:
            return None
        return {
            "managed": {
                "repository": managed_name(self._stack),
                "kms_key_arn": self._key,
                "deletion_protection": self._settings.postgres.protect,
                "tags": self._tags,
            }
        }

    def front_door(self) -> FrontDoor | None:
        """The load balancer before the API, with a certificate of its own unless one is given."""
        door = self._settings.ingress
        if door.kind is not FrontDoorKind.ALB or door.hostname is None:
            return None
        certificate: pulumi.Input[str] = door.certificate_arn or ""
        if door.hosted_zone_id is not None:
            wanted: CertificateArgs = {
                "hostname": door.hostname,
                "hosted_zone_id": door.hosted_zone_id,
                "tags": self._tags,
            }
            certificate = Certificate("front-door", wanted, self._here).arn
        return {
            "hostname": door.hostname,
            "certificate_arn": certificate,
            "internal": door.internal,
            "idle_timeout_seconds": door.idle_timeout_seconds,
            "tags": self._tags,
        }
