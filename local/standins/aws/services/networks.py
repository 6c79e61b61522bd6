"""EC2: security groups and their rules."""

from typing import Any

from local.standins.aws.errors import absent_is_none
from local.standins.aws.reaching import Aws
from local.standins.aws.services.shaping import named, retag, tag_list, tags_of
from local.standins.aws.types import Change, Name, Obj, Type
from local.standins.serve import Failed

_RULE = {
    "ipProtocol": "IpProtocol", "fromPort": "FromPort", "toPort": "ToPort", "cidrIpv4": "CidrIpv4",
    "cidrIpv6": "CidrIpv6", "prefixListId": "PrefixListId", "description": "Description",
    "referencedSecurityGroupId": "ReferencedGroupId",
}  # fmt: skip


def _retag(ec2: Any, resource_id: str, change: Change) -> None:
    retag(
        change,
        lambda tags: ec2.create_tags(Resources=[resource_id], Tags=tag_list(tags)),
        lambda names: ec2.delete_tags(Resources=[resource_id], Tags=[{"Key": name} for name in names]),
    )


def _tagged(kind: str, given: Obj) -> Obj:
    tags = tag_list(given.get("tags"))
    return {"TagSpecifications": [{"ResourceType": kind, "Tags": tags}]} if tags else {}


def _create_group(aws: Aws, given: Obj) -> str:
    if given.get("ingress") or given.get("egress"):
        raise Failed(
            "the local stand-in for aws takes no rules inside aws:ec2/securityGroup:SecurityGroup; next: declare each "
            "as an aws:vpc/securityGroupIngressRule or EgressRule of its own"
        )
    made = aws.client("ec2").create_security_group(
        GroupName=given["name"],
        Description=given["description"],
        **named(given, {"vpcId": "VpcId"}),
        **_tagged("security-group", given),
    )
    return made["GroupId"]


def _update_group(aws: Aws, group_id: str, change: Change) -> None:
    ec2 = aws.client("ec2")
    if not change.old:
        # As the official provider does: what may leave is said by rules, and AWS' rule for all would be one more.
        opened = ec2.describe_security_groups(GroupIds=[group_id])["SecurityGroups"][0]["IpPermissionsEgress"]
        if opened and not change.state:
            ec2.revoke_security_group_egress(GroupId=group_id, IpPermissions=opened)
    _retag(ec2, group_id, change)


def _read_group(aws: Aws, group_id: str, known: Obj) -> Obj | None:
    found: Any = absent_is_none(lambda: aws.client("ec2").describe_security_groups(GroupIds=[group_id]))
    if found is None or not found["SecurityGroups"]:
        return None
    group = found["SecurityGroups"][0]
    return {
        "arn": aws.arn("ec2", f"security-group/{group_id}"),
        "name": group["GroupName"],
        "description": group["Description"],
        "vpcId": group.get("VpcId"),
        "ownerId": group["OwnerId"],
        "tags": tags_of(group.get("Tags")),
    }


def _delete_group(aws: Aws, group_id: str, known: Obj) -> None:
    aws.client("ec2").delete_security_group(GroupId=group_id)


def _permission(given: Obj) -> Obj:
    said = {"Description": given["description"]} if given.get("description") else {}
    sources = {
        "cidrIpv4": ("IpRanges", "CidrIp"), "cidrIpv6": ("Ipv6Ranges", "CidrIpv6"),
        "prefixListId": ("PrefixListIds", "PrefixListId"),
        "referencedSecurityGroupId": ("UserIdGroupPairs", "GroupId"),
    }  # fmt: skip
    found = {where: [{key: given[name], **said}] for name, (where, key) in sources.items() if given.get(name)}
    if len(found) != 1:
        raise Failed(f"a rule of a security group has exactly one of {', '.join(sources)}")
    return {**named(given, {"ipProtocol": "IpProtocol", "fromPort": "FromPort", "toPort": "ToPort"}), **found}


