"""What the doctor says of the machine and of a stack's own file."""

from dataclasses import replace
from pathlib import Path

import pytest
from doctor_world import Answering, Bare, on

from operations.doctor import kernel, machine, stack
from operations.doctor.registry import Level
from operations.doctor.subjects import Subject


def test_a_machine_without_go_needs_it_only_if_something_has_to_be_built() -> None:
    assert machine.go(on(Bare()))[0] is Level.FAIL
    built = Bare(built=["engine-1/pulumi", "bin-kubernetes-1/kubelet"])
    assert machine.go(on(built))[0] is Level.OK, "with everything built before, Go would be installed for nothing"


def test_an_old_go_is_refused() -> None:
    assert machine.go(on(Bare({"go": (0, "go1.19.8")})))[0] is Level.FAIL, "Debian 12's own Go fetches no newer one"
    assert machine.go(on(Bare({"go": (0, "go1.26.1")})))[0] is Level.OK


def test_no_remedy_leads_to_a_go_that_is_refused() -> None:
    for finding in (machine.go(on(Bare())), machine.engine(on(Bare()))):
        assert "apt-get install golang-go" not in finding[2], "on Debian 12 that is Go 1.19, too old to build with"
        assert "go.dev/dl" in finding[2]


def test_an_engine_that_make_up_built_has_to_be_on_path_for_other_clusters() -> None:
    built = on(Bare(built=["engine-1/pulumi"]))
    assert machine.engine(built)[0] is Level.OK, "make up finds it by itself"
    level, _, remedy = machine.engine(replace(built, stack="staging", cluster=Answering({})))
    assert level is Level.WARN, "pxlctl up does not look into the cache"
    assert remedy == f'export PATH="{built.cache}/engine-1:$PATH"'


@pytest.mark.parametrize(
    ("programs", "level"),
    [
        ({"pulumi": (0, "v3.259.0"), "pulumi-language-python": (0, "")}, Level.OK),
        ({"pulumi": (0, "v3.259.0")}, Level.FAIL),
        ({"pulumi": (0, "v2.1.0"), "pulumi-language-python": (0, "")}, Level.FAIL),
        ({"pulumi": (1, "cannot execute"), "pulumi-language-python": (0, "")}, Level.FAIL),
        ({"go": (0, "go1.26.1")}, Level.OK),
        ({}, Level.FAIL),
    ],
)
def test_an_engine_is_on_path_or_can_be_built(programs: dict[str, tuple[int, str]], level: Level) -> None:
    assert machine.engine(on(Bare(programs)))[0] is level


def test_modules_that_cannot_be_imported_are_named() -> None:
    level, detail, _ = machine.python(on(Bare(missing_modules=["pulumi_kubernetes"])))
    assert level is Level.FAIL
    assert "without pulumi_kubernetes" in detail


@pytest.mark.parametrize(("free", "level"), [(3, Level.FAIL), (10, Level.WARN), (50, Level.OK)])
def test_disk_space_is_weighed_against_what_a_first_build_takes(free: float, level: Level) -> None:
    assert machine.disk(on(Bare(free=free)))[0] is level


@pytest.mark.parametrize(
    ("kilobytes", "level"), [(1_000_000, Level.FAIL), (3_000_000, Level.WARN), (9_000_000, Level.OK)]
)
def test_memory_is_weighed_against_a_control_plane(kilobytes: int, level: Level) -> None:
    found = machine.memory(on(Bare(files={"/proc/meminfo": f"MemAvailable:   {kilobytes} kB\n"})))
    assert found is not None
    assert found[0] is level


def test_what_only_the_embedded_node_needs_is_not_asked_for_with_another_cluster() -> None:
    subject = replace(on(Bare(root=False)), cluster=Answering({}))
    for one in (machine.root, machine.namespaces, machine.mmdebstrap, machine.memory, kernel.cgroups, kernel.overlay):
        assert one(subject) is None, "nobody needs root to deploy to a cluster that exists"


def test_without_root_another_way_is_offered() -> None:
    found = machine.root(on(Bare(root=False)))
    assert found is not None
    assert "KUBE_CONTEXT" in found[2]


def test_a_port_that_somebody_listens_on_is_taken() -> None:
    table = "  sl  local_address rem_address   st\n   0: 0100007F:1F90 00000000:0000 0A 0 0\n"
    subject = replace(on(Bare(files={"/proc/net/tcp": table})), port=8080)
    assert machine.port(subject)[0] is Level.WARN  # type: ignore[index]
    assert machine.port(replace(subject, port=8081))[0] is Level.OK  # type: ignore[index]
    client = table.replace(" 0A ", " 01 ")
    other = replace(on(Bare(files={"/proc/net/tcp": client})), port=8080)
    assert machine.port(other)[0] is Level.OK, "a connection from that port is no listener"  # type: ignore[index]


@pytest.mark.parametrize(
    ("files", "level", "words"),
    [
        ({"/sys/fs/cgroup/cgroup.controllers": "cpuset cpu io memory pids"}, Level.OK, "version 2"),
        ({"/sys/fs/cgroup/cgroup.controllers": "cpu io"}, Level.FAIL, "without memory, pids"),
        (
            {f"/sys/fs/cgroup/{one}/cgroup.procs": "" for one in ("cpu", "memory", "pids", "unified")},
            Level.OK,
            "version 1 (hybrid)",
        ),
        ({}, Level.FAIL, "without cpu, memory, pids"),
    ],
)
def test_both_versions_of_cgroups_are_understood(files: dict[str, str], level: Level, words: str) -> None:
    found = kernel.cgroups(on(Bare(files=files)))
    assert found is not None
    assert found[0] is level
    assert words in found[1]


def test_a_kernel_feature_counts_whether_loaded_built_in_or_loadable() -> None:
    loaded = Bare(files={"/sys/module/nf_tables": ""})
    built_in = Bare({"zcat": (0, "CONFIG_NF_TABLES=y\n")})
    loadable = Bare({"modprobe": (0, "")})
    for bare in (loaded, built_in, loadable):
        assert kernel.has_feature(bare, "nf_tables", "CONFIG_NF_TABLES")
    assert not kernel.has_feature(
        Bare({"zcat": (0, "# CONFIG_NF_TABLES is not set\n")}), "nf_tables", "CONFIG_NF_TABLES"
    )


def test_the_first_mistake_of_a_stack_is_named_and_the_rest_counted(tmp_path: Path) -> None:
    file = tmp_path / "Pulumi.dev.yaml"
    file.write_text("config: {'pxl:environment': dev, 'pxl:colour': red, 'pxl:flavour': sweet}\n")
    found = stack.settings(Subject(machine=Bare(), stack="dev", file=file))
    assert found is not None
    assert found[0] is Level.FAIL
    assert "and 1 more" in found[1]
    assert found[2] == "pxlctl check dev"


def test_encrypted_settings_want_their_passphrase(tmp_path: Path) -> None:
    file = tmp_path / "Pulumi.dev.yaml"
    file.write_text("encryptionsalt: v1:abc\nconfig: {}\n")
    subject = Subject(machine=Bare(), stack="dev", file=file)
    assert stack.passphrase(subject)[0] is Level.WARN  # type: ignore[index]
    given = replace(subject, machine=Bare(env={"PULUMI_CONFIG_PASSPHRASE": "x"}))
    assert stack.passphrase(given)[0] is Level.OK  # type: ignore[index]
