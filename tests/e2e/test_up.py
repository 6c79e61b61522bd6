"""From a bare machine to an app that answers, and what a user does next."""

import base64
import json
import re
import socket
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.e2e.background import repeating
from tests.e2e.harness import NAMESPACE, Platform, finished_job, free_port, request


def generations(objects: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """What tells a changed object: its identity and the generation of its spec."""
    return {key: (item["metadata"]["uid"], item["metadata"].get("generation")) for key, item in objects.items()}


def test_the_app_is_ready_behind_its_url(platform: Platform):
    answer = request(f"{platform.url}/ready")
    assert answer.status == 200, f"`make up` must end only when the app answers: {answer}"
    assert answer.body == {"redis": True, "db": True}, "both stores must be connected"


def test_a_job_is_done_by_a_worker_pod_and_read_back_through_the_api(platform: Platform):
    job = finished_job(platform, {})
    workers = platform.kubectl("get", "pods", "-n", NAMESPACE, "-l", "app.kubernetes.io/component=worker")["items"]
    assert job["worker"] in {pod["metadata"]["name"] for pod in workers}, f"done by {job}, which is no worker pod"


def test_the_version_shows_the_digest_that_was_deployed(platform: Platform):
    version = json.dumps(request(f"{platform.url}/version").body)
    pod = platform.kubectl("get", "pods", "-n", NAMESPACE, "-l", "app.kubernetes.io/component=api")["items"][0]
    digest = pod["spec"]["containers"][0]["image"].partition("@")[2]
    assert digest, "every image must be referred to by digest"
    assert digest in version, f"/version must tell what runs: {version}"


def test_pod_security_is_enforced_and_every_pod_is_admitted(platform: Platform):
    labels = platform.kubectl("get", "namespace", NAMESPACE)["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted", "the strictest level must be enforced"
    for name, item in platform.objects().items():
        if item["kind"] in ("Deployment", "StatefulSet"):
            ready = item["status"].get("readyReplicas", 0)
            assert ready == item["spec"]["replicas"], f"{name} has {ready} of {item['spec']['replicas']} pods"
    refused = platform.command(
        "kubectl", "run", "root", "-n", NAMESPACE, "--image=localhost:5000/x", "--privileged", "--dry-run=server"
    )
    assert refused.returncode != 0, "a privileged pod must be refused"
    assert "PodSecurity" in refused.stderr, f"and by Pod Security: {refused.stderr}"


def test_no_secret_is_readable_in_the_state(platform: Platform):
    secrets = platform.kubectl("get", "secrets", "-n", NAMESPACE)["items"]
    values = [value for secret in secrets for value in (secret.get("data") or {}).values()]
    assert len(values) >= 3, "the app's secrets must be there to be looked for"
    plain = [base64.b64decode(value).decode() for value in values]
    files = [path for path in (platform.state / "pulumi").rglob("*") if path.is_file()]
    assert files, "the engine's state must be there to be searched"
    for path in [*files, platform.state / "Pulumi.dev.yaml"]:
        text = path.read_text(errors="replace")
        assert not any(value in text for value in [*plain, *values]), f"{path} holds a secret in plain text"


def test_a_second_up_changes_nothing_and_leaves_the_checkout_clean(platform: Platform):
    before = generations(platform.objects())
    started = time.monotonic()
    done = platform.up()
    print(f"\nno-op up: {time.monotonic() - started:.1f} s")
    assert done.returncode == 0, done.stderr
    assert re.search(r"\b\d+ unchanged", done.stderr), f"the engine must report no change:\n{done.stderr[-2000:]}"
    assert not re.search(r"\b\d+ (updated|created|deleted|replaced)", done.stderr), done.stderr[-2000:]
    assert generations(platform.objects()) == before, "nothing may be touched"
    changed = subprocess.run(
        ["git", "status", "--porcelain"], cwd=platform.checkout, capture_output=True, text=True, check=True
    )
    assert changed.stdout == "", f"the checkout must stay clean: {changed.stdout}"


def test_a_changed_setting_changes_only_what_depends_on_it(platform: Platform):
    before = generations(platform.objects())
    with platform.settings(worker={"concurrency": 7}):
        done = platform.up()
    assert done.returncode == 0, done.stderr[-3000:]
    after = generations(platform.objects())
    changed = {key for key in before.keys() | after.keys() if before.get(key) != after.get(key)}
    assert len(changed) == 1, f"only the worker's Deployment reads it, but {changed} changed"
    assert next(iter(changed)).startswith("Deployment/worker"), changed


@dataclass
class Load:
    """Requests on fresh connections: how many, and which of them failed."""

    url: str
    count: int = 0
    failed: list[Any] = field(default_factory=list[Any])

    def once(self) -> None:
        self.count += 1
        try:
            answer = request(self.url, timeout=5)
        except OSError as error:
            self.failed.append(error)
        else:
            self.failed += [answer] if answer.status != 200 else []


def test_a_new_build_rolls_out_after_its_migrations_and_the_app_answers_throughout(platform: Platform):
    before = request(f"{platform.url}/version").body
    marker = platform.checkout / "examples" / "app" / "src" / "build-marker.ts"
    marker.write_text("export const marker = 'second build';\n")
    load = Load(f"{platform.url}/version")
    try:
        with repeating(load.once, every=0.02):
            done = platform.up()
        assert done.returncode == 0, done.stderr[-4000:]
    finally:
        marker.unlink()
    assert load.count > 100, "the load must have run during the rollout"
    assert load.failed == [], f"{len(load.failed)} of {load.count} requests failed, first: {load.failed[:3]}"
    assert request(f"{platform.url}/version").body != before, "the new digest must be live"
    jobs = platform.kubectl("get", "jobs", "-n", NAMESPACE)["items"]
    migrated = [job["status"]["completionTime"] for job in jobs if "migrat" in job["metadata"]["name"]]
    pods = platform.kubectl("get", "pods", "-n", NAMESPACE, "-l", "app.kubernetes.io/name=pxl-app")["items"]
    serving = [pod for pod in pods if pod["metadata"]["labels"]["app.kubernetes.io/component"] in ("api", "worker")]
    digest = request(f"{platform.url}/version").body["digest"]
    new = [pod["metadata"]["creationTimestamp"] for pod in serving if digest in pod["spec"]["containers"][0]["image"]]
    assert len(new) >= 3, "two API pods and a worker must run the new digest"
    assert migrated, "the migrations must have run"
    assert max(migrated) <= min(new), "and before any new pod"


def test_a_rollout_that_stalls_ends_with_the_reason_and_the_old_version_keeps_serving(platform: Platform):
    with platform.settings(app={"probes": {"readiness": "/no-such-path"}}, api={"progressDeadlineSeconds": 30}):
        done = platform.up()
    assert done.returncode != 0, "a rollout that never gets ready is a failure"
    assert request(f"{platform.url}/ready").status == 200, "what served before must serve on"
    text = done.stderr
    for word in ("api-", "readiness", "404", "/no-such-path", "sha256:", "next:"):
        assert word in text, f"the reason must name {word!r}:\n{text[-5000:]}"
    assert platform.up().returncode == 0, "the mended stack must come up again"


def test_an_unknown_context_is_refused_by_name(platform: Platform):
    kubeconfig = str(next(platform.state.rglob("*kubeconfig*")))
    done = platform.up("--kube-context", "no-such-context", KUBECONFIG=kubeconfig)
    refused_with(done, "no-such-context", "pxl-", "next:")


def test_a_folder_without_an_app_is_refused(platform: Platform):
    refused_with(platform.up("--app", "/no/such/app"), "/no/such/app", "next:")


def test_a_port_that_is_taken_is_named_with_its_holder(platform: Platform):
    other = Platform(platform.checkout, platform.state.with_name("other"), free_port())
    with socket.create_server(("127.0.0.1", other.port)):
        done = other.up()
    other.command("down", timeout=120)
    refused_with(done, str(other.port), "PORT=", "next:")


def test_bad_settings_are_refused_before_anything_is_touched(platform: Platform):
    before = generations(platform.objects())
    with platform.settings(api={"drainSecond": 5}):
        done = platform.up()
    refused_with(done, "Pulumi.dev.yaml", "pxl:api.drainSecond", "pxl:api.drainSeconds")
    assert generations(platform.objects()) == before, "nothing may be touched"


def test_a_full_disk_is_named_and_the_next_run_is_clean(platform: Platform, tmp_path: Path):
    small = tmp_path / "small"
    small.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(small)], check=True)
    other = Platform(platform.checkout, small / "state", free_port())
    try:
        done = other.up()
        other.command("down", timeout=120)
    finally:
        subprocess.run(["umount", "-l", str(small)], check=True)
    refused_with(done, "space", "next:")


