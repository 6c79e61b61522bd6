"""``make up``: from whatever is there to an app that answers, step by step, each of them idempotent."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from infra.settings import Settings, SettingsError, from_stack_file
from infra.settings.model import RegistryKind
from local import answering, autoscalers, disk, engine, images, node, platform, stackfile, stacks
from local.engine import Engine
from local.node import host
from local.paths import CHECKOUT, State, cache_dir
from local.platform import Platform
from local.rehearsal import stage
from local.stacks import STACK
from operations import deploy
from operations.console import say, step, warn
from operations.engine import state as engine_state
from operations.errors import Problem

_OF_REGISTRY = "pxl:index:ContainerRegistry$kubernetes:"
_ANSWER_SECONDS = 60


def up(
    state: State,
    *,
    app: Path,
    port: int | None = None,
    context: str | None = None,
    overrides: Mapping[str, Any] | None = None,
) -> str:
    """Brings the dev stack up and returns where it answers.

    Args:
        state: The state folder.
        app: Folder with the app's Dockerfile; built here, on the embedded node only.
        port: The port of 127.0.0.1 that leads to the app; None for the one it had, at first 8080.
        context: A context of the user's kubeconfig to deploy to instead of the embedded node.
        overrides: Settings that win over those of the stack file, by key with ``pxl:``; on the embedded node only.

    Raises:
        Problem: With what to do next; nothing is left that the next run trips over.
    """
    settings = _settings(_draft(state, overrides)) if overrides else _settings()
    if context is None and settings.registry.kind is not RegistryKind.CLUSTER:
        raise Problem(
            "The embedded node cannot pull from a registry elsewhere.",
            where=f"Pulumi.{STACK}.yaml: pxl:registry.kind = {settings.registry.kind.value}",
            remedy="remove pxl:registry.kind, or use a cluster of your own: make up KUBE_CONTEXT=name",
        )
    if context is None:
        # Before anything that takes minutes.
        host.require()
        images.Context.read(app)
    used = engine.ensure()
    engine.end_leftovers(state)
    if context:
        return _on_cluster(state.for_context(context), used, platform.named(context), settings)
    try:
        target = platform.embedded(state, port, stage.dns_rules(state))
        return _on_node(state, used, replace(target, overrides=overrides or {}), settings, app)
    except Problem as problem:
        raise disk.named(problem, state.folder, cache_dir()) from problem


def preview(state: State, stack: str) -> None:
    """Says what would change in a stack; of the dev stack, on the platform as the last ``up`` left it.

    Raises:
        Problem: There is no such stack, or the engine refuses its settings.
    """
    source = CHECKOUT / f"Pulumi.{stack}.yaml"
    if not source.exists():
        remedy = f"name one of {', '.join(path.name.split('.')[1] for path in sorted(CHECKOUT.glob('Pulumi.*.yaml')))}"
        raise Problem(f"There is no stack {stack!r}.", where=str(source), remedy=remedy)
    used = engine.ensure()
    used.plugins(state, engine.WITH_AWS if stackfile.settings(source, "pxl:aws") else engine.ALWAYS)
    copy = state.path(source.name)
    kept = stackfile.settings(copy, "pxl:kubernetes", "pxl:images", "pxl:release") if stack == STACK else {}
    stackfile.write_copy(source, copy, kept)
    env = used.env(state)
    stacks.ensure(state, stack, env, copy)
    deploy.preview(deploy.Deployment(project_dir=CHECKOUT, stack=stack, env=env, config_file=copy))


def deployment(state: State, used: Engine, target: Platform) -> deploy.Deployment:
    """The dev stack on a platform, as the engine needs it."""
    return deploy.Deployment(
        project_dir=CHECKOUT,
        stack=STACK,
        env=environment(state, used, target),
        config_file=copy_of_stack_file(state),
        kubeconfig=target.kubeconfig,
        context=target.context,
        namespace=_settings().namespace or f"pxl-{STACK}",
        cluster_check="make status" if target.node else "",
    )


def existing(state: State, context: str | None) -> deploy.Deployment:
    """The dev stack where an earlier ``up`` has put it; nothing is started or changed.

    Args:
        state: The state folder.
        context: The context that ``up`` was given, if it was.

    Raises:
        Problem: There is none.
    """
    of_stack = state.for_context(context) if context else state
    found = None if context else node.running(state)
    if not copy_of_stack_file(of_stack).exists() or not (context or found):
        remedy = f"make up{f' KUBE_CONTEXT={context}' if context else ''}"
        raise Problem(f"There is no stack {STACK} here.", where=str(of_stack.folder), remedy=remedy)
    used = engine.ensure()
    used.plugins(of_stack)
    target = Platform(found.kubeconfig, found.context, {}, found) if found else platform.named(str(context))
    return deployment(of_stack, used, target)


def environment(state: State, used: Engine, target: Platform) -> dict[str, str]:
    """The engine's environment; a cluster that the user named is one that a stand-in may touch."""
    env = used.env(state)
    return env if target.node else {**env, "PXL_STANDIN_CONTEXT": target.context}


