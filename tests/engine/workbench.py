"""The project's own stacks on the real engine: stack files that tests may write, AWS played by moto, no cluster."""

import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from local import engine, stackfile, stacks
from local.aws import server
from local.aws.seed import seed
from local.paths import CHECKOUT, State

DIGEST = "sha256:" + "c" * 64
ADDITIONS: dict[str, Any] = {
    "pxl:images": {name: f"localhost:5000/pxl/{name}@{DIGEST}" for name in ("postgres", "redis", "registry")},
    # Nothing proves it: prod asks for a reason.
    "pxl:release": {"digest": DIGEST, "reason": "a test"},
}
SECRETS = ("databasePassword", "redisPassword", "jwtSecret")
ACCOUNTS = {"staging": "111111111111", "prod": "222222222222"}
REGION = "eu-central-1"
API_SERVER = "https://127.0.0.1:1"
# Nothing listens there: a preview must work all the same.
KUBECONFIG = {
    "apiVersion": "v1",
    "kind": "Config",
    "clusters": [{"name": "none", "cluster": {"server": API_SERVER}}],
    "users": [{"name": "none", "user": {"token": "none"}}],
    "contexts": [
        {"name": name, "context": {"cluster": "none", "user": "none"}} for name in ("none", "staging", "prod")
    ],
    "current-context": "none",
}


@dataclass(frozen=True)
class Account:
    """An account of AWS as moto plays it: where a stack lands in it, and the environment that leads there."""

    state: State
    settings: dict[str, Any]
    env: dict[str, str]

    @classmethod
    def of(cls, stack: str, state: State) -> "Account":
        """Starts it, with what a stack expects to be there."""
        running = server.start(state, account=ACCOUNTS[stack])
        made = seed(
            running.endpoint,
            REGION,
            vpc_cidr="10.40.0.0/16",
            subnet_cidrs=["10.40.0.0/20", "10.40.16.0/20"],
            cluster_name=stack,
            cluster_endpoint=API_SERVER,
            zone_name="example.com",
        )
        where = {
            "vpcId": made.vpc_id,
            "subnetIds": [*made.subnet_ids],
            "nodeSecurityGroupId": made.node_security_group_id,
        }
        env = {key: value for key, value in running.env(REGION).items() if key.startswith("AWS_")}
        return cls(state, {"pxl:aws": where, "pxl:ingress": {"hostedZoneId": made.zone_id}}, env)


@dataclass
class Workbench:
    """A stack file that tests may write, and the engine that reads it."""

    folder: Path
    env: dict[str, str]
    stack: str = "dev"
    made: set[str] = field(default_factory=set)
    accounts: dict[str, Account] = field(default_factory=dict)

    @property
    def file(self) -> Path:
        return self.folder / f"Pulumi.{self.stack}.yaml"

    def select(self, stack: str, **settings: Any) -> None:
        """Makes a stack from the committed file and some changes."""
        self.stack = stack
        if stack in ACCOUNTS and stack not in self.accounts:
            self.accounts[stack] = Account.of(stack, State(self.folder / f"aws-{stack}"))
        lands = self.accounts[stack].settings if stack in self.accounts else {}
        kubeconfig = {"kubeconfig": str(self.folder / "kubeconfig")}
        changes = {f"pxl:{key}": to for key, to in settings.items()}
        additions = {**ADDITIONS, "pxl:kubernetes": kubeconfig, **lands, **changes}
        stackfile.write_copy(CHECKOUT / self.file.name, self.file, additions)
        if stack in self.made:
            stackfile.take_over_keys(self.folder / "project" / self.file.name, self.file)
        else:
            stacks.ensure(State(self.folder), stack, self.env, self.file)
            self.made.add(stack)

    def rewrite(self, change: Callable[[dict[str, Any]], Any]) -> None:
        """Changes the settings of the selected stack's file in place."""
        document = yaml.safe_load(self.file.read_text())
        change(document["config"])
        self.file.write_text(yaml.safe_dump(document))

    def hide(self, secret: str) -> None:
        """Puts one text into every secret of the selected stack's settings."""
        secrets = [f"--secret=pxl:{key}={secret}" for key in SECRETS]
        done = self.pulumi("config", "set-all", *secrets)
        assert done.returncode == 0, done.stderr

    def files_with(self, text: str) -> list[Path]:
        """Files of the engine's and of the stacks that hold a text."""
        files = (path for path in self.folder.rglob("*") if path.is_file() and path.name != "passphrase")
        return [path for path in files if text in path.read_text(errors="replace")]

    def pulumi(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """The engine's own command line, non-interactively."""
        argv = ["pulumi", *arguments, "--non-interactive"]
        if arguments[0] in ("up", "preview", "config"):
            argv += ["--stack", self.stack, "--config-file", str(self.file)]
        env = {**self.env, **(self.accounts[self.stack].env if self.stack in self.accounts else {})}
        return subprocess.run(argv, cwd=CHECKOUT, env=env, capture_output=True, text=True, timeout=120, check=False)


@contextmanager
def workbench(folder: Path) -> Iterator[Workbench]:
    """A state of its own in an empty folder; what it started is ended with the block."""
    state, used = State(folder), engine.ensure()
    used.plugins(state, engine.WITH_AWS)
    (folder / "kubeconfig").write_text(yaml.safe_dump(KUBECONFIG))
    made = Workbench(folder, used.env(state))
    try:
        yield made
    finally:
        for account in made.accounts.values():
            server.stop(account.state)
