"""``make rehearse STACK=staging``: the stack on the embedded node, with real pods, and AWS played by this machine."""

import base64
import json
import socket
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from infra.repositories import repository
from infra.settings import Settings, SettingsError, from_stack_file
from infra.settings.model import EnvironmentName
from local import answering, autoscalers, engine, images, node, platform, stackfile, stacks
from local.aws import seed, server
from local.node import ports
from local.node.config import REGISTRY_HOSTS
from local.node.layout import POD_NETWORK, REGISTRY, Layout
from local.paths import CHECKOUT, State, write
from local.platform import Platform
from local.rehearsal import authority, keeper, profiles, stage
from local.rehearsal.stage import Stage
from operations import deploy
from operations.console import say, step
from operations.errors import Problem

_ANSWER_SECONDS = 120
_POD_CPU = "50m"
_HOSTS = """server = "https://{host}"

[host."http://{registry}"]
  capabilities = ["pull", "resolve"]
"""


@dataclass(frozen=True)
class _Stack:
    """The stack as the engine needs it."""

    state: State
    source: Path
    env: dict[str, str]
    target: Platform
    stage: Stage

    def deploy(self, additions: dict[str, Any]) -> None:
        """Deploys it with what this machine adds to its committed file."""
        copy = self.state.path(self.source.name)
        stackfile.write_copy(self.source, copy, additions)
        stacks.ensure(self.state, self.stage.stack, self.env, copy)
        deployment = deploy.Deployment(
            project_dir=CHECKOUT,
            stack=self.stage.stack,
            env=self.env,
            config_file=copy,
            kubeconfig=self.target.kubeconfig,
            context=self.target.context,
            namespace=self.stage.namespace,
            cluster_check="make status",
        )
        with step(f"deploying stack {self.stage.stack}", hint=f"namespace {self.stage.namespace}"):
            deploy.up(deployment)


def rehearse(state: State, stack: str, *, app: Path, port: int | None) -> str | None:
    """Brings a stack of AWS up on this machine and returns where it answers.

    A stack without a release gets one that is built here; prod does not, and None says so: what it runs is promoted.

    Args:
        state: The state folder of the embedded platform.
        stack: The stack: ``staging``, ``prod``.
        app: Folder of the app; built and pushed when the stack file has no release.
        port: The port of 127.0.0.1 that plays the load balancer; None for one that is free.

    Raises:
        Problem: With what to do next.
    """
    source = CHECKOUT / f"Pulumi.{stack}.yaml"
    settings = _settings(source)
    used = engine.ensure()
    engine.end_leftovers(state)
    target = platform.embedded(state, None, stage.dns_rules(state))
    assert target.node is not None
    ready = {**target.images, **images.ensure(target.node, state, ["haproxy"])}
    setting = _stage(state, stack, settings, ready, port)
    setting.save(state)
    profiles.refresh(state)
    node.install_addons(target.node, target.images, stage.dns_rules(state))
    landing = _landing(state, setting, settings, target)
    keeper.ensure(state, setting)
    _answer_for_registry(target.node, settings)
    used.plugins(state, engine.WITH_AWS)
    # An autoscaler of Kubernetes itself waits for its metrics; KEDA's objects are nothing without KEDA.
    autoscalers.ensure(target.node, state, [name for name in autoscalers.needed(settings) if name == autoscalers.KEDA])
    made = _Stack(state, source, {**used.env(state), **_aws(state, stack, setting.region)}, target, setting)
    digest = settings.release.digest if settings.release else None
    additions = _additions(state, setting, target, landing)
    if digest is None:
        # As the first time in an account: the registry exists before a digest does.
        made.deploy(additions)
        if settings.environment is EnvironmentName.PROD:
            return None
        digest = _push(target.node, state, stack, settings, app)
        additions["pxl:release"] = {"digest": digest, "reason": "rehearsal of a build that no stack has run"}
    made.deploy(additions)
    url = f"http://127.0.0.1:{setting.app_port}"
    answering.wait(url + answering.readiness(settings), _ANSWER_SECONDS)
    return url


def end(state: State) -> None:
    """Ends what keeps rehearsals going; the node and the stacks in it go with ``make down``."""
    for stack in stage.stacks(state):
        keeper.stop(state, stack)
        server.stop(stage.state_of(state, stack))


def _settings(source: Path) -> Settings:
    try:
        settings = from_stack_file(source)
    except SettingsError as error:
        remedy = f"mend {source.name}, then: make check STACK={source.name.split('.')[1]}"
        raise Problem("The settings cannot be used; nothing was touched.", why=str(error), remedy=remedy) from None
    except OSError as error:
        raise Problem("There is no such stack.", where=str(source), why=error.strerror) from error
    if settings.aws is None:
        remedy = "name a stack that lies on AWS; the dev stack comes up with: make up"
        raise Problem("This stack has nothing on AWS to rehearse.", where=source.name, remedy=remedy)
    return settings


