"""``pxlctl init``: the order in which a stack gets what it stands on, and what is said of it."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from infra.environments import ENVIRONMENTS, defaults
from operations.console import step
from operations.errors import Problem
from operations.init import authority, bucket, cluster, key, roles, stackfile
from operations.init.aws import Aws
from operations.init.names import Names
from operations.init.outcome import Outcome, Verb
from operations.stacks import Project, read_yaml, setting

_OWNER, _NAME, _ID = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,38})", r"[A-Za-z0-9._-]{1,100}", "@[0-9]{1,19}"
_REPOSITORY = f"{_OWNER}/{_NAME}|{_OWNER}{_ID}/{_NAME}{_ID}"


@dataclass(frozen=True)
class Options:
    """What the command line says.

    Attributes:
        account: The account that is meant; None for the one in the stack file.
        region: The region; likewise.
        cluster: The EKS cluster; likewise.
        repository: ``owner/name`` on GitHub, or ``owner@id/name@id``, as its tokens say it; None for no roles of CI.
        skip_ca: Whether the authorities of RDS are left out.
        ca_url: Where they are; None for AWS's own place.
        dry: Whether nothing may be changed.
        file: The settings file instead of ``Pulumi.<stack>.yaml``.
    """

    account: str | None = None
    region: str | None = None
    cluster: str | None = None
    repository: str | None = None
    skip_ca: bool = False
    ca_url: str | None = None
    dry: bool = False
    file: Path | None = None


@dataclass(frozen=True)
class Report:
    """What there is now.

    Attributes:
        stack: The stack.
        names: What everything is called.
        outcomes: What came of each part.
        following: What comes next: words, and a command or "".
        dry: Whether nothing was changed.
    """

    stack: str
    names: Names
    outcomes: tuple[Outcome, ...]
    following: tuple[tuple[str, str], ...]
    dry: bool


def run(project: Project, stack: str, options: Options, *, session: Any = None) -> Report:
    """Makes what a stack stands on, as far as it is not there; writes what the program has to know.

    Nothing is made before everything that can be looked up has been, and the stack file has room for it. What is made
    is found again by its name, so a run that ended in the middle is completed by the next one.

    Args:
        project: The project.
        stack: The stack.
        options: What the command line says.
        session: What makes AWS clients; the machine's own by default.

    Raises:
        Problem: Something is missing, contradicts the stack file, or AWS refuses.
    """
    path = project.settings_file(stack, options.file)
    config = read_yaml(path).get("config") or {}
    wanted = _wanted(stack, config, options)
    aws = Aws(wanted["region"], dry=options.dry, session=session)
    with step(f"looking at account {wanted['account']} in {wanted['region']}"):
        partition = _same_account(aws, wanted["account"], path)
        names = Names(_project_name(project), stack, wanted["account"], wanted["region"], partition)
        place = None if setting(config, "pxl:aws.platform") else cluster.find(aws, wanted["cluster"])
        lands = cluster.unsaid(aws, place, config) if place else {}
    additions: dict[str, Any] = {"pxl:aws": {**wanted, **lands}}
    ca = _authorities(config, names, options)
    if isinstance(ca, str):
        additions["pxl:postgres"] = {"ca": ca}
    top = _secrets_provider(path, names)
    text, added = stackfile.merged(path, additions, top=top)

    outcomes: list[Outcome] = []
    parts: list[Callable[[], Outcome]] = []
    with step(f"key {names.alias}"):
        outcome, arn = key.ensure(aws, names)
        outcomes.append(outcome)
    parts.append(lambda: bucket.ensure(aws, names, arn))
    repository = options.repository
    if repository:
        parts.append(lambda: roles.ensure_provider(aws, names))
        parts += [
            partial(roles.ensure, aws, names, repository, purpose, arn or "(the key)")
            for purpose in ("preview", "deploy")
        ]
    titles = [f"bucket {names.bucket}", "identity provider of GitHub", "preview role", "deploy role"]
    for title, part in zip(titles, parts, strict=False):
        with step(title):
            outcomes.append(part())
    if not repository:
        outcomes.append(Outcome("roles of CI", "without --repository owner/name none are made", Verb.SKIPPED))
    if isinstance(ca, Outcome):
        outcomes.append(ca)
    if added and not options.dry:
        stackfile.replace(path, text)
    outcomes.append(Outcome.of("stack file", path.name, added, made=False, dry=options.dry))
    return Report(stack, names, tuple(outcomes), _following(names, stack, wanted, config, repository), options.dry)


def _wanted(stack: str, config: dict[str, Any], options: Options) -> dict[str, str]:
    """Account, region and cluster: of the command line, or of the file; never two different ones.

    Raises:
        Problem: One is missing, malformed, or named twice.
    """
    forms = {
        "account": (r"[0-9]{12}", "12 digits"),
        "region": (r"[a-z]{2}(-[a-z]+)+-[0-9]", "such as eu-central-1"),
        "cluster": (r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}", "the name of an EKS cluster"),
    }
    found: dict[str, str] = {}
    for name, (form, words) in forms.items():
        given, declared = getattr(options, name), setting(config, f"pxl:aws.{name}")
        if given is not None and declared is not None and given != str(declared):
            raise Problem(
                f"--{name} says {given}, but pxl:aws.{name} is {declared}",
                why="a stack stays where it is: what runs there would be lost sight of",
                remedy=f"remove pxl:aws.{name} from the stack file if it is the example's, or leave --{name} out",
            )
        value = given if given is not None else declared
        if value is None:
            raise Problem(
                f"it is not said which {name} is meant",
                where=f"stack {stack}, pxl:aws.{name}",
                remedy=f"pxlctl init {stack} --{name} … ({words})",
            )
        if not isinstance(value, str) or not re.fullmatch(form, value):
            raise Problem(
                f"pxl:aws.{name} is not a {name}", why=f"{value!r}", remedy=f"give {words}, in quotes in the file"
            )
        found[name] = value
    if options.repository is not None and not re.fullmatch(_REPOSITORY, options.repository):
        raise Problem(
            f"{options.repository!r} is not a repository of GitHub",
            why="a role must trust exactly one, without wildcards",
            remedy="--repository owner/name, or owner@id/name@id where GitHub puts the ids into its tokens",
        )
    return found


def _same_account(aws: Aws, account: str, path: Path) -> str:
    """Refuses every other account.

    Returns:
        The partition of AWS that it is in.
    """
    caller = aws.ask("sts", "get_caller_identity")
    if caller["Account"] != account:
        raise Problem(
            f"these credentials are of account {caller['Account']}, but {account} is meant",
            where=f"{caller['Arn']}; {path.name}: pxl:aws.account",
            remedy="log in to the other one (export AWS_PROFILE=NAME); if the file still holds the example's ids, "
            "remove its lines below pxl:aws and name yours: --account, --region, --cluster",
        )
    return str(caller["Arn"]).split(":")[1]


def _project_name(project: Project) -> str:
    return str(project.definition().get("name") or "")


def _authorities(config: dict[str, Any], names: Names, options: Options) -> str | Outcome:
    """What goes into ``pxl:postgres.ca``, or why nothing does."""
    environment = setting(config, "pxl:environment")
    start = defaults(environment) if environment in ENVIRONMENTS else {}
    kind = setting(config, "pxl:postgres.kind", (start.get("postgres") or {}).get("kind"))
    if setting(config, "pxl:postgres.ca"):
        # AWS adds to the bundle now and then; which ones a stack trusts is the file's to say.
        return Outcome("authorities of RDS", "pxl:postgres.ca is set", Verb.THERE)
    if options.skip_ca or kind != "managed":
        why = "--skip-ca" if options.skip_ca else f"pxl:postgres.kind is {kind}"
        return Outcome("authorities of RDS", why, Verb.SKIPPED)
    url = options.ca_url or authority.address(names.region, names.partition)
    with step("fetching the authorities of RDS", hint=url):
        return authority.fetch(url, names.stack)


def _secrets_provider(path: Path, names: Names) -> dict[str, str]:
    """What stands beside ``config``.

    Raises:
        Problem: The stack's secrets are under a passphrase: that has to be changed over, not overwritten.
    """
    if "encryptionsalt" in read_yaml(path):
        raise Problem(
            f"the secrets of stack {names.stack} are under a passphrase",
            where=f"{path.name}: encryptionsalt",
            why="they could not be read any more if the key were simply named beside it",
            remedy="for a stack that was never deployed: remove encryptionsalt and every 'secure' value. Else, once "
            f"the key is there: pulumi stack change-secrets-provider '{names.secrets_provider}' --stack {names.stack}",
        )
    return {stackfile.PROVIDER: names.secrets_provider}


def _following(
    names: Names, stack: str, wanted: dict[str, str], config: dict[str, Any], repository: str | None
) -> tuple[tuple[str, str], ...]:
    there = f"--region {names.region} --cluster-name {wanted['cluster']}"
    access = (
        f"aws eks create-access-entry {there} --principal-arn {{role}} && "
        f"aws eks associate-access-policy {there} --principal-arn {{role}} --access-scope type=cluster --policy-arn "
        f"arn:{names.partition}:eks::aws:cluster-access-policy/{{policy}}"
    )
    steps = [
        ("see that the settings hold no mistake", f"pxlctl check {stack}"),
        ("use the bucket for the engine's state", f"pulumi login '{names.backend}'"),
        (
            "make the stack, with its key (once)",
            f"pulumi stack init {stack} --secrets-provider '{names.secrets_provider}'",
        ),
        ("commit the stack file, with the key that the engine wrote into it", f"git commit Pulumi.{stack}.yaml"),
    ]
    if not setting(config, "pxl:release.digest"):
        steps += [
            ("deploy once without a release: it makes the registry", f"pxlctl up {stack}"),
            ("push the image there, put its digest under pxl:release, deploy again", f"pxlctl up {stack}"),
        ]
    if repository:
        steps += _of_ci(names, stack, repository, access)
    return tuple(steps)


def _of_ci(names: Names, stack: str, repository: str, access: str) -> list[tuple[str, str]]:
    """What makes the roles of CI usable; first what keeps them from being used by others."""
    slug = re.sub(_ID, "", repository)
    environment = f"repos/{slug}/environments/{stack}"
    variables = f"gh variable set {{name}}_{stack.upper().replace('-', '_')} --repo {slug} --body {{value}}"
    steps = [
        (
            f"close the environment {stack} of the repository to all branches: GitHub makes it, open, for any job that "
            "names it",
            f"gh api --method PUT {environment} -F 'deployment_branch_policy[protected_branches]=false' "
            "-F 'deployment_branch_policy[custom_branch_policies]=true'",
        ),
        (
            "and open it to main; add reviewers if you like",
            f"gh api --method POST {environment}/deployment-branch-policies -f name=main",
        ),
    ]
    for purpose, policy in (("preview", "AmazonEKSViewPolicy"), ("deploy", "AmazonEKSClusterAdminPolicy")):
        role = names.role_arn(purpose)
        steps.append((f"let the {purpose} role into the cluster", access.format(role=role, policy=policy)))
    steps.append(
        (
            "tell the workflow of pull requests its role",
            variables.format(name="PREVIEW_ROLE", value=names.role_arn("preview")),
        )
    )
    if slug == repository:
        steps.append(
            (
                "if the repository was made, renamed or moved since 15 July 2026: its tokens say ids, and the roles "
                "must trust these",
                f'pxlctl init {stack} --repository "$(gh api repos/{slug} '
                """--jq '"\\(.owner.login)@\\(.owner.id)/\\(.name)@\\(.id)"')\"""",
            )
        )
    return steps
