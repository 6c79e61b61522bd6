"""What the sandbox's first process is told to do."""

import copy
import re
from pathlib import Path
from typing import Any

import pytest

from local.node import cgroups, config, pki, spec
from local.node.layout import DATA_INSIDE, PKI_INSIDE, Layout
from local.paths import State

HYBRID = [
    cgroups.Hierarchy("/sys/fs/cgroup/memory", "cgroup", "memory"),
    cgroups.Hierarchy("/sys/fs/cgroup/unified", "cgroup2", ""),
]

PROGRAMS = spec.Programs(Path("/cache/tools"), Path("/cache/policies"), Path("/cache/outside"))


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    found = Layout(State(tmp_path / "state"))
    found.make()
    return found


def wanted(layout: Layout) -> dict[str, Any]:
    return spec.sandbox(layout, Path("/cache/root"), PROGRAMS, HYBRID)


def test_no_daemon_waits_for_one_that_starts_later() -> None:
    started: set[str] = set()
    for each in spec.processes():
        assert set(each["after"]) <= started, f"{each['name']} would wait forever"
        started.add(each["name"])


def test_every_daemon_has_exactly_one_readiness_check_and_a_log_of_its_own() -> None:
    found = spec.processes()
    assert all(len(each["ready"]) == 1 for each in found), "without a check, up cannot tell when a daemon is ready"
    assert len({each["log"] for each in found}) == len(found), "two daemons in one log cannot be told apart"


def test_every_certificate_that_a_daemon_is_told_of_is_made(layout: Layout) -> None:
    pki.ensure(layout.pki)
    told = " ".join(argument for each in spec.processes() for argument in each["argv"]) + config.files()["kubelet.json"]
    names = set(re.findall(rf"{PKI_INSIDE}/([\w.-]+)", told))
    missing = {name for name in names if not (layout.pki / name).is_file()}
    assert names, "the pattern finds no certificate at all"
    assert not missing, f"a daemon reads certificates that nobody makes: {missing}"


def test_every_file_that_a_daemon_is_told_of_is_written(layout: Layout) -> None:
    pki.ensure(layout.pki)
    config.ensure(layout)
    told = " ".join(argument for each in spec.processes() for argument in each["argv"])
    names = set(re.findall(r"/etc/pxl/([\w.-]+\.(?:json|toml|yml|kubeconfig))", told))
    assert names, "the pattern finds no file at all"
    assert {name for name in names if not (layout.config / name).is_file()} == set()


def test_the_api_server_listens_for_everyone_but_lets_in_only_who_has_a_name() -> None:
    argv = next(each["argv"] for each in spec.processes() if each["name"] == "kube-apiserver")
    assert "--authorization-mode=Node,RBAC" in argv
    assert "--enable-admission-plugins=NodeRestriction" in argv
    assert '"anonymous": {\n    "enabled": true,\n    "conditions"' in config.files()["authentication.json"]
    etcd = next(each["argv"] for each in spec.processes() if each["name"] == "etcd")
    assert all("127.0.0.1" in argument for argument in etcd if "urls" in argument), "etcd has no password"


def test_data_that_must_outlive_the_sandbox_is_kept_in_the_state_folder(layout: Layout) -> None:
    binds = {each["target"]: each["source"] for each in wanted(layout)["binds"]}
    for inside in DATA_INSIDE.values():
        assert binds[inside].startswith(str(layout.folder)), f"{inside} would be lost with the sandbox"


def test_the_cache_and_the_state_folder_have_the_same_path_inside(
    layout: Layout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PXL_CACHE", str(tmp_path / "cache"))
    binds = {each["target"]: each["source"] for each in wanted(layout)["binds"]}
    for path in (str(tmp_path / "cache"), str(layout.state.folder)):
        assert binds[path] == path, "archives are passed by path between the host and the node"


def test_two_nodes_share_no_path_and_no_control_group(tmp_path: Path) -> None:
    first, second = (wanted(Layout(State(tmp_path / name))) for name in ("a", "b"))
    assert first["cgroup_name"] != second["cgroup_name"]
    for key in ("record", "log"):
        assert first[key] != second[key]
    for key in ("record", "status", "cgroup_name", "processes"):
        assert first["watchdog"][key] != second["watchdog"][key]
    assert first["watchdog"]["cgroup_name"] != first["cgroup_name"], "a restart of the node would end its watchdog"
    assert first["root"]["upper"] != second["root"]["upper"], "two overlays over one upper folder destroy it"


def test_the_fingerprint_tells_any_change_of_arguments_or_files(layout: Layout) -> None:
    config_file = layout.config / "kubelet.json"
    config_file.write_text("{}")
    first = wanted(layout)
    before = spec.fingerprint(first, layout.config)
    assert before == spec.fingerprint(copy.deepcopy(first), layout.config), "nothing changed: nothing to restart"
    changed = copy.deepcopy(first)
    changed["processes"][0]["argv"].append("--flag")
    assert spec.fingerprint(changed, layout.config) != before
    config_file.write_text('{"a": 1}')
    assert spec.fingerprint(first, layout.config) != before, "a running daemon has not read the new file"


def test_a_build_has_the_hosts_names_and_a_control_group_of_its_own(layout: Layout, tmp_path: Path) -> None:
    found = spec.build(layout, Path("/cache/root"), tmp_path)
    assert found["cgroup_name"] != wanted(layout)["cgroup_name"], "a restart of the node must not end a build"
    targets = [each["target"] for each in found["binds"]]
    assert "/etc/resolv.conf" in targets
    assert all(each["read_only"] for each in found["binds"] if each["target"].startswith("/etc/"))


def test_the_kubelet_finds_the_kernel_settings_that_it_would_otherwise_change(layout: Layout) -> None:
    shown = {each["target"]: each for each in wanted(layout)["binds"] if each["target"].startswith("/proc/sys/")}
    assert "/proc/sys/vm/overcommit_memory" in shown
    assert all(each["read_only"] for each in shown.values()), "a write would have to fail, not to be lost"
    assert config.files()["kernel/vm/overcommit_memory"] == "1\n"
