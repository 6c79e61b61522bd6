"""What the node reads from the machine: control groups, apt sources."""

from pathlib import Path

import pytest

from local import debian
from local.node import addons, cgroups, host
from operations.errors import Problem

V2 = "30 24 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate,memory_recursiveprot\n"
HYBRID = """\
31 24 0:27 / /sys/fs/cgroup ro - tmpfs tmpfs ro,mode=755
32 31 0:28 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw,nsdelegate
33 31 0:29 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,name=systemd
34 31 0:30 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct
35 31 0:31 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory
36 24 0:32 / /mnt/elsewhere rw - cgroup cgroup rw,pids
"""


def test_version_2_of_control_groups_is_one_hierarchy() -> None:
    assert cgroups.hierarchies(V2) == [cgroups.Hierarchy("/sys/fs/cgroup", "cgroup2", "")]


def test_hybrid_control_groups_are_mounted_again_by_controller_or_name() -> None:
    found = {each.mount.rpartition("/")[2]: each for each in cgroups.hierarchies(HYBRID)}
    assert found["unified"].kind == "cgroup2"
    assert found["cpu,cpuacct"].options == "cpu,cpuacct"
    assert found["memory"].options == "memory"
    assert found["systemd"].options == "none,name=systemd", "without a controller, only the name mounts it"
    assert len(found) == 4, "what is mounted elsewhere is not the machine's tree"


@pytest.fixture
def apt(tmp_path: Path) -> Path:
    (tmp_path / "sources.list.d").mkdir()
    return tmp_path


def test_sources_in_the_new_form_are_taken_without_other_vendors(apt: Path) -> None:
    (apt / "sources.list.d" / "debian.sources").write_text(
        "# a comment: with a colon\nTypes: deb deb-src\nURIs: http://mirror/debian\n"
        "Suites: bookworm bookworm-updates bookworm-backports\nComponents: main contrib\n"
        "Signed-By: /usr/share/key.gpg\n\n"
        "Types: deb\nURIs: http://off/debian\nSuites: bookworm\nComponents: main\nEnabled: no\n"
    )
    (apt / "sources.list.d" / "vendor.sources").write_text(
        "Types: deb\nURIs: https://vendor/node\nSuites: nodistro\nComponents: main\n"
    )
    assert debian.sources("bookworm", apt) == [
        "deb [signed-by=/usr/share/key.gpg] http://mirror/debian bookworm main contrib",
        "deb [signed-by=/usr/share/key.gpg] http://mirror/debian bookworm-updates main contrib",
    ]


def test_sources_on_one_line_are_taken_without_other_vendors(apt: Path) -> None:
    (apt / "sources.list").write_text(
        "deb http://archive/ubuntu noble main universe\n# deb http://off/ubuntu noble main\n"
        "deb-src http://archive/ubuntu noble main\ndeb [arch=amd64] http://archive/ubuntu noble-security main\n"
    )
    (apt / "sources.list.d" / "cloud.list").write_text("deb https://vendor/apt cloud-sdk-noble main\n")
    assert debian.sources("noble", apt) == [
        "deb http://archive/ubuntu noble main universe",
        "deb [arch=amd64] http://archive/ubuntu noble-security main",
    ]


def test_coredns_is_found_where_every_cluster_has_it_and_may_not_write() -> None:
    manifests = {each["kind"]: each for each in addons.coredns("localhost:5000/pxl/coredns@sha256:00")}
    assert manifests["Service"]["spec"]["clusterIP"] == "10.96.0.10"
    pods = manifests["Deployment"]["spec"]["template"]
    assert manifests["Service"]["spec"]["selector"].items() <= pods["metadata"]["labels"].items()
    verbs = {verb for rule in manifests["ClusterRole"]["rules"] for verb in rule["verbs"]}
    assert verbs == {"list", "watch"}


def test_a_machine_without_room_for_the_daemons_is_told_before_they_fail_one_by_one() -> None:
    limit = int(Path("/proc/sys/fs/inotify/max_user_instances").read_text())
    with pytest.raises(Problem, match="no room") as caught:
        host.require_inotify(limit + 1)
    assert "fs.inotify.max_user_instances=" in str(caught.value), "the setting that mends it must be named"
    assert len(list(Path("/proc/self/fd").iterdir())) < limit, "what was tried must be closed again"
