"""What the API server says of an object, without storing it: a server-side dry run, each distinct object once."""

import json
import re
import threading
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import urllib3
import yaml
from kubernetes import client, config

from local.standins.kubernetes.client import encoded

Obj = dict[str, Any]
_MANAGER = "pxl-fuzz"
_TEMPLATES = ("Deployment", "StatefulSet", "Job")
# The suffix that the engine draws for an object without a name of its own.
_SUFFIX = "-0a1b2c3d"
_OF_A_POD = "-7d4c9b6f5-x2k9p"
_NAMED = re.compile(r"Namespace|Service|ExternalSecret")


class Admission:
    """An API server as the judge of objects.

    Namespaces are thrown away at the end: one for each set of Pod Security labels that the objects come with.

    Attributes:
        asked: Objects that were to be judged.
        distinct: Those of them that the server saw.
        pods: Pods among these, made from the templates.
        unknown: Objects of kinds that the server does not know; of these it judged name, labels and annotations.
    """

    def __init__(self, kubeconfig: Path, workers: int = 4) -> None:
        """Connects; connections are kept."""
        settings = client.Configuration()
        config.load_kube_config(str(kubeconfig), client_configuration=settings)
        settings.connection_pool_maxsize = workers
        settings.retries = 2
        api = client.ApiClient(settings)
        self._host, self._pool = settings.host, api.rest_client.pool_manager
        self._headers = dict(api.default_headers)
        self._kinds: dict[str, dict[str, str]] = {}
        self._namespaces: dict[str, str] = {}
        self._accounts: set[tuple[str, str]] = set()
        self._priorities: set[str] = set()
        self._known: dict[str, list[str]] = {}
        self._lock = threading.Lock()
        self._threads = ThreadPoolExecutor(workers)
        self.asked = self.distinct = self.pods = self.unknown = 0

    def define(self, file: Path) -> None:
        """Defines a custom kind, so that the server knows it; returns when it does.

        Args:
            file: Its CustomResourceDefinition, as YAML.
        """
        definition = yaml.safe_load(file.read_text(encoding="utf-8"))
        assert self._apply(definition, {"fieldManager": _MANAGER, "force": "true"}) == []
        spec = definition["spec"]
        version = next(one["name"] for one in spec["versions"] if one.get("served"))
        deadline = time.monotonic() + 30
        while not self._resource({"apiVersion": f"{spec['group']}/{version}", "kind": spec["names"]["kind"]}):
            assert time.monotonic() < deadline, f"{file} is not served"
            self._kinds.clear()
            time.sleep(0.5)
        self._kinds.clear()

    def objections(self, objects: Iterable[Obj]) -> list[str]:
        """What the server has against the objects of one stack: refusals, and warnings.

        Args:
            objects: The manifests, their Namespace among them.
        """
        wanted = list(objects)
        namespace = self._namespace(next(one for one in wanted if one["kind"] == "Namespace"))
        jobs = [job for one in wanted for job in self._jobs(named(one), namespace)]
        self.asked += len(jobs)
        return [said for found in self._threads.map(self._judged, jobs) for said in found]

    def _jobs(self, obj: Obj, namespace: str) -> list[Obj]:
        """The object in the throw-away namespace, and the pod that its template would make."""
        if "namespace" in obj["metadata"]:
            obj = {**obj, "metadata": {**obj["metadata"], "namespace": namespace}}
        if not self._resource(obj):
            self.unknown += 1
            return [{"apiVersion": "v1", "kind": "ConfigMap", "metadata": obj["metadata"]}]
        if obj["kind"] not in _TEMPLATES:
            return [obj]
        template = obj["spec"]["template"]
        self._account(namespace, template["spec"]["serviceAccountName"])
        self._priority(template["spec"].get("priorityClassName"))
        metadata = {
            **template["metadata"],
            "name": f"{obj['metadata']['name']}-7d4c9b6f5-x2k9p",
            "namespace": namespace,
        }
        return [obj, {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": template["spec"]}]

    def _judged(self, obj: Obj) -> list[str]:
        key = json.dumps(obj, sort_keys=True)
        if key not in self._known:
            with self._lock:
                self.distinct += 1
                self.pods += obj["kind"] == "Pod"
            query = {"dryRun": "All", "fieldManager": _MANAGER, "force": "true", "fieldValidation": "Strict"}
            self._known[key] = self._apply(obj, query)
        return self._known[key]

    def _apply(self, obj: Obj, query: dict[str, str]) -> list[str]:
        resource = self._resource(obj)
        assert resource, f"the server has no {obj['kind']}"
        path, metadata = resource, obj["metadata"]
        if "namespace" in metadata:
            path = path.replace("{namespace}", metadata["namespace"])
        answer = self._request("PATCH", f"{path}/{metadata['name']}?{urlencode(query)}", obj)
        what = f"{obj['kind']} {metadata['name']}"
        said = [f"{what}: {text.partition('- ')[2]}" for text in answer.headers.getlist("Warning")]
        if answer.status >= 300:
            said.append(f"{what}: {answer.status} {json.loads(answer.data).get('message')}")
        return said

    def _namespace(self, manifest: Obj) -> str:
        """A namespace with the labels of Pod Security that the program gives its own."""
        labels = {
            key: value for key, value in manifest["metadata"]["labels"].items() if key.startswith("pod-security.")
        }
        level = json.dumps(labels, sort_keys=True)
        if level not in self._namespaces:
            body = {
                "apiVersion": "v1",
                "kind": "Namespace",
                "metadata": {"generateName": "pxl-fuzz-", "labels": labels},
            }
            answer = self._request("POST", "/api/v1/namespaces", body, "application/json")
            assert answer.status == 201, answer.data.decode()
            self._namespaces[level] = json.loads(answer.data)["metadata"]["name"]
        return self._namespaces[level]

    def _account(self, namespace: str, name: str) -> None:
        """The ServiceAccount of a pod has to be there: without it the server refuses the pod."""
        if (namespace, name) not in self._accounts:
            self._accounts.add((namespace, name))
            body = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name, "namespace": namespace}}
            assert self._apply(body, {"fieldManager": _MANAGER}) == []

    def _priority(self, name: str | None) -> None:
        """The PriorityClass of a pod has to be there, too; the cluster's own are."""
        if name is not None and not name.startswith("system-") and name not in self._priorities:
            self._priorities.add(name)
            body = {
                "apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass", "metadata": {"name": name}, "value": 1,
            }  # fmt: skip
            assert self._apply(body, {"fieldManager": _MANAGER}) == []

    def _resource(self, obj: Obj) -> str | None:
        """The path of a kind, with a gap for the namespace; None for a kind that the server does not have."""
        version = obj["apiVersion"]
        if version not in self._kinds:
            prefix = f"/apis/{version}" if "/" in version else f"/api/{version}"
            answer = self._request("GET", prefix)
            assert answer.status in (200, 404), answer.data.decode()
            listed = json.loads(answer.data)["resources"] if answer.status == 200 else []
            self._kinds[version] = {
                one["kind"]: f"{prefix}{'/namespaces/{namespace}' * one['namespaced']}/{one['name']}"
                for one in listed
                if "/" not in one["name"]
            }
        return self._kinds[version].get(obj["kind"])

    def _request(
        self, method: str, path: str, body: Any = None, kind: str = "application/apply-patch+yaml"
    ) -> urllib3.BaseHTTPResponse:
        headers = {**self._headers, "Accept": "application/json", **({"Content-Type": kind} if body else {})}
        data = None if body is None else encoded(body)
        return self._pool.request(method, self._host + path, body=data, headers=headers, timeout=30)

    def close(self) -> None:
        """Takes the namespaces away again."""
        self._threads.shutdown()
        for name in self._namespaces.values():
            self._request("DELETE", f"/api/v1/namespaces/{name}")
        for name in self._priorities:
            self._request("DELETE", f"/apis/scheduling.k8s.io/v1/priorityclasses/{name}")


def named(obj: Obj) -> Obj:
    """The object under a name as long as the engine's: it puts a suffix behind what the program does not name."""
    metadata = obj["metadata"]
    if _NAMED.fullmatch(obj["kind"]):
        return obj
    return {**obj, "metadata": {**metadata, "name": metadata["name"] + _SUFFIX}}
