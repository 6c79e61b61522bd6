"""The Kubernetes stand-in's decisions, on plain objects: names, differences, replacements, what is recorded."""

import copy
import json
import os
from pathlib import Path
from typing import Any

import pytest
import yaml

from local.standins.kubernetes import check, diff, names, state
from local.standins.kubernetes.client import encoded
from local.standins.kubernetes.kubeconfig import Unreachable, replacing_arguments, target
from local.standins.kubernetes.objects import AUTONAMED, id_of, is_namespaced, kind_of, parse_id, to_api
from local.standins.values import UNKNOWN, Secret, decode, encode, mark_like

URN = "urn:pulumi:dev::pxl::pxl:index:Api$kubernetes:{}::web"
DEPLOYMENT: dict[str, Any] = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "web-1a2b3c4d", "namespace": "shop", "annotations": {AUTONAMED: "true"}},
    "spec": {
        "replicas": 2,
        "selector": {"matchLabels": {"app": "web"}},
        "template": {
            "metadata": {"labels": {"app": "web"}},
            "spec": {"containers": [{"name": "app", "image": "a", "resources": {"limits": {"cpu": "500m"}}}]},
        },
    },
}


def _complete(new: dict[str, Any], old: dict[str, Any] | None = None, namespace: str | None = "shop") -> dict[str, Any]:
    return check.complete(
        new,
        old or {},
        api_version="v1",
        kind="ConfigMap",
        name_for_new=lambda: "drawn-00000000",
        default_namespace=namespace,
    )


