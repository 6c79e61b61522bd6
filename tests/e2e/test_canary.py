"""A secret stays one: a recognisable value in every secret setting is searched for in all that a deployment leaves.

Each search is shown to work on the places that must hold the value: the Secret, and the environment of the containers.
"""

import base64
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml
from kubernetes import client, config

from infra.settings.app_secrets import SETTING as APP_SECRETS
from local import engine
from local.paths import State
from tests.e2e.canary import Canary, Watch, objects, process_list, secret_settings, without_secret_data
from tests.e2e.harness import NAMESPACE, Platform, copy_of_checkout, finished_job, free_port

VARIABLES = ("SMTP_TOKEN", "STRIPE_API_KEY")
# Below the state folder; nobody but root may enter it.
MAY_HOLD = {
    "node/data/etcd": "the API server's database, where Kubernetes keeps Secrets",
    "node/data/containerd/io.containerd.metadata.v1.bolt": "the runtime's record of containers, with their environment",
}
# The engine hands a program its configuration so; only the user who runs it can read another process's environment.
PROGRAMS_CONFIGURATION = ("environment", "PULUMI_CONFIG")
# Prints all that it was given, in every form that comes to mind, and ends: the worst that an app can do to its log.
TELLTALE = """
const given = Object.entries(process.env);
console.log(JSON.stringify(process.env)); console.log(process.env);
for (const [name, value] of given) {
  console.log(`connecting with ${value} now`);
  console.log(Buffer.from(`user:${value}`).toString("base64"), Buffer.from(value).toString("hex"));
  console.log(new URLSearchParams({ value }).toString());
}
for (const name of ["DB_PASSWORD", "REDIS_PASSWORD", "JWT_SECRET", "SMTP_TOKEN", "STRIPE_API_KEY"]) {
  console.log(`logging in with ${process.env[name]}`); console.log(JSON.stringify([process.env[name]]));
}
setTimeout(() => process.exit(3), 2000);
"""


