"""The front door on AWS: HTTPS at an Application Load Balancer, which its controller in the cluster makes."""

import re
from dataclasses import dataclass
from typing import NotRequired, TypedDict

import pulumi
import pulumi_aws as aws
import pulumi_kubernetes as kubernetes
from pulumi import Input

from pxl_components.drain import Drain
from pxl_components.labels import Identity
from pxl_components.tags import read_tags
from pxl_components.validation import Arguments

_HOST = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)+")
_TLS_POLICY = "ELBSecurityPolicy-TLS13-1-2-2021-06"
_STICKY_SECONDS = 10800
KEEP_ALIVE_MARGIN_SECONDS = 15


class FrontDoor(TypedDict):
    """A load balancer in front of an API."""

    hostname: str
    """The name that clients use."""
    certificate_arn: Input[str]
    """Its certificate in ACM; ``Certificate`` makes one."""
    internal: NotRequired[bool]
    """Reachable from the VPC only; default false."""
    idle_timeout_seconds: NotRequired[int]
    """After which it closes a silent connection, 1-4000; default 60. The app keeps its connections longer."""
    tags: NotRequired[dict[str, str]]
    """Tags of what the controller makes."""


@dataclass(frozen=True)
class FrontDoorSpec:
    """A ``FrontDoor`` that has been checked."""

    hostname: str
    certificate_arn: Input[str]
    internal: bool
    idle_timeout_seconds: int
    tags: dict[str, str]

    @staticmethod
    def read(given: Arguments) -> "FrontDoorSpec":
        """Reads the group."""
        return FrontDoorSpec(
            hostname=given.text("hostname", "", _HOST, "a host name such as app.example.com"),
            certificate_arn=given.text_input("certificate_arn"),
            internal=given.boolean("internal"),
            idle_timeout_seconds=given.integer("idle_timeout_seconds", 60, 1, 4000),
            tags=read_tags(given),
        )

    @property
    def keep_alive_milliseconds(self) -> int:
        """How long the app must keep a silent connection: were it the first to close, a request could meet that."""
        return (self.idle_timeout_seconds + KEEP_ALIVE_MARGIN_SECONDS) * 1000


def ingress(
    parent: pulumi.Resource,
    name: str,
    identity: Identity,
    namespace: Input[str],
    spec: FrontDoorSpec,
    *,
    service: Input[str],
    port: int,
    health_path: str,
    drain: Drain,
    sticky: bool,
) -> kubernetes.networking.v1.Ingress:
    """Declares the Ingress that the AWS Load Balancer Controller turns into an ALB.

    Args:
        parent: The component.
        name: Its name.
        identity: Whose object it is.
        namespace: Where the Service is.
        spec: What is wanted.
        service: The Service behind it.
        port: Its port.
        health_path: What the balancer asks each pod for.
        drain: How the pods end: the balancer sends to a pod that goes for as long as it serves.
        sticky: Whether one client keeps one pod.
    """
    return kubernetes.networking.v1.Ingress(
        f"{name}-ingress",
        metadata=identity.metadata(namespace, notes=_annotations(spec, health_path, drain, sticky=sticky)),
        spec={
            "ingress_class_name": "alb",
            "rules": [
                {
                    "host": spec.hostname,
                    "http": {
                        "paths": [
                            {
                                "path": "/",
                                "path_type": "Prefix",
                                "backend": {"service": {"name": service, "port": {"number": port}}},
                            }
                        ]
                    },
                }
            ],
        },
        opts=pulumi.ResourceOptions(parent=parent),
    )


def _annotations(spec: FrontDoorSpec, health_path: str, drain: Drain, *, sticky: bool) -> dict[str, Input[str]]:
    target = {"deregistration_delay.timeout_seconds": str(drain.deregistration_seconds)}
    if sticky:
        target |= {
            "stickiness.enabled": "true",
            "stickiness.type": "lb_cookie",
            "stickiness.lb_cookie.duration_seconds": str(_STICKY_SECONDS),
        }
    balancer = {
        "idle_timeout.timeout_seconds": str(spec.idle_timeout_seconds),
        # Requests that only a broken or hostile client sends.
        "routing.http.drop_invalid_header_fields.enabled": "true",
        "routing.http.xff_header_processing.mode": "append",
    }
    notes: dict[str, Input[str]] = {
        "scheme": "internal" if spec.internal else "internet-facing",
        # Straight to the pods: the client's address arrives in X-Forwarded-For, and no node is in the way of a drain.
        "target-type": "ip",
        "listen-ports": '[{"HTTP": 80}, {"HTTPS": 443}]',
        "ssl-redirect": "443",
        "ssl-policy": _TLS_POLICY,
        "certificate-arn": spec.certificate_arn,
        "healthcheck-path": health_path,
        "healthcheck-interval-seconds": "10",
        "healthcheck-timeout-seconds": "5",
        "healthy-threshold-count": "2",
        "unhealthy-threshold-count": "2",
        "load-balancer-attributes": _pairs(balancer),
        "target-group-attributes": _pairs(target),
    }
    if spec.tags:
        notes["tags"] = _pairs(spec.tags)
    return {f"alb.ingress.kubernetes.io/{key}": value for key, value in sorted(notes.items())}


def _pairs(values: dict[str, str]) -> str:
    return ",".join(f"{key}={value}" for key, value in sorted(values.items()))


class CertificateArgs(TypedDict):
    """Arguments of ``Certificate``."""

    hostname: str
    """The name that it is for."""
    hosted_zone_id: Input[str]
    """The zone of Route 53 in which AWS finds the proof that the name is ours."""
    tags: NotRequired[dict[str, str]]
    """Tags of the certificate."""


class Certificate(pulumi.ComponentResource):
    """A certificate of ACM, validated by a record in Route 53; AWS renews it by itself as long as the record stays."""

    arn: pulumi.Output[str]
    """Its ARN, known once it is valid."""

    def __init__(self, name: str, args: CertificateArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Checks the args and declares everything; ``ArgumentError`` before anything is declared."""
        given = Arguments.of("Certificate", name, args, CertificateArgs)
        hostname = given.text("hostname", "", _HOST, "a host name such as app.example.com")
        zone, tags = given.text_input("hosted_zone_id"), read_tags(given)
        super().__init__("pxl:index:Certificate", name, {}, opts)
        child = pulumi.ResourceOptions(parent=self)
        made = aws.acm.Certificate(
            f"{name}-certificate", domain_name=hostname, validation_method="DNS", tags=tags, opts=child
        )
        proof = made.domain_validation_options.apply(lambda options: options[0])
        record = aws.route53.Record(
            f"{name}-proof",
            zone_id=zone,
            name=proof.apply(lambda option: str(option.resource_record_name)),
            type=proof.apply(lambda option: str(option.resource_record_type)),
            records=[proof.apply(lambda option: str(option.resource_record_value))],
            ttl=60,
            # Another certificate for the same name is proved by the same record.
            allow_overwrite=True,
            opts=child,
        )
        valid = aws.acm.CertificateValidation(
            f"{name}-valid", certificate_arn=made.arn, validation_record_fqdns=[record.fqdn], opts=child
        )
        self.arn = valid.certificate_arn
        self.register_outputs({"arn": self.arn})