def _changed(before: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    after = copy.deepcopy(before)
    *parents, last = path.split(".")
    place: Any = after
    for part in parents:
        place = place[int(part)] if part.isdigit() else place[part]
    place[last] = value
    return after


# --- values -------------------------------------------------------------------------------------------------------


def test_secrets_unknowns_and_whole_numbers_survive_the_protocol() -> None:
    given = {"a": Secret({"b": [1, 0.5, True, "x"]}), "c": UNKNOWN, "d": {"e": []}, "f": {}, "port": 8080}
    back = decode(encode(given))
    assert back == given, "a value that is sent and read again is the same"
    assert isinstance(back["port"], int), "the API refuses 8080.0 where it wants an integer"


def test_an_object_is_sent_as_json_that_yaml_reads_the_same() -> None:
    obj = {"data": {"\U0001f600": "\x7f\x85\u2028 \\ud83d \\\u00e9 \"'\n"}, "count": 1, "off": None}
    assert json.loads(encoded(obj)) == obj
    assert yaml.safe_load(encoded(obj)) == obj, "the API server reads an apply as YAML, which has no pairs of escapes"


def test_a_secret_in_a_list_hides_the_whole_list() -> None:
    marked = mark_like({"env": [{"value": "x"}], "name": "n"}, {"env": [{"value": Secret("x")}], "name": "n"})
    assert marked == {"env": Secret([{"value": "x"}]), "name": "n"}, "the server may reorder a list"


# --- names and kinds ----------------------------------------------------------------------------------------------


def test_a_new_object_without_a_name_gets_one_and_says_so() -> None:
    made = _complete({"data": {}})["metadata"]
    assert made["name"] == "drawn-00000000"
    assert made["annotations"] == {AUTONAMED: "true"}, "diff has to know that the name may change"


def test_a_drawn_name_is_kept_and_a_chosen_one_never_overwritten() -> None:
    old = {"metadata": {"name": "web-11111111", "annotations": {AUTONAMED: "true"}}}
    assert _complete({}, old)["metadata"]["name"] == "web-11111111", "an update is of the same object"
    chosen = _complete({"metadata": {"name": "mine"}}, old)["metadata"]
    assert chosen["name"] == "mine"
    assert "annotations" not in chosen, "a chosen name is not drawn"


def test_the_default_namespace_goes_only_where_none_is_named() -> None:
    assert _complete({})["metadata"]["namespace"] == "shop"
    assert _complete({"metadata": {"namespace": "other"}})["metadata"]["namespace"] == "other"
    assert "namespace" not in _complete({}, namespace=None)["metadata"], "a ClusterRole has no namespace"


def test_unknown_metadata_is_left_for_the_update() -> None:
    assert _complete({"metadata": UNKNOWN})["metadata"] is UNKNOWN, "a made-up name would preview a replacement"


def test_generate_name_is_refused_with_the_remedy() -> None:
    with pytest.raises(check.Unacceptable, match="leave the name out"):
        _complete({"metadata": {"generateName": "x-"}})


@pytest.mark.parametrize(("kind", "limit"), [("Service", 63), ("ConfigMap", 253)])
def test_a_drawn_name_fits_the_limit_of_its_kind(kind: str, limit: int) -> None:
    name = names.draw("a" * 300, kind)
    assert len(name) == limit
    assert name != names.draw("a" * 300, kind), "another object gets another name"


def test_the_same_seed_draws_the_same_name() -> None:
    assert names.draw("web", "Deployment", b"seed") == names.draw("web", "Deployment", b"seed")
    assert names.draw("web", "Deployment", b"seed") != names.draw("web", "Deployment", b"other")


def test_kinds_come_from_the_inputs_or_the_type_token() -> None:
    assert kind_of(URN.format("core/v1:Secret"), {}) == ("v1", "Secret")
    assert kind_of(URN.format("networking.k8s.io/v1:NetworkPolicy"), {}) == ("networking.k8s.io/v1", "NetworkPolicy")
    assert kind_of(URN.format("a.b/v1:C"), {"apiVersion": "a.b/v2", "kind": "D"}) == ("a.b/v2", "D")


@pytest.mark.parametrize("token", ["helm.sh/v3:Release", "core/v1:ConfigMapPatch", "core/v1:ConfigMapList"])
def test_what_is_no_single_object_is_refused_by_name(token: str) -> None:
    with pytest.raises(ValueError, match=token):
        kind_of(URN.format(token), {})


def test_only_the_server_knows_where_custom_kinds_live() -> None:
    assert is_namespaced("apps/v1", "Deployment") is True
    assert is_namespaced("rbac.authorization.k8s.io/v1", "ClusterRole") is False
    assert is_namespaced("external-secrets.io/v1", "ExternalSecret") is None


def test_ids_name_the_namespace_where_there_is_one() -> None:
    assert id_of(DEPLOYMENT) == "shop/web-1a2b3c4d"
    assert parse_id("shop/web") == ("shop", "web")
    assert parse_id("shop") == (None, "shop")


def test_the_dashed_fields_of_schemas_reach_the_api() -> None:
    assert to_api({"a": [{"x_kubernetes_preserve_unknown_fields": True}]}) == {
        "a": [{"x-kubernetes-preserve-unknown-fields": True}]
    }


# --- differences --------------------------------------------------------------------------------------------------


def test_equal_inputs_have_no_difference() -> None:
    assert diff.compare(DEPLOYMENT, copy.deepcopy(DEPLOYMENT)) == []


@pytest.mark.parametrize(
    ("path", "value"),
    [("spec.replicas", 2.0), ("spec.template.spec.containers.0.resources.limits.cpu", "0.5")],
)
def test_the_same_amount_in_other_words_is_no_difference(path: str, value: Any) -> None:
    assert diff.compare(DEPLOYMENT, _changed(DEPLOYMENT, path, value)) == []


@pytest.mark.parametrize(
    ("first", "second"),
    [("1Gi", "1024Mi"), ("0.5", "500m"), (1, "1"), ("1k", "1000"), ("1e3", "1000"), ("100n", "0.1u")],
)
def test_quantities_are_compared_as_numbers(first: Any, second: Any) -> None:
    assert diff.same(first, second, ("resources", "limits", "cpu"))
    assert not diff.same(first, second, ("data", "cpu")) or first == second, "in a ConfigMap they are texts"


def test_empty_and_missing_are_different_things() -> None:
    policy = {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": "p"}, "spec": {}}
    denies = {**policy, "spec": {"ingress": []}}
    assert [entry.text() for entry in diff.compare(policy, denies)] == ["spec.ingress"], "no rules are not any rules"


@pytest.mark.parametrize(
    ("path", "value", "text", "replaces"),
    [
        ("spec.replicas", 3, "spec.replicas", False),
        ("spec.template.spec.containers.0.image", "b", "spec.template.spec.containers[0].image", False),
        ("spec.selector.matchLabels.app", "x", "spec.selector.matchLabels.app", True),
        ("metadata.namespace", "other", "metadata.namespace", True),
        ("metadata.labels", {"a.b/c": "d"}, "metadata.labels", False),
    ],
)
def test_a_changed_field_is_named_and_replaces_only_where_the_api_cannot_change_it(
    path: str, value: Any, text: str, replaces: bool
) -> None:
    found = diff.compare(DEPLOYMENT, _changed(DEPLOYMENT, path, value))
    assert [(entry.text(), entry.replaces) for entry in found] == [(text, replaces)]


def test_paths_quote_what_the_engine_would_split() -> None:
    assert diff.text_of(("metadata", "labels", "app.kubernetes.io/name")) == 'metadata.labels["app.kubernetes.io/name"]'


def _object(kind: str, api: str = "v1", **fields: Any) -> dict[str, Any]:
    return {"apiVersion": api, "kind": kind, "metadata": {"name": "n", "namespace": "s"}, **fields}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (_object("Secret", data={"a": "1"}), _object("Secret", data={"a": "2"})),
        (_object("ConfigMap", data={"a": "1"}), _object("ConfigMap", data={"a": "2"})),
        (_object("Service", spec={"clusterIP": "10.0.0.1"}), _object("Service", spec={"clusterIP": "None"})),
        (
            _object("Job", "batch/v1", spec={"template": {"a": 1}}),
            _object("Job", "batch/v1", spec={"template": {"a": 2}}),
        ),
        (
            _object("StatefulSet", "apps/v1", spec={"volumeClaimTemplates": [{"a": 1}]}),
            _object("StatefulSet", "apps/v1", spec={"volumeClaimTemplates": [{"a": 2}]}),
        ),
        (
            _object("RoleBinding", "rbac.authorization.k8s.io/v1", roleRef={"name": "a"}),
            _object("RoleBinding", "rbac.authorization.k8s.io/v1", roleRef={"name": "b"}),
        ),
        (
            _object("PersistentVolumeClaim", spec={"storageClassName": "a"}),
            _object("PersistentVolumeClaim", spec={"storageClassName": "b"}),
        ),
    ],
    ids=lambda value: value["kind"],
)
def test_immutable_fields_replace_their_object(old: dict[str, Any], new: dict[str, Any]) -> None:
    found = diff.compare(old, new)
    assert found
    assert all(entry.replaces for entry in found)
    assert diff.deletes_first(found, new, old), "a chosen name is taken until the old object is gone"
    drawn = _changed(new, "metadata.annotations", {AUTONAMED: "true"})
    assert not diff.deletes_first(found, drawn, old), "with a drawn name the new object comes first: no downtime"


