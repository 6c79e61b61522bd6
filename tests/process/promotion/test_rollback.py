"""``pxlctl rollback`` as a user meets it: a git repository and real registries."""

import json
from dataclasses import replace

from operations.promotion.release import Block, short
from tests.process.promotion.registries import push
from tests.process.promotion.two_stacks import World


def released(world: World, *digests: str) -> None:
    """Releases of prod, one commit each, all of them proven."""
    for digest in digests:
        world.set_release("prod", Block(digest, "staging", "2026-01-01T00:00:00Z", "ada"), f"prod: {short(digest)}")


def test_goes_back_to_the_release_before_and_says_what_stays(world: World) -> None:
    first, second = (push(world.target, "pxl/prod/app", layers=[name]) for name in (b"first", b"second"))
    released(world, first.digest, second.digest)
    result = world.pxlctl("rollback", "prod", "--reason", "orders fail")
    assert result.exit_code == 0, result.stderr
    block = world.release("prod")
    assert block is not None
    assert block["digest"] == first.digest and block["provenIn"] == "staging"
    assert block["reason"] == f"rollback from {short(second.digest)}: orders fail"
    assert block["promotedBy"] == "ada@example.com"
    assert "migrations are not undone" in result.stdout and f"as {short(second.digest)} left it" in result.stdout
    assert "git diff Pulumi.prod.yaml" in result.stdout
    assert world.pxlctl("check", "prod").exit_code == 0


def test_the_list_says_what_there_is(world: World) -> None:
    first, second = (push(world.target, "pxl/prod/app", layers=[name]) for name in (b"first", b"second"))
    released(world, first.digest, second.digest)
    result = world.pxlctl("rollback", "prod", "--list")
    lines = result.stdout.splitlines()
    assert short(second.digest) in lines[0] and "current" in lines[0]
    assert lines[1].startswith(f"→ {short(first.digest)}") and "healthy in staging since" in lines[1]
    data = json.loads(world.pxlctl("rollback", "prod", "--list", "--json").stdout)
    assert data["next"] == first.digest
    assert [one["digest"] for one in data["releases"]] == [second.digest, first.digest]
    assert data["releases"][1]["author"] == "Ada"


def test_a_digest_can_be_named_and_must_have_run_there(world: World) -> None:
    images = [push(world.target, "pxl/prod/app", layers=[bytes([number])]) for number in range(3)]
    released(world, *(one.digest for one in images))
    never = world.pxlctl("rollback", "prod", "--to", "sha256:" + "7" * 64)
    assert never.exit_code == 1 and "never released" in never.stderr
    assert "is what stack prod says now" in world.pxlctl("rollback", "prod", "--to", images[2].digest).stderr
    assert "is no digest" in world.pxlctl("rollback", "prod", "--to", "v1").stderr
    result = world.pxlctl("rollback", "prod", "--to", short(images[0].digest), "--json")
    assert result.exit_code == 0, result.stderr
    data = json.loads(result.stdout)
    assert data["digest"] == images[0].digest
    assert data["migrationsThatStay"] == [images[2].digest, images[1].digest]
    assert data["release"]["reason"] == f"rollback from {short(images[2].digest)}"


def test_an_image_that_is_gone_is_not_gone_back_to(world: World) -> None:
    there = push(world.target, "pxl/prod/app", layers=[b"there"])
    released(world, "sha256:" + "8" * 64, there.digest)
    result = world.pxlctl("rollback", "prod")
    assert result.exit_code == 1 and "no longer in the registry" in result.stderr
    assert world.git("status", "--porcelain") == ""


def test_without_an_earlier_release_it_says_so(world: World) -> None:
    released(world, world.image.digest)
    result = world.pxlctl("rollback", "prod")
    assert result.exit_code == 1 and "no earlier release of stack prod" in result.stderr


def test_what_was_promoted_from_a_stack_counts_as_healthy_there(world: World) -> None:
    world.promote()
    world.commit("prod: a release")
    newer = push(world.source, "pxl/staging/app", layers=[b"newer"])
    world.set_release("staging", Block(newer.digest))
    result = world.pxlctl("rollback", "staging", "--dry-run")
    assert result.exit_code == 0, result.stderr
    assert world.image.digest in result.stdout, "staging never says so itself: nothing is promoted to it"
    assert world.git("status", "--porcelain") == "", "a dry run changes nothing"


def test_a_release_that_came_with_a_merge_counts_once(world: World) -> None:
    first, second = (push(world.target, "pxl/prod/app", layers=[name]) for name in (b"m1", b"m2"))
    released(world, first.digest)
    world.git("switch", "-q", "-c", "promotion")
    released(world, second.digest)
    world.git("switch", "-q", "main")
    world.commit("something else")
    world.git("merge", "-q", "--no-ff", "-m", "Merge promotion", "promotion")
    data = json.loads(world.pxlctl("rollback", "prod", "--list", "--json").stdout)
    assert [one["digest"] for one in data["releases"]] == [second.digest, first.digest]
    merge = world.git("log", "-1", "--format=%H").strip()
    assert data["releases"][0]["commit"] == merge, "on this branch it came with the merge"


def test_a_file_that_is_not_clean_is_not_rolled_back(world: World) -> None:
    released(world, "sha256:" + "8" * 64, world.image.digest)
    world.file("prod").write_text(world.file("prod").read_text() + "# x\n")
    result = world.pxlctl("rollback", "prod")
    assert result.exit_code == 1 and "not committed" in result.stderr


def test_a_clone_without_its_history_is_told_how_to_get_it(world: World) -> None:
    images = [push(world.target, "pxl/prod/app", layers=[name]) for name in (b"s1", b"s2")]
    released(world, *(one.digest for one in images))
    there = world.folder.parent / "clone"
    world.git("clone", "-q", "--depth", "1", f"file://{world.folder}", str(there))
    result = replace(world, folder=there).pxlctl("rollback", "prod")
    assert result.exit_code == 1 and "git fetch --unshallow" in result.stderr
