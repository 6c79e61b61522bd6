"""Checks of a stack's settings, without its cluster."""

from operations.checking import check_stack_file, command
from operations.doctor.registry import Area, Finding, check, fail, ok, warn
from operations.doctor.subjects import Subject
from operations.stacks import read_yaml, setting


@check("settings", Area.STACK)
def settings(subject: Subject) -> Finding | None:
    """The settings hold no mistake."""
    if subject.file is None:
        return None
    mistakes = check_stack_file(subject.file)
    if not mistakes:
        return ok(f"no mistakes in {subject.file.name}")
    first = f"{mistakes[0].key} {mistakes[0].problem}"
    more = f", and {len(mistakes) - 1} more" if len(mistakes) > 1 else ""
    named = None if subject.file.name == f"Pulumi.{subject.stack}.yaml" else subject.file
    return fail(first + more, command(str(subject.stack), named))


@check("release", Area.STACK)
def release(subject: Subject) -> Finding | None:
    """The stack says which image runs."""
    if subject.file is None:
        return None
    digest = setting(subject.config, "pxl:release.digest")
    if digest:
        return ok(str(digest)[:19])
    if subject.value("registry", "kind") == "cluster":
        return ok("none in the file; `make up` builds one")
    return warn("none: only what a release stands on is made", f"promote a digest into Pulumi.{subject.stack}.yaml")


@check("key to the secrets", Area.STACK)
def passphrase(subject: Subject) -> Finding | None:
    """What decrypts the secrets of the file is at hand."""
    if subject.file is None:
        return None
    document = read_yaml(subject.file)
    if "encryptionsalt" not in document:
        return None
    names = ("PULUMI_CONFIG_PASSPHRASE", "PULUMI_CONFIG_PASSPHRASE_FILE")
    # An empty passphrase is a passphrase, so the file's variable may be set to nothing on purpose.
    if any(subject.machine.env(name) for name in names):
        return ok("a passphrase is set")
    return warn("no passphrase is set", f"export {names[1]}=FILE (or {names[0]})")