def test_mutable_secrets_change_in_place_unless_they_are_immutable() -> None:
    old, new = _object("Secret", data={"a": "1"}), _object("Secret", data={"a": "2"})
    mutable = frozenset({"Secret"})
    assert not diff.compare(old, new, mutable)[0].replaces
    frozen = {**new, "immutable": True}
    assert diff.compare({**old, "immutable": True}, frozen, mutable)[0].replaces


def test_what_is_not_known_yet_counts_as_changed() -> None:
    found = diff.compare(DEPLOYMENT, _changed(DEPLOYMENT, "spec.replicas", UNKNOWN))
    assert [entry.text() for entry in found] == ["spec.replicas"]


# --- what is recorded ---------------------------------------------------------------------------------------------


def test_secret_data_is_recorded_as_secret_even_if_the_program_gave_it_plain() -> None:
    inputs = _object("Secret", stringData={"a": "open"})
    recorded = state.outputs(inputs, _object("Secret", data={"a": "b3Blbg=="}), "manager")
    assert recorded["data"] == Secret({"a": "b3Blbg=="})
    assert recorded["__inputs"]["stringData"] == Secret({"a": "open"})


def test_managed_fields_are_not_recorded() -> None:
    live = _changed(DEPLOYMENT, "metadata.managedFields", [{"manager": "m"}])
    assert "managedFields" not in state.outputs(DEPLOYMENT, live, "m")["metadata"], "they change with every request"


def test_a_refresh_keeps_what_the_server_only_says_in_other_words() -> None:
    live = _changed(DEPLOYMENT, "spec.template.spec.containers.0.resources.limits.cpu", "0.5")
    live = _changed(live, "spec.progressDeadlineSeconds", 600)
    given = _changed(DEPLOYMENT, "spec.template.spec.containers.0.env", [{"name": "EMPTY", "value": ""}])
    live = _changed(live, "spec.template.spec.containers.0.env", [{"name": "EMPTY"}])
    assert state.live_inputs(given, live) == given, "defaults and omitted empty values are no drift"


def test_a_refresh_finds_what_somebody_has_changed() -> None:
    found = state.live_inputs(DEPLOYMENT, _changed(DEPLOYMENT, "spec.replicas", 5))
    assert found["spec"]["replicas"] == 5
    assert [entry.text() for entry in diff.compare(found, DEPLOYMENT)] == ["spec.replicas"], "the next update mends it"


def test_a_refresh_compares_string_data_with_what_the_server_made_of_it() -> None:
    inputs = _object("Secret", stringData=Secret({"a": "open"}))
    assert state.live_inputs(inputs, _object("Secret", data={"a": "b3Blbg=="})) == inputs
    drifted = state.live_inputs(inputs, _object("Secret", data={"a": "c2h1dA=="}))
    assert drifted["stringData"] == Secret({"a": "shut"}), "drift of a secret is secret too"


def test_a_preview_knows_nothing_that_only_the_real_run_decides() -> None:
    service = _object("Service", spec={"clusterIP": "10.96.0.9", "ports": []})
    shown = state.of_preview(service, {"spec": {}}, UNKNOWN)
    assert shown["spec"]["clusterIP"] is UNKNOWN
    assert shown["metadata"]["uid"] is UNKNOWN
    assert state.of_preview(service, {"spec": {"clusterIP": "10.96.0.9"}}, UNKNOWN)["spec"]["clusterIP"] == "10.96.0.9"


