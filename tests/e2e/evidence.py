"""What there is after an interruption: objects of the stack, and rows that the app has acknowledged."""

import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from operations.orphans.kinds import KINDS
from tests.e2e.background import repeating
from tests.e2e.harness import NAMESPACE, Answer, Platform, patient_request, request

# The node knows them only while a rehearsal runs, or with an add-on.
_CUSTOM = ("ExternalSecret", "ScaledObject", "SecurityGroupPolicy")
_AUTONAMED = "pulumi.com/autonamed"
_DIGEST = re.compile(r"-[0-9a-f]{12}(?=-|$)")
_DRAWN = re.compile(r"-[0-9a-f]{8}$")


def inventory(platform: Platform) -> dict[str, int]:
    """How many there are of each kind and logical name; drawn names and digests left out."""
    plurals = ",".join(kind.plural for kind in KINDS if kind.namespaced and kind.name not in _CUSTOM)
    items = platform.kubectl("get", plurals, "-n", NAMESPACE, "-l", "pxl.dev/stack=dev")["items"]
    names = Counter(_logical(item) for item in items if not item["metadata"].get("ownerReferences"))
    pods = platform.kubectl("get", "pods", "-n", NAMESPACE, "-l", "pxl.dev/stack=dev")["items"]
    alive = [pod["metadata"] for pod in pods if not pod["metadata"].get("deletionTimestamp")]
    servers = [pod for pod in alive if pod["ownerReferences"][0]["kind"] != "Job"]
    names.update(f"pods of {pod['labels']['app.kubernetes.io/component']}" for pod in servers)
    return dict(sorted(names.items()))


def _logical(item: dict[str, Any]) -> str:
    name = item["metadata"]["name"]
    if (item["metadata"].get("annotations") or {}).get(_AUTONAMED) == "true":
        name = _DRAWN.sub("", name)
    return f"{item['kind']}/{_DIGEST.sub('', name)}"


@dataclass
class Ledger:
    """Rows that the app has acknowledged."""

    platform: Platform
    ids: list[str] = field(default_factory=list)
    repeated: list[str] = field(default_factory=list)
    """Requests that broke and were sent again, with the reason."""

    def post(self, count: int) -> None:
        """Posts jobs, all of which must be taken."""
        for number in range(count):
            answer = self._asked("/jobs", {"payload": {"number": number}})
            assert answer.status in (200, 201, 202), f"the app must take a job: {answer}"
            self.ids.append(answer.body["id"])

    @contextmanager
    def posting(self) -> Iterator[None]:
        """Posts while the block runs; what is refused or cut off does not count, what is acknowledged does."""

        def post() -> None:
            with suppress(OSError, AssertionError, TypeError):
                answer = request(f"{self.platform.url}/jobs", {"payload": {"number": 0}})
                assert answer.status in (200, 201, 202)
                self.ids.append(answer.body["id"])

        with repeating(post, every=0.25):
            yield

    def missing(self) -> tuple[list[str], list[str]]:
        """The rows that the API does not give back, and those that are not in the database."""
        answers = [(each, self._asked(f"/jobs/{each}").status) for each in self.ids]
        stored = self._stored()
        return [each for each, status in answers if status != 200], [each for each in self.ids if each not in stored]

    def _asked(self, path: str, body: Any = None) -> Answer:
        return patient_request(f"{self.platform.url}{path}", body, self.repeated)

    def _stored(self) -> set[str]:
        pod = database(self.platform)["metadata"]["name"]
        query = ["psql", "-U", "pxl", "-At", "-c", "select id from jobs", "pxl"]
        done = self.platform.command("kubectl", "exec", "-n", NAMESPACE, pod, "--", *query, timeout=60)
        assert done.returncode == 0, f"psql must answer: {done.stderr}"
        return set(done.stdout.split())


def database(platform: Platform) -> dict[str, Any]:
    """The pod of Postgres; there must be one."""
    selector = "app.kubernetes.io/name=postgres"
    pods = platform.kubectl("get", "pods", "-n", NAMESPACE, "-l", selector)["items"]
    assert len(pods) == 1, f"one Postgres, not {[pod['metadata']['name'] for pod in pods]}"
    return pods[0]
