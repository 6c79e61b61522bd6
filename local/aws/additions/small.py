"""Single calls that moto lacks, or does wrong, in services that it has: RDS, EC2, CloudWatch Logs, ACM."""

import secrets
from typing import Any

from moto.acm import urls as acm_urls
from moto.acm.responses import AWSCertificateManagerResponse
from moto.core.responses import ActionResult, EmptyResult
from moto.ec2.models.security_groups import SecurityGroupRule
from moto.logs import urls as logs_urls
from moto.logs.responses import LogsResponse
from moto.rds import urls as rds_urls
from moto.rds.responses import RDSResponse

from local.aws.additions.common import refuse, take_over

ADDITIONS = {
    "rds ResetDBParameterGroup": "moto has none",
    "rds ModifyDBSubnetGroup": "moto loses the group that it changes",
    "rds CreateDBInstance": "moto gives every instance the same resource id",
    "ec2 DescribeSecurityGroupRules": "moto forgets what a rule says of itself that names another security group",
    "logs AssociateKmsKey, DisassociateKmsKey": "moto has neither",
    "acm UpdateCertificateOptions": "moto has none",
}
"""What is added, and why."""

_DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"


class _Rds(RDSResponse):
    def create_db_instance(self) -> ActionResult:
        """With a resource id of its own."""
        answer = super().create_db_instance()
        made: Any = self.backend.databases[self.params["DBInstanceIdentifier"].lower()]
        made.dbi_resource_id = f"db-{''.join(secrets.choice(_DIGITS) for _ in range(26))}"
        return answer

    def reset_db_parameter_group(self) -> ActionResult:
        """Takes values back to the family's."""
        name = self.params["DBParameterGroupName"]
        groups: Any = self.backend.db_parameter_groups
        if name not in groups:
            raise refuse("DBParameterGroupNotFound", f"DBParameterGroup {name} not found.")
        if self.params.get("ResetAllParameters"):
            groups[name].parameters.clear()
        for entry in self.params.get("Parameters") or []:
            groups[name].parameters.pop(entry["ParameterName"], None)
        return ActionResult({"DBParameterGroupName": name})

    def modify_db_subnet_group(self) -> ActionResult:
        """Gives one other subnets, and keeps it."""
        answer = super().modify_db_subnet_group()
        group: Any = answer.result["DBSubnetGroup"]  # pyright: ignore[reportIndexIssue]
        self.backend.subnet_groups[self.params["DBSubnetGroupName"]] = group
        return answer


class _Logs(LogsResponse):
    def associate_kms_key(self) -> str:
        """Encrypts what is logged from now on with a key."""
        return self._keyed(self._get_param("kmsKeyId"))

    def disassociate_kms_key(self) -> str:
        """Encrypts it with AWS' own key again."""
        return self._keyed(None)

    def _keyed(self, key: str | None) -> str:
        name = self._get_param("logGroupName")
        groups: Any = self.logs_backend.groups
        if name not in groups:
            raise refuse("ResourceNotFoundException", "The specified log group does not exist.")
        groups[name].kms_key_id = key
        return ""


class _Acm(AWSCertificateManagerResponse):
    def update_certificate_options(self) -> EmptyResult:
        """Takes the options; nothing here logs certificates."""
        self.acm_backend.get_certificate(self._get_param("CertificateArn"))
        return EmptyResult()


def _description(rule: Any) -> str | None:
    return rule.ip_range.get("Description") or (rule.source_group or {}).get("Description")


def install() -> None:
    """Has this module answer for these services."""
    setattr(SecurityGroupRule, "description", property(_description))  # noqa: B010 - moto's has no setter
    take_over(rds_urls, _Rds)
    take_over(logs_urls, _Logs)
    take_over(acm_urls, _Acm)