def _make_rule(aws: Aws, given: Obj, direction: str) -> str:
    ec2 = aws.client("ec2")
    call = ec2.authorize_security_group_ingress if direction == "ingress" else ec2.authorize_security_group_egress
    made = call(
        GroupId=given["securityGroupId"],
        IpPermissions=[_permission(given)],
        **_tagged("security-group-rule", given),
    )
    return made["SecurityGroupRules"][0]["SecurityGroupRuleId"]


def _create_ingress(aws: Aws, given: Obj) -> str:
    return _make_rule(aws, given, "ingress")


def _create_egress(aws: Aws, given: Obj) -> str:
    return _make_rule(aws, given, "egress")


def _update_rule(aws: Aws, rule_id: str, change: Change) -> None:
    ec2 = aws.client("ec2")
    if change.of(*_RULE):
        wanted = named(change.new, _RULE)
        # "All" has no ports, and this call wants them all the same.
        ports = {"FromPort": -1, "ToPort": -1} if wanted["IpProtocol"] == "-1" else {}
        ec2.modify_security_group_rules(
            GroupId=change.new["securityGroupId"],
            SecurityGroupRules=[{"SecurityGroupRuleId": rule_id, "SecurityGroupRule": {**ports, **wanted}}],
        )
    _retag(ec2, rule_id, change)


def _read_rule(aws: Aws, rule_id: str, known: Obj) -> Obj | None:
    ec2 = aws.client("ec2")
    found: Any = absent_is_none(
        lambda: ec2.describe_security_group_rules(SecurityGroupRuleIds=[rule_id])["SecurityGroupRules"]
    )
    rule = next((rule for rule in found or [] if rule["SecurityGroupRuleId"] == rule_id), None)
    if rule is None:
        return None
    other = (rule.get("ReferencedGroupInfo") or {}).get("GroupId")
    return {
        "arn": aws.arn("ec2", f"security-group-rule/{rule_id}"),
        "securityGroupRuleId": rule_id,
        "securityGroupId": rule["GroupId"],
        "ipProtocol": rule["IpProtocol"],
        # AWS says -1 where there is no port.
        "fromPort": rule.get("FromPort") if rule.get("FromPort") != -1 else known.get("fromPort"),
        "toPort": rule.get("ToPort") if rule.get("ToPort") != -1 else known.get("toPort"),
        "cidrIpv4": rule.get("CidrIpv4"),
        "cidrIpv6": rule.get("CidrIpv6"),
        "prefixListId": rule.get("PrefixListId"),
        "referencedSecurityGroupId": other,
        "description": rule.get("Description") or None,
        "tags": tags_of(rule.get("Tags")),
    }


def _delete_ingress(aws: Aws, rule_id: str, known: Obj) -> None:
    aws.client("ec2").revoke_security_group_ingress(GroupId=known["securityGroupId"], SecurityGroupRuleIds=[rule_id])


def _delete_egress(aws: Aws, rule_id: str, known: Obj) -> None:
    aws.client("ec2").revoke_security_group_egress(GroupId=known["securityGroupId"], SecurityGroupRuleIds=[rule_id])


TYPES = (
    Type(
        token="aws:ec2/securityGroup:SecurityGroup",
        create=_create_group,
        read=_read_group,
        update=_update_group,
        delete=_delete_group,
        completes=True,
        replaces=frozenset({"name", "namePrefix", "description", "vpcId"}),
        name=Name(),
        defaults={"description": "Managed by Pulumi"},
    ),
    Type(
        token="aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule",
        create=_create_ingress,
        read=_read_rule,
        update=_update_rule,
        delete=_delete_ingress,
        replaces=frozenset({"securityGroupId"}),
    ),
    Type(
        token="aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule",
        create=_create_egress,
        read=_read_rule,
        update=_update_rule,
        delete=_delete_egress,
        replaces=frozenset({"securityGroupId"}),
    ),
)
