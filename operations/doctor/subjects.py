"""What the doctor looks at: the machine behind a narrow set of questions, a stack, a cluster."""

import importlib.util
import json
import os
import shutil
import subprocess
import threading
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, cast

from kubernetes import client
from kubernetes.client.exceptions import ApiException

from infra.environments import ENVIRONMENTS, defaults
from operations import rollout
from operations.errors import Problem
from operations.stacks import Project, read_yaml, setting

_SECONDS = 5.0
_LOGIN_SECONDS = 15.0


class Machine:
    """The questions that checks ask of the machine; tests answer them instead."""

    def which(self, program: str) -> str | None:
        """Where a program is; the folders of system programs count although a user's PATH may lack them."""
        path = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/local/sbin", "/usr/sbin", "/sbin"])
        return shutil.which(program, path=path)

    def run(self, *command: str) -> tuple[int, str]:
        """Exit code and output of a short command; 127 when it does not exist, 124 when it takes over 5 s."""
        try:
            done = subprocess.run(
                [self.which(command[0]) or command[0], *command[1:]],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return 124, f"no answer within {_SECONDS:g} s"
        except OSError as error:
            return 127, str(error)
        return done.returncode, done.stdout.strip()

    def read(self, path: str) -> str | None:
        """The text of a file; None if it cannot be read."""
        try:
            return Path(path).read_text(encoding="utf-8", errors="replace")
        except OSError:
            return None

    def exists(self, path: str) -> bool:
        """Whether a path exists."""
        return Path(path).exists()

    def glob(self, folder: Path, pattern: str) -> list[Path]:
        """What matches in a folder, sorted."""
        return sorted(folder.glob(pattern))

    def is_root(self) -> bool:
        """Whether we run as root."""
        return os.geteuid() == 0

    def free_bytes(self, folder: Path) -> int:
        """Free space where a folder is, or would be made."""
        while not folder.exists():
            folder = folder.parent
        return shutil.disk_usage(folder).free

    def has_module(self, name: str) -> bool:
        """Whether this Python can import a module."""
        return importlib.util.find_spec(name) is not None

    def env(self, name: str) -> str | None:
        """A variable of the environment; None if unset or empty."""
        return os.environ.get(name) or None


class Cluster:
    """One named cluster, asked through its API server."""

    def __init__(self, api: client.ApiClient, name: str) -> None:
        """For a connected client; ``name`` is the context's, for people."""
        self.name = name
        self._api = api
        self._reader = rollout.Reader(api, "default", timeout=_SECONDS)

    def get(self, path: str) -> dict[str, Any] | None:
        """An API object; None if the server says that it does not exist.

        Raises:
            ApiException, HTTPError: For everything else that goes wrong.
        """
        try:
            return json.loads(self._reader.get(path, {}).data)
        except ApiException as error:
            if error.status == 404:
                return None
            raise

    def dry_run_pod(self, namespace: str, pod: dict[str, Any]) -> str | None:
        """Why the API server would refuse a pod; None if it would take it. Nothing is created."""
        core = client.CoreV1Api(self._api)
        try:
            core.create_namespaced_pod(namespace, cast(Any, pod), dry_run="All", _request_timeout=_SECONDS)
        except ApiException as error:
            return rollout.api_words(error)
        return None


@dataclass(frozen=True)
class Subject:
    """Everything that a check may look at.

    Attributes:
        machine: This machine.
        project: The project, if the command was started in one.
        stack: The stack's name, if one was named.
        file: Its settings file.
        config: The ``config`` of that file.
        cluster: The cluster, if one is named by the command line or the settings.
        cluster_problem: Why it cannot even be asked.
        port: A port of this machine that has to be free.
    """

    machine: Machine = field(default_factory=Machine)
    project: Project | None = None
    stack: str | None = None
    file: Path | None = None
    config: dict[str, Any] = field(default_factory=dict[str, Any])
    cluster: Cluster | None = None
    cluster_problem: Problem | None = None
    port: int | None = None

    @cached_property
    def cache(self) -> Path:
        """Where `make up` keeps what it builds: ``PXL_CACHE``, else ``pxl`` in the XDG cache folder."""
        named = self.machine.env("PXL_CACHE")
        base = self.machine.env("XDG_CACHE_HOME")
        return Path(named) if named else (Path(base) if base else Path.home() / ".cache") / "pxl"

    @property
    def needs_node(self) -> bool:
        """Whether the embedded node is what will be used: no cluster is named."""
        return self.cluster is None and self.cluster_problem is None

    def value(self, section: str, key: str) -> Any:
        """A setting as the program sees it: from the file, else what the stack's environment starts from."""
        found = setting(self.config, f"pxl:{section}.{key}")
        environment = self.config.get("pxl:environment")
        if found is None and environment in ENVIRONMENTS:
            found = defaults(environment).get(section, {}).get(key)
        return found

    def section(self, name: str) -> dict[str, Any]:
        """A group of settings as the file has it."""
        return setting(self.config, f"pxl:{name}") or {}

    @property
    def namespace(self) -> str:
        """The stack's namespace."""
        return str(setting(self.config, "pxl:namespace", f"pxl-{self.stack}"))


def subject(
    folder: Path,
    stack: str | None,
    *,
    file: Path | None = None,
    context: str | None = None,
    kubeconfig: Path | None = None,
    port: int | None = None,
) -> Subject:
    """What a command line means.

    Raises:
        Problem: If a stack is named that does not exist.
    """
    if stack is None:
        project = _project(folder)
        cluster, problem = _cluster(kubeconfig, context)
        return Subject(project=project, cluster=cluster, cluster_problem=problem, port=port)
    project = Project.find(folder)
    path = project.settings_file(stack, file)
    config = read_yaml(path).get("config") or {}
    context = context or setting(config, "pxl:kubernetes.context")
    named = setting(config, "pxl:kubernetes.kubeconfig")
    kubeconfig = kubeconfig or (Path(named).expanduser() if isinstance(named, str) else None)
    cluster, problem = _cluster(kubeconfig, context)
    return Subject(Machine(), project, stack, path, config, cluster, problem, port)


def _project(folder: Path) -> Project | None:
    try:
        return Project.find(folder)
    except Problem:
        return None


def _cluster(kubeconfig: Path | None, context: str | None) -> tuple[Cluster | None, Problem | None]:
    """The named cluster, or why it cannot be asked. A kubeconfig may start a login helper, so this takes a bound."""
    if kubeconfig is None and context is None:
        return None, None
    name = context or str(kubeconfig)
    answer: list[tuple[Cluster | None, Problem | None]] = []

    def connect() -> None:
        try:
            answer.append((Cluster(rollout.connect(kubeconfig, context), name), None))
        except Problem as problem:
            answer.append((None, problem))

    thread = threading.Thread(target=connect, daemon=True)
    thread.start()
    thread.join(timeout=_LOGIN_SECONDS)
    why = f"its login helper does not answer within {_LOGIN_SECONDS:g} s"
    silent = Problem(
        f"the context {name} cannot be used", why=why, remedy=f"kubectl --context {name} get --raw /version"
    )
    return answer[0] if answer else (None, silent)