def refused_with(done: subprocess.CompletedProcess[str], *words: str) -> None:
    """One clear message and exit code 1, no crash."""
    assert done.returncode == 1, f"it must fail with 1, not {done.returncode}:\n{done.stderr[-2000:]}"
    assert "Traceback" not in done.stderr, f"a user's mistake is no crash:\n{done.stderr[-3000:]}"
    for word in words:
        assert word in done.stderr, f"the message must name {word!r}:\n{done.stderr[-2000:]}"


def test_a_build_that_fails_changes_nothing(platform: Platform):
    source = platform.checkout / "examples" / "app" / "src" / "broken.ts"
    before = generations(platform.objects())
    source.write_text("export const broken: number = 'not a number';\n")
    try:
        done = platform.up()
    finally:
        source.unlink()
    assert done.returncode == 1, "a build that fails must fail the command"
    assert "broken.ts" in done.stderr, f"with the compiler's own words: {done.stderr[-2000:]}"
    assert generations(platform.objects()) == before, "nothing may be touched"


def test_down_leaves_nothing(platform: Platform):
    """Last, because it ends the platform."""
    done = platform.command("down", timeout=300)
    assert done.returncode == 0, done.stderr
    assert not platform.state.exists(), "the state folder must be gone"
    mounts = Path("/proc/mounts").read_text()
    assert str(platform.state) not in mounts, "no mount may stay"
    processes = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    assert str(platform.state) not in processes, "no process may stay"
