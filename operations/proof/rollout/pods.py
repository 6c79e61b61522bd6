"""Watches a stack's pods while they come and go: a container that was killed is seen in the moment that it ends."""

import json
import threading
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

import urllib3
from kubernetes import client
from kubernetes.client.exceptions import ApiException

from operations import apiserver
from operations.proof.rollout.loads.pace import Clock
from operations.proof.rollout.model import Killed, PodLife

Object = dict[str, Any]
_KILLED = 137
_READ_SECONDS = 2.0
_AGAIN_SECONDS = 0.5
_ROLE = "app.kubernetes.io/component"
_DIGEST_DIGITS = 12


class Pods:
    """The lives of all pods of some workloads; ``start`` it, read it at any time, ``stop`` it.

    Args:
        api: A connected client.
        namespace: Where they are.
        selector: Label selector of the pods.
        clock: The proof's clock.
    """

    def __init__(self, api: client.ApiClient, namespace: str, selector: str, clock: Clock) -> None:
        self._api, self._clock = api, clock
        self._path = f"/api/v1/namespaces/{namespace}/pods"
        self._selector = selector
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._version = ""
        self.lives: dict[str, PodLife] = {}
        """By uid, in the order in which they came."""
        self.killed: dict[str, Killed] = {}
        """By the id of the container that was killed."""
        self._before: set[str] = set()
        self._restarts: dict[str, int] = {}

    def start(self) -> None:
        """Lists the pods once, then watches in a thread of its own.

        Raises:
            ApiException, urllib3 HTTPError: The pods cannot be listed.
        """
        self._list()
        # What was killed before the proof is no news.
        self._before = set(self.killed)
        self.killed.clear()
        self._restarts = {uid: life.restarts for uid, life in self.lives.items()}
        for life in self.lives.values():
            life.restarts = 0
        self._thread.start()

    def stop(self) -> None:
        """Ends the watch."""
        self._stop.set()
        self._thread.join(timeout=_READ_SECONDS + 5)

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                if not self._version:
                    self._list()
                self._watch()
            except (ApiException, urllib3.exceptions.HTTPError, OSError, ValueError):
                # Also an end of the server's own, or a version that it no longer has: what is there now is listed anew.
                self._version = ""
                self._stop.wait(_AGAIN_SECONDS)

    def _list(self) -> None:
        query = {"labelSelector": self._selector}
        found = json.loads(apiserver.send(self._api, "GET", self._path, query=query, seconds=10).data)
        here: set[str] = set()
        for pod in found["items"]:
            here.add(pod["metadata"]["uid"])
            self._see(pod)
        for uid, life in self.lives.items():
            if uid not in here and life.gone is None:
                life.gone = self._clock.now()
        self._version = found["metadata"]["resourceVersion"]

    def _watch(self) -> None:
        query = {"labelSelector": self._selector, "watch": "true", "resourceVersion": self._version}
        headers = {"Accept": "application/json", **self._api.default_headers}
        parameters = list(query.items())
        self._api.update_params_for_auth(headers, parameters, ["BearerToken"])
        response = self._api.rest_client.pool_manager.request(
            "GET",
            f"{self._api.configuration.host}{self._path}?{urlencode(parameters)}",
            headers=headers,
            preload_content=False,
            # Silence is no end: the read is tried again at the version that was seen last.
            timeout=urllib3.Timeout(connect=3.0, read=_READ_SECONDS),
            retries=False,
        )
        try:
            if response.status >= 400:
                raise ApiException(status=response.status)
            rest = b""
            for chunk in response.stream(65536):
                *lines, rest = (rest + chunk).split(b"\n")
                for line in lines:
                    self._take(json.loads(line))
                if self._stop.is_set():
                    return
        except urllib3.exceptions.ReadTimeoutError:
            return
        finally:
            response.close()

    def _take(self, event: Object) -> None:
        pod = event["object"]
        if event["type"] == "ERROR":
            raise ValueError(str(pod.get("message")))
        self._version = pod["metadata"]["resourceVersion"]
        self._see(pod)
        if event["type"] == "DELETED":
            self.lives[pod["metadata"]["uid"]].gone = self._clock.now()

    def _see(self, pod: Object) -> None:
        metadata, status = pod["metadata"], pod.get("status", {})
        uid, now = metadata["uid"], self._clock.now()
        life = self.lives.get(uid)
        if life is None:
            life = self.lives[uid] = _born(pod)
        if life.ready is None and _is_ready(status):
            life.ready = now
        if life.leaving is None and metadata.get("deletionTimestamp"):
            life.leaving = now
            life.grace = float(metadata.get("deletionGracePeriodSeconds") or 0)
        statuses = status.get("containerStatuses", [])
        life.restarts = sum(each.get("restartCount", 0) for each in statuses) - self._restarts.get(uid, 0)
        for each in statuses:
            for state in (each.get("state", {}), each.get("lastState", {})):
                self._judge(life, each["name"], state.get("terminated"))

    def _judge(self, life: PodLife, container: str, ended: Object | None) -> None:
        # A grace of 0 is somebody's wish: it asks for the kill.
        if ended is None or ended.get("exitCode") != _KILLED or life.grace == 0:
            return
        key = str(ended.get("containerID") or f"{life.name}/{container}/{ended.get('finishedAt')}")
        if key not in self._before:
            self.killed.setdefault(key, Killed(life.name, container, self._clock.now(), _why(life, ended)))


def _born(pod: Object) -> PodLife:
    labels = pod["metadata"].get("labels", {})
    digest = pod["spec"]["containers"][0]["image"].partition("@sha256:")[2]
    return PodLife(
        name=pod["metadata"]["name"],
        workload=labels.get(_ROLE, ""),
        revision=labels.get("pod-template-hash", ""),
        digest=digest[:_DIGEST_DIGITS],
        grace=float(pod["spec"].get("terminationGracePeriodSeconds", 30)),
    )


def _is_ready(status: Object) -> bool:
    return any(each["type"] == "Ready" and each["status"] == "True" for each in status.get("conditions", []))


def _why(life: PodLife, ended: Object) -> str:
    """What the kubelet says of it; whether it hears SIGTERM is added by who knows."""
    if ended.get("reason") == "OOMKilled":
        return "it took more memory than its limit: raise resources.memory, or find the leak"
    if life.leaving is None:
        return "it was killed while it should serve: see its events (pxlctl explain)"
    lived = _seconds(ended.get("startedAt"), ended.get("finishedAt"))
    return f"outlived its grace of {life.grace:g} s" + (f" after {lived:.0f} s of life" if lived else "")


def _seconds(start: str | None, end: str | None) -> float | None:
    if not start or not end:
        return None
    return (datetime.fromisoformat(end) - datetime.fromisoformat(start)).total_seconds()
