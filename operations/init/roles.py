"""The roles that CI takes with GitHub's own tokens: one that reads for pull requests, one that deploys."""

from typing import Any

from operations.errors import Problem
from operations.init import documents
from operations.init.aws import Aws
from operations.init.names import OIDC_HOST, Names
from operations.init.outcome import Outcome

_NONE = ("NoSuchEntity",)
_SESSION_SECONDS = 3600


def ensure_provider(aws: Aws, names: Names) -> Outcome:
    """Makes GitHub known to the account, or lets its tokens be meant for STS.

    Raises:
        Problem: AWS refuses.
    """
    began = len(aws.changes)
    found = aws.ask("iam", "get_open_id_connect_provider", missing=_NONE, OpenIDConnectProviderArn=names.oidc_arn)
    if found is None:
        # Without a thumbprint: AWS checks GitHub's certificate by the authorities that it trusts itself.
        aws.change(
            f"identity provider {OIDC_HOST}", "iam", "create_open_id_connect_provider",
            Url=f"https://{OIDC_HOST}", ClientIDList=[documents.AUDIENCE],
        )  # fmt: skip
    elif documents.AUDIENCE not in found.get("ClientIDList", []):
        aws.change(
            f"tokens for {documents.AUDIENCE}", "iam", "add_client_id_to_open_id_connect_provider",
            OpenIDConnectProviderArn=names.oidc_arn, ClientID=documents.AUDIENCE,
        )  # fmt: skip
    # It belongs to every repository that deploys into the account, so nobody's tags are on it.
    return Outcome.of("identity provider", names.oidc_arn, aws.changes[began:], made=found is None, dry=aws.dry)


def ensure(aws: Aws, names: Names, repository: str, purpose: str, key: str) -> Outcome:
    """Makes a role, or brings it back to what it is meant to be.

    Args:
        aws: The account.
        names: What it is called.
        repository: ``owner/name`` on GitHub.
        purpose: ``preview`` or ``deploy``.
        key: ARN of the key of the state.

    Raises:
        Problem: AWS refuses, or a role of this name belongs to something else.
    """
    began = len(aws.changes)
    name, wanted = names.role(purpose), documents.trust(names, repository, purpose)
    found = (aws.ask("iam", "get_role", missing=_NONE, RoleName=name) or {}).get("Role")
    if found is None:
        aws.change(
            f"role {name}", "iam", "create_role",
            RoleName=name, AssumeRolePolicyDocument=documents.text(wanted), MaxSessionDuration=_SESSION_SECONDS,
            Description=f"{purpose} of stack {names.stack}, for jobs of {repository}",
            Tags=[{"Key": key, "Value": value} for key, value in names.tags.items()],
        )  # fmt: skip
    else:
        _must_be_ours(names, found)
        if not documents.same(found["AssumeRolePolicyDocument"], wanted):
            aws.change(
                f"trust: {repository} only", "iam", "update_assume_role_policy",
                RoleName=name, PolicyDocument=documents.text(wanted),
            )  # fmt: skip
    inline = documents.preview(names, key) if purpose == "preview" else documents.deploy(names, key)
    # In this order: what it must not do comes before what it may.
    for policy, document in inline.items():
        _inline(aws, name, policy, document)
    _managed(aws, names, name, [documents.read_only(names)] if purpose == "preview" else [])
    return Outcome.of(f"{purpose} role", names.role_arn(purpose), aws.changes[began:], made=found is None, dry=aws.dry)


def _inline(aws: Aws, role: str, policy: str, wanted: dict[str, Any]) -> None:
    found = aws.ask("iam", "get_role_policy", missing=_NONE, RoleName=role, PolicyName=policy)
    if found is None or not documents.same(found["PolicyDocument"], wanted):
        aws.change(
            f"policy {policy}", "iam", "put_role_policy",
            RoleName=role, PolicyName=policy, PolicyDocument=documents.text(wanted),
        )  # fmt: skip


def _managed(aws: Aws, names: Names, role: str, wanted: list[str]) -> None:
    answer = aws.ask("iam", "list_attached_role_policies", missing=_NONE, RoleName=role) or {}
    attached = [policy["PolicyArn"] for policy in answer.get("AttachedPolicies") or []]
    for arn in wanted:
        if arn not in attached:
            aws.change(f"policy {arn.rpartition('/')[2]}", "iam", "attach_role_policy", RoleName=role, PolicyArn=arn)
    if extra := [arn for arn in attached if arn not in wanted]:
        raise Problem(
            f"the role {role} has more rights than it is meant to have",
            where=names.arn("iam", f"role/{role}", region=False),
            why=f"somebody attached {', '.join(extra)}",
            remedy=f"aws iam detach-role-policy --role-name {role} --policy-arn {extra[0]}",
        )


def _must_be_ours(names: Names, role: dict[str, Any]) -> None:
    tags = {tag["Key"]: tag["Value"] for tag in role.get("Tags") or []}
    if not tags.items() >= names.tags.items():
        raise Problem(
            f"there is a role {role['RoleName']} already, and it is not this stack's",
            where=str(role["Arn"]),
            why=f"it lacks the tags {', '.join(f'{key}={value}' for key, value in names.tags.items())}",
            remedy="delete it if nothing uses it, or add these tags if init may make it its own",
        )
