"""What ``pxlctl up``, ``preview`` and ``down`` do, for any stack on any cluster."""

import json
import os
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import typer
from kubernetes import config as kube

from infra.environments import ENVIRONMENTS
from operations import checking, deploy
from operations import orphans as left
from operations.console import say, show, step
from operations.errors import Problem
from operations.pages import write_page
from operations.preview import changes
from operations.preview import page as previewed
from operations.proof.isolation import command as isolation
from operations.proof.isolation.declared import from_file, from_outputs
from operations.proof.isolation.prove import Options
from operations.stacks import Project, read_yaml, setting


def up(project: Project, stack: str, file: Path | None, *, as_json: bool = False) -> None:
    """Checks the settings, deploys, and prints the stack's outputs.

    Raises:
        Problem: If the settings, the engine or the rollout fails.
    """
    deployment = _prepare(project, stack, file)
    target = f"context {deployment.context}, " if deployment.context else ""
    with step(f"deploying stack {stack}", hint=f"{target}namespace {deployment.namespace}"):
        deploy.up(deployment)
    outputs = deploy.outputs(deployment)
    if as_json:
        show(json.dumps(outputs, indent=2, sort_keys=True))
        return
    for key, value in sorted(outputs.items()):
        # What is more than a line is for scripts: --json.
        if not isinstance(value, dict | list):
            show(f"{key}: {value}")


def preview(project: Project, stack: str, file: Path | None, page: Path | None = None) -> None:
    """Checks the settings and shows what would change.

    Args:
        project: The project.
        stack: Name of the stack.
        file: The settings file to use instead of ``Pulumi.<stack>.yaml``.
        page: Where to write it as a page for a pull request, too; also when it fails, with the reason.

    Raises:
        Problem: If the settings or the engine fail.
    """
    if page is None:
        # What it says is the result, so it goes where results go.
        deploy.preview(_prepare(project, stack, file), out=show)
        return
    with tempfile.TemporaryDirectory(prefix="pxl-preview-") as folder:
        log, failed = Path(folder) / "events", None
        try:
            deployment = _prepare(project, stack, file)
            # The engine hides this option unless it is asked to show everything; its own SDKs rely on it, too.
            deployment = replace(deployment, env={**deployment.env, "PULUMI_DEBUG_COMMANDS": "true"})
            deploy.preview(deployment, ["--event-log", str(log)], out=show)
        except Problem as problem:
            failed = problem
        write_page(page, previewed.markdown(stack, changes.read(log), failed))
        if failed is not None:
            raise failed


def prove_isolation(
    project: Project,
    stack: str,
    file: Path | None,
    links: Path | None,
    options: Options,
    *,
    page: Path | None,
    as_json: bool,
) -> bool:
    """Proves the isolation of a running stack; see ``operations.proof.isolation``.

    Args:
        project: The project.
        stack: Name of the stack.
        file: The settings file to use instead of ``Pulumi.<stack>.yaml``; it names the cluster.
        links: A file with the declared links; None for the stack's own outputs.
        options: How; kubeconfig and context win over those in the settings.
        page: Where to write the tables as a page, too.
        as_json: Whether scripts read the result.

    Returns:
        Whether it is exactly as declared.

    Raises:
        Problem: If the settings, the engine or the cluster do not allow it.
    """
    path = project.settings_file(stack, file)
    config = read_yaml(path).get("config") or {}
    deployment = _deployment(project, stack, path, config, explicit=file is not None)
    kubeconfig = options.kubeconfig or deployment.kubeconfig
    named = options.context or setting(config, "pxl:kubernetes.context")
    # The user's own current context is meant only where nothing else is named, as in `up`.
    context = named or (None if options.kubeconfig else deployment.context)
    options = replace(options, kubeconfig=kubeconfig, context=context)
    declared = from_file(links) if links else from_outputs(stack, deploy.outputs(deployment))
    command = f"pxlctl proof isolation {stack} --markdown {page}"
    return isolation.run(stack, declared, options, command=command, page=page, as_json=as_json)


def down(project: Project, stack: str, file: Path | None, *, yes: bool) -> None:
    """Asks, and takes the stack away.

    The settings are not checked: what is broken must still be removable. Their environment has to be
    readable, because a stack that may be production is not removed by this command.

    Raises:
        Problem: If it is production, nobody confirms, or the engine fails.
    """
    path = project.settings_file(stack, file)
    config = read_yaml(path).get("config") or {}
    _refuse_production(stack, path, setting(config, "pxl:environment"))
    deployment = _deployment(project, stack, path, config, explicit=file is not None)
    if not yes:
        _confirm(deployment)
    with step(f"removing stack {stack}"):
        deploy.destroy(deployment)


