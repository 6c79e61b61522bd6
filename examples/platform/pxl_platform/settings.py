"""What may differ between platforms."""

import ipaddress
import re
from dataclasses import dataclass

import pulumi


@dataclass(frozen=True)
class Settings:
    """The settings of one platform; what cannot hold is refused before anything is made.

    Attributes:
        name: Of the cluster, and what names begin with.
        cidr: The VPC's addresses: at most a /16, at least a /20.
        zones: Two or three availability zones.
        nat_per_zone: A NAT gateway in each zone, instead of one for all.
        public_cidrs: Who may reach the API server from outside; none: only the VPC.
        administrators: ARNs of the roles that may do everything in the cluster.
        version: Of Kubernetes.
        instance_type: Of the nodes.
        min_nodes: At least; one a zone.
        max_nodes: At most.
        log_days: How long logs are kept.
    """

    name: str
    cidr: str
    zones: tuple[str, ...]
    nat_per_zone: bool
    public_cidrs: tuple[str, ...]
    administrators: tuple[str, ...]
    version: str = "1.34"
    instance_type: str = "m7i.large"
    min_nodes: int = 2
    max_nodes: int = 4
    log_days: int = 90

    @classmethod
    def read(cls, config: pulumi.Config) -> "Settings":
        """From the stack file.

        Raises:
            ValueError: A setting cannot hold; with its key.
        """
        settings = cls(
            name=config.require("name"),
            cidr=config.get("cidr") or "10.10.0.0/16",
            zones=tuple(config.require_object("zones")),
            nat_per_zone=config.require_bool("natPerZone"),
            public_cidrs=tuple(config.get_object("publicCidrs") or ()),
            administrators=tuple(config.require_object("administrators")),
            version=config.get("version") or cls.version,
            instance_type=config.get("instanceType") or cls.instance_type,
            min_nodes=config.get_int("minNodes") or cls.min_nodes,
            max_nodes=config.get_int("maxNodes") or cls.max_nodes,
        )
        settings.check()
        return settings

    def check(self) -> None:
        """Raises ``ValueError`` for what cannot hold."""
        if not 20 >= ipaddress.ip_network(self.cidr).prefixlen >= 16:
            raise ValueError(f"platform:cidr = {self.cidr} is no /16 to /20: pods have addresses of the VPC, and many")
        if not 2 <= len(set(self.zones)) <= 3 or len(set(self.zones)) != len(self.zones):
            raise ValueError(f"platform:zones = {list(self.zones)} are not two or three different zones")
        for block in self.public_cidrs:
            if ipaddress.ip_network(block).prefixlen == 0:
                raise ValueError(f"platform:publicCidrs has {block}: that is everybody")
        for arn in self.administrators:
            if not re.fullmatch(r"arn:aws[a-z-]*:iam::\d{12}:(role|user)/[\w+=,.@/-]+", arn):
                raise ValueError(f"platform:administrators has {arn}, which is no ARN of a role or a user")
        if not self.administrators:
            raise ValueError("platform:administrators is empty: nobody could ever use the cluster")
        if not 2 <= self.min_nodes <= self.max_nodes:
            raise ValueError(f"platform:minNodes = {self.min_nodes} is not from 2 to maxNodes = {self.max_nodes}")