def copy_of_stack_file(state: State) -> Path:
    """The stack file that the engine reads and writes; the committed one stays clean."""
    return state.path(f"Pulumi.{STACK}.yaml")


def _draft(state: State, overrides: Mapping[str, Any]) -> Path:
    """The stack file with what wins over it here, to be checked before anything is touched."""
    draft = state.path("overridden", f"Pulumi.{STACK}.yaml")
    stackfile.write_copy(CHECKOUT / draft.name, draft, overrides)
    return draft


def _settings(source: Path = CHECKOUT / f"Pulumi.{STACK}.yaml") -> Settings:
    try:
        return from_stack_file(source)
    except SettingsError as error:
        remedy = f"mend {source.name}, then: make check STACK={STACK}"
        raise Problem("The settings cannot be used; nothing was touched.", why=str(error), remedy=remedy) from None


def _on_node(state: State, used: Engine, target: Platform, settings: Settings, app: Path) -> str:
    used.plugins(state)
    assert target.node is not None
    built = images.build_app(target.node, state, app)
    repository = f"localhost:{settings.registry.node_port}/pxl/app"
    if not images.answers(target.node, repository):
        # The image needs the stack's registry before its digest can be released.
        _bring_registry_up(state, used, target, repository)
    with step("pushing the app's image", hint=repository):
        images.push(target.node, built.archive, repository)
    autoscalers.ensure(target.node, state, autoscalers.needed(settings))
    _deploy(state, used, target, built.digest)
    url = f"http://127.0.0.1:{target.node.app_port}"
    answering.wait(url + answering.readiness(settings), _ANSWER_SECONDS)
    return url


def _on_cluster(state: State, used: Engine, target: Platform, settings: Settings) -> str:
    used.plugins(state)
    if settings.release is None:
        warn(f"Pulumi.{STACK}.yaml has no release: the stores come up, the app does not (docs/own-cluster.md)")
    _deploy(state, used, target, None)
    namespace = settings.namespace or f"pxl-{STACK}"
    return f"kubectl --context {target.context} --namespace {namespace} port-forward service/api 8080:3000"


def _bring_registry_up(state: State, used: Engine, target: Platform, repository: str) -> None:
    """Deploys the stack with the release that runs, and without any if none does; what runs stays as it is."""
    _write_stack_file(state, used, target, None)
    found = deployment(state, used, target)
    recorded = engine_state.read(found)
    of_registry = [record["urn"] for record in recorded.resources if _OF_REGISTRY in record["urn"]]
    if of_registry:
        # There was one, so something has happened to it: the engine has to look, and not to trust its record.
        with step("looking after the stack's registry", hint="it does not answer"):
            deploy.refresh(found, of_registry)
    _deploy(state, used, target, _running(recorded, repository))


def _running(recorded: engine_state.State, repository: str) -> str | None:
    """The digest that the app's Deployments were given last; a release that failed before them does not count."""
    for record in recorded.resources:
        if record["type"] == "kubernetes:apps/v1:Deployment":
            pod = record.get("outputs", {}).get("spec", {}).get("template", {}).get("spec", {})
            for container in pod.get("containers") or []:
                name, _, digest = container["image"].partition("@")
                if name == repository:
                    return digest
    return None


def _deploy(state: State, used: Engine, target: Platform, digest: str | None) -> None:
    _write_stack_file(state, used, target, digest)
    what = f"digest {digest[7:19]}" if digest else "what a release stands on"
    with step(f"deploying stack {STACK}", hint=what):
        deploy.up(deployment(state, used, target))


def _write_stack_file(state: State, used: Engine, target: Platform, digest: str | None) -> None:
    copy = copy_of_stack_file(state)
    stackfile.write_copy(CHECKOUT / copy.name, copy, target.additions(digest))
    stacks.ensure(state, STACK, used.env(state), copy)


def announce(url: str) -> None:
    """What to do with it, on standard error; the URL alone goes to standard output."""
    if url.startswith("http"):
        say("")
        say("  try:  curl " + url + "/ready")
        say("        curl -X POST -H 'content-type: application/json' -d '{}' " + url + "/jobs")
        say("  look: make status        end: make down")
