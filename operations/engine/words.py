"""What the engine said when it failed, without what only decorates it."""

import re
from collections.abc import Collection, Iterable

from operations.redact import redact

_NOISE = re.compile(
    r"^\s*(?:error: update failed|error: preview failed|error: destroy failed|error: an unhandled error)"
)
_ERROR = re.compile(r"^\s*(?:error:|Error:|fatal:|panic:)")


def failure(lines: Iterable[str], limit: int = 25) -> str:
    """The engine's errors, each once; its last lines if it names none.

    Args:
        lines: Its output.
        limit: Lines at most.
    """
    everything = [redact(line).rstrip() for line in lines]
    found: list[str] = []
    index = 0
    while index < len(everything):
        line = everything[index]
        if _ERROR.match(line):
            block, index = _block(everything, index)
            if not _NOISE.match(line) and block[0] not in found:
                found += block
            continue
        index += 1
    chosen = found or [line for line in everything if line.strip()][-8:]
    return "\n".join(chosen[:limit])


def _block(lines: list[str], start: int) -> tuple[list[str], int]:
    """An error and what belongs to it: everything up to the next error, or to a line that is indented less."""
    depth = _depth(lines[start])
    end = start + 1
    while end < len(lines) and not _ERROR.match(lines[end]):
        if lines[end].strip() and _depth(lines[end]) < max(depth, 1):
            break
        end += 1
    block = [line[depth:] for line in lines[start:end]]
    while not block[-1].strip():
        block.pop()
    return block, end


def _depth(line: str) -> int:
    return len(line) - len(line.lstrip())


def without_pods(text: str, pods: Collection[str]) -> str:
    """A failure without what it says of pods that are explained elsewhere, their log lines included.

    Args:
        text: What ``failure`` gave.
        pods: The names of these pods; others of the same workload are explained by them.
    """
    workloads = {pod.rpartition("-")[0] for pod in pods}
    kept: list[str] = []
    explained = False
    for line in text.splitlines():
        begins = line.lstrip().startswith("*") or bool(_ERROR.match(line))
        if begins:
            named = re.match(r"\s*\* pod (\S+)-[^-\s:]+:", line)
            explained = named is not None and named[1] in workloads
        if not explained:
            kept.append(line)
    return "\n".join(kept)


def names_missing_stack(text: str) -> bool:
    """Whether the engine failed because the backend does not know the stack."""
    return bool(re.search(r"no stack named '[^']*' found|stack '[^']*' not found", text))


def names_missing_passphrase(text: str) -> bool:
    """Whether it failed because the key to the stack's secrets was not given, or is another one."""
    return "passphrase must be set" in text or "incorrect passphrase" in text


def names_full_disk(text: str) -> bool:
    """Whether it failed because a disk, or somebody's share of it, is full."""
    return "no space left on device" in text or "disk quota exceeded" in text


def names_broken_order(text: str) -> bool:
    """Whether the engine refuses a state that it has written in the wrong order."""
    return "snapshot integrity" in text