# --- where it may go ----------------------------------------------------------------------------------------------


def _kubeconfig(server: str, **more: Any) -> str:
    return json.dumps(
        {
            "current-context": "here",
            "contexts": [{"name": "here", "context": {"cluster": "c", "user": "u", "namespace": "shop"}}],
            "clusters": [{"name": "c", "cluster": {"server": server, **more}}],
            "users": [{"name": "u", "user": {}}],
        }
    )


@pytest.mark.parametrize(
    "server", ["https://127.0.0.1:6443", "https://127.8.9.1:6443", "https://[::1]:1", "https://localhost"]
)
def test_servers_of_this_machine_are_taken(server: str) -> None:
    found = target(_kubeconfig(server))
    assert (found.server, found.context, found.namespace) == (server, "here", "shop")


@pytest.mark.parametrize(
    "kubeconfig",
    [
        _kubeconfig("https://10.0.0.1:6443"),
        _kubeconfig("https://127.0.0.1.example.com"),
        _kubeconfig("https://localhost.example.com"),
        _kubeconfig("https://127.0.0.1@example.com"),
        _kubeconfig("https://127.0.0.1:6443", **{"proxy-url": "http://example.com"}),
    ],
)
def test_every_other_server_is_refused_unless_its_context_is_named(
    kubeconfig: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PXL_STANDIN_CONTEXT", raising=False)
    with pytest.raises(Unreachable, match="PXL_STANDIN_CONTEXT"):
        target(kubeconfig)
    monkeypatch.setenv("PXL_STANDIN_CONTEXT", "there")
    with pytest.raises(Unreachable):
        target(kubeconfig)
    monkeypatch.setenv("PXL_STANDIN_CONTEXT", "here")
    assert target(kubeconfig).context == "here"


@pytest.mark.parametrize(
    "given", [None, "", "/no/such/file", "not: [a kubeconfig", "{}", _kubeconfig("https://localhost")[:40]]
)
def test_an_unusable_kubeconfig_is_a_cluster_out_of_reach(given: str | None) -> None:
    with pytest.raises(Unreachable):
        target(given)


def test_the_machines_own_current_context_is_never_used(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "config").write_text(_kubeconfig("https://127.0.0.1:6443"))
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "config"))
    with pytest.raises(Unreachable, match="current context"):
        target(None)
    assert target(None, "here").server == "https://127.0.0.1:6443", "a context that is named is another matter"
    with pytest.raises(Unreachable, match="there"):
        target(None, "there")


def test_several_kubeconfigs_count_as_one_and_paths_in_them_are_relative_to_each(tmp_path: Path) -> None:
    (tmp_path / "a").write_text(_kubeconfig("https://127.0.0.1:1", **{"certificate-authority": "ca.pem"}))
    (tmp_path / "b").write_text(_kubeconfig("https://127.0.0.1:2").replace("here", "there").replace('"c"', '"d"'))
    joined = os.pathsep.join([str(tmp_path / "missing"), str(tmp_path / "a"), str(tmp_path / "b")])
    first = target(joined)
    assert first.context == "here", "the first file's current context counts"
    assert first.config["clusters"][0]["cluster"]["certificate-authority"] == str(tmp_path / "ca.pem")
    assert target(joined, "there").server == "https://127.0.0.1:2"


def test_a_stable_cluster_identifier_outlives_a_changed_kubeconfig() -> None:
    old = {"kubeconfig": _kubeconfig("https://127.0.0.1:1"), "clusterIdentifier": "a"}
    new = {"kubeconfig": _kubeconfig("https://127.0.0.1:2"), "clusterIdentifier": "a"}
    assert replacing_arguments(old, new, ["kubeconfig"]) == []
    other = {**new, "clusterIdentifier": "b"}
    assert replacing_arguments(old, other, ["clusterIdentifier", "kubeconfig"]) == ["clusterIdentifier"]


def test_without_an_identifier_another_address_is_another_cluster() -> None:
    old, moved = {"kubeconfig": _kubeconfig("https://127.0.0.1:1")}, {"kubeconfig": _kubeconfig("https://127.0.0.1:2")}
    same_server = {"kubeconfig": _kubeconfig("https://127.0.0.1:1", **{"insecure-skip-tls-verify": True})}
    assert replacing_arguments(old, moved, ["kubeconfig"]) == ["kubeconfig"]
    assert replacing_arguments(old, same_server, ["kubeconfig"]) == [], "a renewed certificate replaces nothing"
    assert replacing_arguments(old, {"kubeconfig": UNKNOWN}, ["kubeconfig"]) == ["kubeconfig"]
