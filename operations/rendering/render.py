"""``pxlctl render`` as a function: from a stack's name to a folder of manifests."""

from dataclasses import dataclass
from pathlib import Path

from operations.checking import require_clean
from operations.rendering import config, folder
from operations.rendering.manifests import Manifest, manifests
from operations.rendering.program import record
from operations.stacks import Project, read_yaml


@dataclass(frozen=True)
class Rendering:
    """What was written.

    Attributes:
        folder: Where.
        manifests: The files, in apply order.
        invented: Settings that were missing and stand as placeholders in the files.
        left_out: Resources of the Kubernetes provider that are no manifests (charts), as ``type name``.
    """

    folder: Path
    manifests: list[Manifest]
    invented: list[str]
    left_out: list[str]


def render(
    project: Project, stack: str, out: Path, *, file: Path | None = None, program: Path | None = None
) -> Rendering:
    """Writes every Kubernetes manifest of a stack into a folder, without a cluster or credentials.

    Args:
        project: The project.
        stack: The stack.
        out: The folder; replaced as a whole if this command wrote it, refused if it did not.
        file: The settings file, if not ``Pulumi.<stack>.yaml``.
        program: The program, if not the one that ``Pulumi.yaml`` names as ``main``.

    Raises:
        Problem: If the settings hold a mistake, the program fails or the folder may not be replaced. The
            folder is then as it was.
    """
    folder.check_replaceable(out)
    path = require_clean(project, stack, file)
    definition = project.definition()
    settings = config.build(read_yaml(path).get("config") or {}, definition)
    main = program or project.folder / str(definition.get("main", "."))
    resources = record(main, str(definition.get("name", "pxl")), stack, settings)
    written = manifests(resources)
    folder.replace(out, {one.file: one.text for one in written})
    left_out = [f"{one.type} {one.name}" for one in resources if _is_left_out(one.type, one.custom, one.is_manifest)]
    return Rendering(out, written, settings.invented, sorted(left_out))


def _is_left_out(token: str, custom: bool, is_manifest: bool) -> bool:
    return custom and token.startswith("kubernetes:") and not is_manifest
