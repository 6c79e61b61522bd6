"""IAM: roles, their policies, and what is attached to them."""

import json
from typing import Any
from urllib.parse import unquote

from botocore.exceptions import ClientError

from local.standins.aws.compare import document
from local.standins.aws.errors import absent_is_none, code_of
from local.standins.aws.reaching import Aws
from local.standins.aws.services.shaping import named, retag, tag_list, tags_of
from local.standins.aws.types import Change, Name, Obj, Type
from local.standins.serve import Failed

_CREATED_WITH = {
    "name": "RoleName", "assumeRolePolicy": "AssumeRolePolicyDocument", "path": "Path", "description": "Description",
    "maxSessionDuration": "MaxSessionDuration", "permissionsBoundary": "PermissionsBoundary",
}  # fmt: skip


def _create(aws: Aws, given: Obj) -> str:
    if given.get("inlinePolicies") or given.get("managedPolicyArns"):
        raise Failed(
            "the local stand-in for aws takes no policies inside aws:iam/role:Role; next: declare each as an "
            "aws:iam/rolePolicy or aws:iam/rolePolicyAttachment of its own"
        )
    aws.client("iam").create_role(**named(given, _CREATED_WITH), Tags=tag_list(given.get("tags")))
    return given["name"]


def _update(aws: Aws, name: str, change: Change) -> None:
    iam, new = aws.client("iam"), change.new
    if change.of("assumeRolePolicy"):
        iam.update_assume_role_policy(RoleName=name, PolicyDocument=new["assumeRolePolicy"])
    if change.of("description", "maxSessionDuration"):
        iam.update_role(
            RoleName=name,
            Description=new.get("description") or "",
            MaxSessionDuration=new.get("maxSessionDuration") or 3600,
        )
    if change.of("permissionsBoundary"):
        if new.get("permissionsBoundary"):
            iam.put_role_permissions_boundary(RoleName=name, PermissionsBoundary=new["permissionsBoundary"])
        elif change.old:
            iam.delete_role_permissions_boundary(RoleName=name)
    retag(
        change,
        lambda tags: iam.tag_role(RoleName=name, Tags=tag_list(tags)),
        lambda names: iam.untag_role(RoleName=name, TagKeys=names),
    )


def _text(policy: Any) -> str:
    # boto3 parses a document that AWS sends, and leaves alone what it cannot.
    return policy if isinstance(policy, str) else json.dumps(policy)


def _shown(policy: Any, known: Any) -> str:
    """The policy as the program spelled it where both mean the same."""
    text = unquote(_text(policy))
    return known if isinstance(known, str) and document(known) == document(text) else text


def _read(aws: Aws, name: str, known: Obj) -> Obj | None:
    found: Any = absent_is_none(lambda: aws.client("iam").get_role(RoleName=name)["Role"])
    if found is None:
        return None
    return {
        "name": found["RoleName"],
        "arn": found["Arn"],
        "uniqueId": found["RoleId"],
        "path": found["Path"],
        "description": found.get("Description"),
        "createDate": found["CreateDate"].isoformat(),
        "maxSessionDuration": found.get("MaxSessionDuration"),
        "assumeRolePolicy": _shown(found["AssumeRolePolicyDocument"], known.get("assumeRolePolicy")),
        "permissionsBoundary": (found.get("PermissionsBoundary") or {}).get("PermissionsBoundaryArn"),
        "tags": tags_of(found.get("Tags")),
    }


def _delete(aws: Aws, name: str, known: Obj) -> None:
    iam = aws.client("iam")
    try:
        iam.delete_role(RoleName=name)
    except ClientError as error:
        if code_of(error) != "DeleteConflict" or not known.get("forceDetachPolicies"):
            raise
        for policy in iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]:
            iam.detach_role_policy(RoleName=name, PolicyArn=policy["PolicyArn"])
        for policy in iam.list_role_policies(RoleName=name)["PolicyNames"]:
            iam.delete_role_policy(RoleName=name, PolicyName=policy)
        iam.delete_role(RoleName=name)


def _put_policy(aws: Aws, given: Obj) -> str:
    aws.client("iam").put_role_policy(RoleName=given["role"], PolicyName=given["name"], PolicyDocument=given["policy"])
    return f"{given['role']}:{given['name']}"


def _update_policy(aws: Aws, policy_id: str, change: Change) -> None:
    _put_policy(aws, change.new)


def _read_policy(aws: Aws, policy_id: str, known: Obj) -> Obj | None:
    role, _, name = policy_id.partition(":")
    found: Any = absent_is_none(lambda: aws.client("iam").get_role_policy(RoleName=role, PolicyName=name))
    if found is None:
        return None
    return {"role": role, "name": name, "policy": _shown(found["PolicyDocument"], known.get("policy"))}


def _delete_policy(aws: Aws, policy_id: str, known: Obj) -> None:
    role, _, name = policy_id.partition(":")
    aws.client("iam").delete_role_policy(RoleName=role, PolicyName=name)


def _attach(aws: Aws, given: Obj) -> str:
    aws.client("iam").attach_role_policy(RoleName=given["role"], PolicyArn=given["policyArn"])
    return f"{given['role']}/{given['policyArn']}"


def _read_attachment(aws: Aws, attachment: str, known: Obj) -> Obj | None:
    role, _, arn = attachment.partition("/")
    found: Any = absent_is_none(
        lambda: aws.client("iam").list_attached_role_policies(RoleName=role)["AttachedPolicies"]
    )
    is_there = any(policy["PolicyArn"] == arn for policy in found or [])
    return {"role": role, "policyArn": arn} if is_there else None


def _detach(aws: Aws, attachment: str, known: Obj) -> None:
    role, _, arn = attachment.partition("/")
    aws.client("iam").detach_role_policy(RoleName=role, PolicyArn=arn)


TYPES = (
    Type(
        token="aws:iam/role:Role",
        create=_create,
        read=_read,
        update=_update,
        delete=_delete,
        replaces=frozenset({"name", "namePrefix", "path"}),
        name=Name(limit=64),
        regional=False,
    ),
    Type(
        token="aws:iam/rolePolicy:RolePolicy",
        create=_put_policy,
        read=_read_policy,
        update=_update_policy,
        delete=_delete_policy,
        replaces=frozenset({"name", "namePrefix", "role"}),
        name=Name(limit=128),
        tagged=False,
        regional=False,
    ),
    Type(
        token="aws:iam/rolePolicyAttachment:RolePolicyAttachment",
        create=_attach,
        read=_read_attachment,
        delete=_detach,
        tagged=False,
        regional=False,
    ),
)