def orphans(deployment: deploy.Deployment, *, delete: bool, as_json: bool) -> bool:
    """Shows what is in the cluster and in no record of the state; deletes it as far as it may.

    Args:
        deployment: The stack.
        delete: Whether to delete what is certainly its own and holds no data.
        as_json: Prints for scripts.

    Returns:
        Whether nothing is left.

    Raises:
        Problem: If no cluster is named, or it or the state cannot be asked.
    """
    findings = left.find(deployment)
    gone = {orphan.uid for orphan in left.remove(deployment, findings)} if delete else set[str]()
    if as_json:
        document = findings.as_dict()
        for entry in document["orphans"]:
            entry["deleted"] = entry["uid"] in gone
        show(json.dumps({"stack": deployment.stack, **document}, indent=2))
    else:
        for orphan in findings.orphans:
            if orphan.uid in gone:
                say(f"deleted: {orphan.title}")
        show(replace(findings, orphans=tuple(one for one in findings.orphans if one.uid not in gone)).text())
    return all(orphan.uid in gone for orphan in findings.orphans)


def of_stack(project: Project, stack: str, file: Path | None) -> deploy.Deployment:
    """A stack as its settings name it, whether or not these are without mistakes.

    Raises:
        Problem: If there is no such stack.
    """
    path = project.settings_file(stack, file)
    return _deployment(project, stack, path, read_yaml(path).get("config") or {}, explicit=file is not None)


def _prepare(project: Project, stack: str, file: Path | None) -> deploy.Deployment:
    path = checking.require_clean(project, stack, file)
    say(f"✓ the settings in {path.name} hold no mistake")
    return _deployment(project, stack, path, read_yaml(path).get("config") or {}, explicit=file is not None)


def _deployment(
    project: Project, stack: str, path: Path, config: dict[str, Any], *, explicit: bool
) -> deploy.Deployment:
    environment = dict(os.environ)
    # The engine's Python host takes the first interpreter on PATH: it has to be the one that we run in.
    own = str(Path(sys.executable).parent)
    environment["PATH"] = os.pathsep.join([own, environment.get("PATH", os.defpath)])
    named = setting(config, "pxl:kubernetes.kubeconfig")
    kubeconfig = Path(named).expanduser() if isinstance(named, str) else None
    context = setting(config, "pxl:kubernetes.context")
    return deploy.Deployment(
        project_dir=project.folder,
        stack=stack,
        env=environment,
        config_file=path if explicit else None,
        kubeconfig=kubeconfig,
        context=context if isinstance(context, str) else _current_context(kubeconfig),
        namespace=str(setting(config, "pxl:namespace", f"pxl-{stack}")),
    )


def _current_context(kubeconfig: Path | None) -> str | None:
    """The context that the program will use when the settings name none; None if there is none at all."""
    try:
        _, active = kube.list_kube_config_contexts(config_file=str(kubeconfig) if kubeconfig else None)
    except (kube.ConfigException, OSError):
        return None
    return str(active["name"]) if active else None


def _refuse_production(stack: str, path: Path, environment: Any) -> None:
    if environment == "prod":
        raise Problem(
            f"stack {stack} is production, which this command does not remove",
            where=f"{path}, pxl:environment = prod",
            remedy=f"if it must go: save its data, then run the engine: pulumi destroy --stack {stack}",
        )
    if environment not in ENVIRONMENTS:
        raise Problem(
            f"it is not clear that stack {stack} is not production",
            where=str(path),
            why="pxl:environment is missing" if environment is None else f"pxl:environment is {environment!r}",
            remedy=f"set pxl:environment to one of {', '.join(ENVIRONMENTS)}",
        )


def _confirm(deployment: deploy.Deployment) -> None:
    if not sys.stdin.isatty():
        raise Problem(
            "removing a stack has to be confirmed",
            why="nobody is here to ask",
            remedy="add --yes if it is meant",
        )
    where = f" in context {deployment.context}" if deployment.context else ""
    what = f"stack {deployment.stack} (namespace {deployment.namespace}{where})"
    if not typer.confirm(f"Remove everything of {what}, data included?", err=True):
        raise Problem("nothing was removed", why="not confirmed")
