"""Settings of AWS that cannot hold together: where a stack lands, and its front door."""

from collections.abc import Iterator

from infra.settings.aws import FrontDoor
from infra.settings.contradiction import Contradiction, Rule
from infra.settings.model import RegistryKind, Settings
from infra.settings.stores import StoreKind


def _account(settings: Settings) -> Iterator[Contradiction]:
    if settings.aws is not None:
        return
    needs = {
        "postgres.kind": settings.postgres.kind is StoreKind.MANAGED,
        "redis.kind": settings.redis.kind is StoreKind.MANAGED,
        "registry.kind": settings.registry.kind is RegistryKind.ECR,
        "ingress.kind": settings.ingress.kind is FrontDoor.ALB,
    }
    if wanting := [key for key, needed in needs.items() if needed]:
        yield Contradiction(
            ("aws", *wanting), None, f"is missing, but {' and '.join(wanting)} ask for AWS",
            "run 'pxlctl init STACK', which writes it, or set pxl:aws.account, region and cluster",
        )  # fmt: skip


def _place(settings: Settings) -> Iterator[Contradiction]:
    aws = settings.aws
    if aws is None:
        return
    given = {"vpcId": aws.vpc_id, "subnetIds": aws.subnet_ids, "nodeSecurityGroupId": aws.node_security_group_id}
    if aws.platform is not None:
        for key, value in given.items():
            if value:
                yield Contradiction(
                    (f"aws.{key}", "aws.platform"), value, "is set, but aws.platform says it, too", "remove one of them"
                )
        return
    for key, value in given.items():
        if not value:
            yield Contradiction(
                (f"aws.{key}", "aws.platform"), None, "is missing: it says where on AWS the stack lands",
                f"pulumi config set --path 'pxl:aws.{key}' ..., or name the stack that made it under aws.platform",
            )  # fmt: skip
    if len(set(aws.subnet_ids)) == 1:
        yield Contradiction(
            ("aws.subnetIds",), aws.subnet_ids, "is one subnet, but RDS wants two in different zones",
            "add one in another zone",
        )  # fmt: skip


def _front_door(settings: Settings) -> Iterator[Contradiction]:
    door = settings.ingress
    names = {"hostname": door.hostname, "certificateArn": door.certificate_arn, "hostedZoneId": door.hosted_zone_id}
    if door.kind is FrontDoor.NONE:
        for key, value in names.items():
            if value is not None:
                yield Contradiction(
                    (f"ingress.{key}", "ingress.kind"), value, "is set, but ingress.kind is none", "set it to alb"
                )
        return
    if door.hostname is None:
        yield Contradiction(
            ("ingress.hostname", "ingress.kind"), None, "is missing: no certificate is for nobody",
            "pulumi config set --path 'pxl:ingress.hostname' app.example.com",
        )  # fmt: skip
    if (door.certificate_arn is None) == (door.hosted_zone_id is None):
        both = door.certificate_arn is not None
        yield Contradiction(
            ("ingress.certificateArn", "ingress.hostedZoneId"), door.certificate_arn,
            "and ingress.hostedZoneId are both set" if both else "is missing, and so is ingress.hostedZoneId",
            "give one of them: a certificate that exists, or the zone in which a new one can be validated",
        )  # fmt: skip


RULES: tuple[Rule, ...] = (_account, _place, _front_door)