def _stage(state: State, stack: str, settings: Settings, ready: dict[str, str], port: int | None) -> Stage:
    """The ports are kept for as long as the rehearsal is; moto has to know the registry's before it starts."""
    assert settings.aws is not None
    before = stage.read(state, stack)
    app_port = port or (before.app_port if before else _free_port())
    registry_port = before.registry_port if before else _free_port()
    own = stage.state_of(state, stack)
    with step("starting what plays AWS", hint=f"account {settings.aws.account}"):
        moto = server.start(own, account=settings.aws.account, registry=f"http://127.0.0.1:{registry_port}")
    return Stage(
        stack=stack,
        namespace=settings.namespace or f"pxl-{stack}",
        region=settings.aws.region,
        endpoint=moto.endpoint,
        app_port=app_port,
        registry_port=registry_port,
        node_port=stage.node_port(state, stack),
        images=ready,
    )


def _landing(state: State, setting: Stage, settings: Settings, target: Platform) -> dict[str, Any]:
    """VPC, subnets, cluster and zone of the account; made once in each moto."""
    assert settings.aws is not None and target.node is not None
    kept = stage.state_of(state, setting.stack).path("landing.json")
    found = json.loads(kept.read_text()) if kept.is_file() else {}
    if found.get("endpoint") == setting.endpoint:
        return found
    layout = Layout(target.node.state)
    known = ports.read(layout.ports)
    assert known is not None, "a running node has ports"
    network = POD_NETWORK.rpartition("/")[0].rpartition(".")[0]
    made = seed.seed(
        setting.endpoint,
        setting.region,
        vpc_cidr=POD_NETWORK,
        # Pods have addresses of the VPC, as with its CNI plugin: so the stores' pods lie in these subnets.
        subnet_cidrs=[f"{network}.0/25", f"{network}.128/25"],
        cluster_name=settings.aws.cluster,
        cluster_endpoint=f"https://127.0.0.1:{known.api}",
        cluster_authority=base64.b64encode((layout.pki / "ca.crt").read_bytes()).decode(),
        zone_name=".".join((settings.ingress.hostname or "rehearsal.example.com").split(".")[1:]),
    )
    place = {
        "endpoint": setting.endpoint,
        "vpcId": made.vpc_id,
        "subnetIds": list(made.subnet_ids),
        "nodeSecurityGroupId": made.node_security_group_id,
        "zoneId": made.zone_id,
    }
    write(kept, json.dumps(place))
    return place


def _additions(state: State, setting: Stage, target: Platform, landing: dict[str, Any]) -> dict[str, Any]:
    """What the engine's copy of the stack file says beyond the committed one: where this machine's AWS is."""
    ca = authority.ensure(stage.state_of(state, setting.stack).folder).pem
    used = {"postgres": setting.images["postgres"], "tlsProxy": setting.images["haproxy"]}
    return {
        **replace(target, images={}).additions(None),
        "pxl:images": used,
        "pxl:aws": {key: landing[key] for key in ("vpcId", "subnetIds", "nodeSecurityGroupId")},
        "pxl:postgres": {"ca": ca},
        "pxl:redis": {"ca": ca},
        "pxl:ingress": {"hostedZoneId": landing["zoneId"]},
        "pxl:api": {"resources": {"cpu": _POD_CPU}},
        "pxl:worker": {"resources": {"cpu": _POD_CPU}},
    }


def _aws(state: State, stack: str, region: str) -> dict[str, str]:
    found = server.find(stage.state_of(state, stack))
    if found is None:
        raise Problem(f"What plays AWS for {stack} has ended.", remedy=f"make rehearse STACK={stack}")
    return {key: value for key, value in found.env(region).items() if key.startswith("AWS_")}


def _answer_for_registry(running: node.Node, settings: Settings) -> None:
    assert settings.aws is not None
    host = f"{settings.aws.account}.dkr.ecr.{settings.aws.region}.amazonaws.com"
    folder = Layout(running.state).config / REGISTRY_HOSTS / host
    write(folder / "hosts.toml", _HOSTS.format(host=host, registry=REGISTRY), mode=0o644)


def _push(running: node.Node, state: State, stack: str, settings: Settings, app: Path) -> str:
    built = images.build_app(running, state, app)
    name = repository(settings, stack).partition("/")[2]
    with step("pushing the app's image", hint=repository(settings, stack)):
        return images.push(running, built.archive, f"{REGISTRY}/{name}")


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])


def announce(state: State, stack: str, url: str | None) -> None:
    """What to do with it, on standard error."""
    say("")
    if url is None:
        say(f"  {stack} has no release yet: all that one stands on is there, the app is not")
    else:
        say(f"  try:   curl {url}/ready")
        say(f"         curl {url}/version")
    known = node.running(state)
    if known is not None:
        say(f"  next:  export AWS_CONFIG_FILE={profiles.path(state)}")
        say("         pxlctl promote staging prod --from-profile staging --to-profile prod \\")
        say(f"           --kubeconfig {known.kubeconfig} --kube-context {known.context} \\")
        say("           --reason 'a rehearsal does not wait for the soak'")
    say(f"  {stack} runs without AWS: what stands for what is in docs/rehearsal.md       end: make down")