@dataclass
class Planted:
    """A platform with a canary in every secret.

    Attributes:
        platform: It.
        canary: What is to be found nowhere.
        watch: What the process list showed while all of this went on.
        said: What each command printed, by the command.
    """

    platform: Platform
    canary: Canary
    watch: Watch
    said: dict[str, str] = field(default_factory=dict)

    @property
    def copy(self) -> str:
        """The engine's copy of the stack file."""
        return str(self.platform.state / "Pulumi.dev.yaml")

    @property
    def env(self) -> dict[str, str]:
        """The engine's environment, as `make up` gives it."""
        own = {key: self.platform.env[key] for key in ("PXL_STATE", "TMPDIR")}
        return {**engine.ensure().env(State(self.platform.state)), **own}

    def keep(self, what: str, done: "subprocess.CompletedProcess[str]", code: int | None = 0) -> str:
        """Remembers what a command printed."""
        text = done.stdout + done.stderr
        assert code is None or done.returncode == code, f"{what} ended with {done.returncode}:\n{text[-4000:]}"
        self.said[what] = text
        return text

    def pulumi(self, *arguments: str, data: str | None = None) -> "subprocess.CompletedProcess[str]":
        """``python -m local pulumi …`` in the checkout, as the documentation has it."""
        command = [sys.executable, "-m", "local", "pulumi", *arguments, "--non-interactive"]
        return subprocess.run(
            command,
            cwd=self.platform.checkout,
            env=self.platform.env,
            input=data,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    def pxlctl(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """``pxlctl …`` with the engine of the platform."""
        return subprocess.run(
            [str(Path(sys.executable).with_name("pxlctl")), *arguments],
            cwd=self.platform.checkout,
            env=self.env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )

    def set(self, canary: Canary) -> None:
        """Sets every secret; values come on standard input, where no process list shows them."""
        for key, value in canary.settings.items():
            done = self.pulumi("config", "set", "--secret", "--stack", "dev", f"pxl:{key}", data=value)
            self.keep(f"config set {key}", done)

    def get(self, path: str) -> bytes:
        """A GET of the API server, as the administrator."""
        settings = client.Configuration()
        config.load_kube_config(str(self.platform.state / "kubeconfig"), client_configuration=settings)
        pool = client.ApiClient(settings).rest_client.pool_manager
        return pool.request("GET", settings.host + path, headers={"Accept": "application/json, */*"}).data

    def secrets(self) -> list[dict[str, Any]]:
        """The Secrets of the stack's namespace."""
        return json.loads(self.get(f"/api/v1/namespaces/{NAMESPACE}/secrets"))["items"]


def wait_for_the_app(platform: Platform) -> None:
    """Uses both stores once: their passwords have to have arrived whole."""
    job = finished_job(platform, {})
    assert job["state"] in ("completed", "done"), f"the app must work with awkward passwords: {job}"


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Planted]:
    """The dev stack with further secrets, deployed, looked at in every way, and deployed again with other values."""
    if os.geteuid() != 0:
        pytest.skip("the embedded node needs root")
    base = tmp_path_factory.mktemp("canary")
    (base / "tmp").mkdir()
    platform = Temporary(copy_of_checkout(base / "checkout"), base / "state", free_port())
    file = platform.checkout / "Pulumi.dev.yaml"
    document = yaml.safe_load(file.read_text())
    document["config"]["pxl:secrets"] = {"variables": list(VARIABLES)}
    file.write_text(yaml.safe_dump(document))
    first = Canary.draw(*VARIABLES)
    try:
        with process_list(first) as watch:
            made = Planted(platform, first, watch)
            made.keep("stack init", made.pulumi("stack", "init", "dev"))
            made.set(first)
            made.keep("make up", platform.up())
            wait_for_the_app(platform)
            look(made)
        yield made
    finally:
        platform.command("down", timeout=300)


class Temporary(Platform):
    """A platform whose commands keep temporary files where they can be searched."""

    @property
    def env(self) -> dict[str, str]:
        return {**super().env, "TMPDIR": str(self.state.with_name("tmp"))}


def look(made: Planted) -> None:
    """Everything that shows a stack, and everything that explains one."""
    stack = ("--stack", "dev")
    file = ("--config-file", made.copy)
    made.keep("make preview", made.platform.command("preview"))
    made.keep("preview --diff", made.pulumi("preview", "--diff", *stack, *file))
    made.keep("preview --json", made.pulumi("preview", "--json", *stack, *file))
    # From 9 on the engine traces its own protocol, secrets included.
    verbose = made.pulumi("preview", "--diff", *stack, *file, "--logtostderr", "--logflow", "-v=7")
    made.keep("preview, verbose", verbose)
    for command in (["stack"], ["stack", "output"], ["stack", "output", "--json"], ["stack", "export"], ["config"]):
        made.keep(" ".join(command), made.pulumi(*command, *stack))
    made.keep("stack history", made.pulumi("stack", "history", "--full-dates", *stack))
    made.keep("make status", made.platform.command("status"))
    made.keep("pxlctl check", made.pxlctl("check", "dev", "--file", made.copy, "--json"))
    made.keep("pxlctl doctor", made.pxlctl("doctor", "dev", "--json"), None)
    made.keep("pxlctl preview", made.pxlctl("preview", "dev", "--file", made.copy))
    made.keep("pxlctl up --json", made.pxlctl("up", "dev", "--file", made.copy, "--json"))
    explain = ("explain", NAMESPACE, "--kubeconfig", str(made.platform.state / "kubeconfig"))
    made.keep("pxlctl explain", made.pxlctl(*explain))
    out = made.platform.checkout / "build" / "manifests" / "dev"
    made.keep("pxlctl render", made.pxlctl("render", "dev", "--file", made.copy, "--out", str(out), "--json"))
    assert "stringData" in "".join(path.read_text() for path in out.glob("*secret*")), "a Secret must be among them"


def assert_nowhere(planted: Planted, canary: Canary) -> None:
    """In no output, no object of the API server but its Secret, and no file but where it has to be."""
    shown = {what: canary.traces(text) for what, text in planted.said.items()}
    assert {what: found for what, found in shown.items() if found} == {}, "a command prints a secret"
    count, leaks = 0, {}
    for where, obj in objects(planted.get):
        count += 1
        found = canary.traces(json.dumps(without_secret_data(obj)))
        if found:
            leaks[where] = found
    assert leaks == {}, "an object shows a secret to whoever may read it"
    assert count > 250, f"every kind in every namespace has to be looked at, these are only {count} objects"
    for page in ("/metrics", "/api/v1/nodes/pxl/proxy/metrics", "/api/v1/nodes/pxl/proxy/pods"):
        text = planted.get(page)
        assert len(text) > 1000, f"{page} must answer to be searched: {text}"
        assert canary.traces(text) == [], f"{page} shows a secret"
    state = planted.platform.state
    files = canary.files(state, planted.platform.checkout, state.with_name("tmp"))
    left = [path for path in files if not any(path.is_relative_to(state / place) for place in MAY_HOLD)]
    assert left == [], f"besides {MAY_HOLD} nothing may hold a secret"


def assert_seen_by_no_other_process(watch: Watch) -> None:
    """Only containers, and the program while the engine runs it."""
    print(f"\n{watch.samples} samples of the process list, {watch.processes} processes read")
    assert watch.samples > 100, "short-lived processes need many looks"
    for seen in watch.sightings.values():
        print(f"  {seen.where} of {seen.name} {seen.variable}{', of a pod' if seen.contained else ''}")
    outside = [seen for seen in watch.sightings.values() if not seen.contained]
    strangers = [seen for seen in outside if (seen.where, seen.variable) != PROGRAMS_CONFIGURATION]
    assert strangers == [], "whoever may list processes would read it"


def test_the_search_finds_it_in_every_form():
    canary = Canary.draw(*VARIABLES)
    (value, *_) = canary.values.values()
    for name, form in {**canary.forms, **canary.digests}.items():
        assert name in canary.traces(b"before " + form + b" after"), f"{name} must be found"
    encoded = {
        "JSON": json.dumps({"a": value}),
        "base64": base64.b64encode(value.encode()).decode(),
        "base64 of more": base64.b64encode(b"user:" + value.encode() + b"!").decode(),
        "base64 of base64": base64.b64encode(base64.b64encode(value.encode())).decode(),
        "hex": value.encode().hex(),
    }
    for name, text in encoded.items():
        assert canary.traces(f"x{text}y"), f"{name} must be found: {text}"
    assert canary.traces("nothing here, not even canary") == [], "and nothing else"


def test_every_secret_setting_is_planted(planted):
    assert set(planted.canary.settings) == set(secret_settings()), "the model says which there are"
    assert len(secret_settings()) >= 4, "database, Redis, tokens, and the app's own"
    assert APP_SECRETS in secret_settings(), "and its variables are looked for one by one"


def test_it_is_found_where_it_has_to_be(planted):
    held = [secret for secret in planted.secrets() if planted.canary.traces(json.dumps(secret))]
    values = [base64.b64decode(value).decode() for secret in held for value in secret["data"].values()]
    assert sorted(values) == sorted(planted.canary.values.values()), "each as it was set, to the letter"
    variables = {seen.variable for seen in planted.watch.sightings.values() if seen.contained}
    wanted = {"DB_PASSWORD", "REDIS_PASSWORD", "JWT_SECRET", "POSTGRES_PASSWORD", *VARIABLES}
    assert wanted <= variables, (
        f"the containers must be seen to have them, or the process list was not read: {variables}"
    )
    files = planted.canary.files(planted.platform.state)
    places = {place for place in MAY_HOLD if any(path.is_relative_to(planted.platform.state / place) for path in files)}
    assert places == set(MAY_HOLD), f"the search of files must find it where it is: {files}"


def test_it_is_found_nowhere_else(planted):
    assert_nowhere(planted, planted.canary)
    assert_seen_by_no_other_process(planted.watch)


def test_logs_of_pods_and_daemons_do_not_show_it(planted):
    state = planted.platform.state
    daemons = [path for path in (state / "node" / "log").rglob("*") if path.is_file() and path.stat().st_size]
    pods = [path for path in (state / "node" / "data" / "pod-logs").rglob("*.log") if path.stat().st_size]
    assert {path.stem for path in daemons} >= {"kubelet", "kube-apiserver", "containerd"}, "they must write something"
    assert any("api-" in str(path) for path in pods) and any("postgres" in str(path) for path in pods), f"{pods}"
    assert planted.canary.files(state / "node" / "log", state / "node" / "data" / "pod-logs") == []


def test_a_changed_value_shows_neither_the_old_nor_the_new_one(planted):
    new = Canary.draw(*VARIABLES)
    with process_list(new) as watch:
        planted.set(new)
        # The copy that the engine reads is made by `up`; a preview of the change reads the file itself.
        kept = yaml.safe_load(Path(planted.copy).read_text())
        source = yaml.safe_load((planted.platform.checkout / "Pulumi.dev.yaml").read_text())
        kept["config"] |= {key: value for key, value in source["config"].items() if "secure" in str(value)}
        kept["encryptionsalt"] = source["encryptionsalt"]
        Path(planted.copy).write_text(yaml.safe_dump(kept))
        diff = planted.pulumi("preview", "--diff", "--stack", "dev", "--config-file", planted.copy)
        assert "[secret]" in planted.keep("preview --diff of a change", diff), "it must show that something changes"
        planted.keep("make up with other values", planted.platform.up())
        wait_for_the_app(planted.platform)
    for canary in (planted.canary, new):
        assert_nowhere(planted, canary)
    assert_seen_by_no_other_process(watch)
    held = json.dumps(planted.secrets())
    assert new.traces(held) and not planted.canary.traces(held), "the Secret of the old values is gone"
    planted.canary = new


def test_settings_that_are_refused_and_a_program_that_crashes_do_not_show_it(planted):
    checkout = planted.platform.checkout
    stack_file, program = checkout / "Pulumi.dev.yaml", checkout / "infra" / "__main__.py"
    before, source = stack_file.read_text(), program.read_text()
    canary = planted.canary
    (value, *_) = canary.values.values()
    # What the engine decrypts of it, the program refuses.
    wrong = {APP_SECRETS: value, "jwtSecrets": value, "owner": value}
    try:
        for key, text in wrong.items():
            set_to = planted.pulumi("config", "set", "--secret", "--stack", "dev", f"pxl:{key}", data=text)
            planted.keep(f"config set {key}, wrong", set_to)
            said = planted.keep(f"make up, {key} wrong", planted.platform.up(), 1)
            assert f"pxl:{key}" in said, f"the message must name it: {said[-2000:]}"
            stack_file.write_text(before)
        crash = source.replace("# 2. Where", "raise ValueError(settings, repr(settings), vars(settings))\n# 2. Where")
        assert crash != source, "the program must be one that crashes"
        program.write_text(crash)
        assert "ValueError" in planted.keep("make up, program crashes", planted.platform.up(), 1)
    finally:
        stack_file.write_text(before)
        program.write_text(source)
    assert_nowhere(planted, canary)


def test_an_app_that_prints_its_secrets_does_not_get_them_into_an_explanation(planted):
    """Last: the app's own log holds them from here on."""
    canary = planted.canary
    api = {"progressDeadlineSeconds": 30, "command": ["node", "-e", TELLTALE]}
    with planted.platform.settings(api=api):
        said = planted.keep("make up, app prints its secrets", planted.platform.up(), 1)
    explain = ("explain", NAMESPACE, "--kubeconfig", str(planted.platform.state / "kubeconfig"))
    texts = {"make up": said, **{flag: planted.keep(f"explain {flag}", planted.pxlctl(*explain, *flag.split()), None)
                                 for flag in ("", "--json")}}  # fmt: skip
    pods = json.loads(planted.get(f"/api/v1/namespaces/{NAMESPACE}/pods?labelSelector=app.kubernetes.io/instance=api"))
    names = [pod["metadata"]["name"] for pod in pods["items"]]
    logs = [planted.get(f"/api/v1/namespaces/{NAMESPACE}/pods/{name}/log?previous=true") for name in names]
    assert any(canary.traces(log) for log in logs), "the app must have printed it, or nothing was hidden"
    for what, text in texts.items():
        assert "logging in with [redacted]" in text, f"{what} must show the log, without the value:\n{text[-3000:]}"
        assert canary.traces(text) == [], f"{what} shows a secret"
