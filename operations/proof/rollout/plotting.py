"""A picture of a proof: how long requests took, which pods served, and what failed, over the same time."""

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from operations.errors import Problem
from operations.proof.rollout.model import Load, Measured, Sample
from operations.proof.rollout.workloads import ROLES

_BIN_SECONDS = 0.5
_COLOURS = {Load.KEEP_ALIVE: "tab:blue", Load.FRESH: "tab:orange", Load.JOBS: "tab:green"}
_LEAST_MILLISECONDS = 1
# Above the picture, where it hides nothing.
_LEGEND: Any = {"loc": "lower left", "bbox_to_anchor": (0, 1), "ncols": 3, "fontsize": 8, "frameon": False}


def draw(parts: Sequence[Measured], path: Path) -> None:
    """Draws one column for each change.

    Args:
        parts: What was measured.
        path: Where to write it; its ending says in which format, such as ``.png`` or ``.svg``.

    Raises:
        Problem: It cannot be written there.
    """
    import matplotlib as mpl  # noqa: PLC0415 (takes longer to load than most commands run)

    mpl.use("Agg")
    from matplotlib import pyplot as plt  # noqa: PLC0415

    figure, axes = plt.subplots(
        3, len(parts), figsize=(9 * len(parts), 9), squeeze=False, sharex="col", height_ratios=[3, 2, 2]
    )
    for column, measured in enumerate(parts):
        latency, failures, pods = axes[0][column], axes[1][column], axes[2][column]
        _latency(latency, measured)
        _failures(failures, measured)
        _pods(pods, measured)
        for axis in (latency, failures, pods):
            _change(axis, measured)
        latency.set_title(measured.title, pad=40)
        pods.set_xlabel("seconds")
    # One scale for both sides: who looks at the picture compares them.
    for row in (0, 1):
        top = max(axis.get_ylim()[1] for axis in axes[row])
        for axis in axes[row]:
            axis.set_ylim(top=top)
    figure.tight_layout()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, dpi=75)
    except (OSError, ValueError) as error:
        raise Problem(f"the picture {path} cannot be written", why=str(error)) from error
    finally:
        plt.close(figure)


def _latency(axis: Any, measured: Measured) -> None:
    axis.set_yscale("log")
    axis.set_ylabel("answered within (ms)")
    for load, colour in _COLOURS.items():
        binned = _binned([one for one in measured.samples if one.load is load and not one.problem])
        if not binned:
            continue
        moments = sorted(binned)
        for quantile, style in ((0.5, ":"), (0.99, "-")):
            values = [max(_LEAST_MILLISECONDS, 1000 * _quantile(binned[each], quantile)) for each in moments]
            axis.plot(moments, values, style, color=colour, linewidth=1.2, label=f"{load.value}, p{quantile * 100:.0f}")
    axis.grid(visible=True, alpha=0.3)
    axis.legend(**_LEGEND)


def _failures(axis: Any, measured: Measured) -> None:
    axis.set_ylabel(f"failed, cut off\n(in {_BIN_SECONDS} s)")
    for load, colour in _COLOURS.items():
        failed = _binned([one for one in measured.samples if one.load is load and one.problem])
        _bars(axis, {moment: len(found) for moment, found in failed.items()}, colour, f"{load.value}, failed")
    cuts: dict[float, int] = defaultdict(int)
    for client in measured.clients:
        for stay in client.stays:
            if stay.closed is not None:
                cuts[_bin(stay.closed)] += 1
    _bars(axis, cuts, "lightgrey", "WebSockets cut off")
    axis.set_ylim(bottom=0, top=max(5, axis.get_ylim()[1]))
    axis.grid(visible=True, alpha=0.3)
    if axis.get_legend_handles_labels()[0]:
        axis.legend(**_LEGEND)


def _bars(axis: Any, counts: dict[float, int], colour: str, label: str) -> None:
    if counts:
        axis.bar(list(counts), list(counts.values()), width=_BIN_SECONDS, color=colour, label=label, align="edge")


def _pods(axis: Any, measured: Measured) -> None:
    """A bar for each pod: it starts, serves, and leaves."""
    end = measured.ended
    shown = [pod for pod in measured.pods if pod.workload in ROLES]
    revisions = list(dict.fromkeys(pod.revision for pod in shown))
    for row, pod in enumerate(shown):
        gone = end if pod.gone is None else pod.gone
        leaving = gone if pod.leaving is None else pod.leaving
        ready = leaving if pod.ready is None else min(pod.ready, leaving)
        colour = f"C{revisions.index(pod.revision) % 10}"
        axis.barh(row, leaving - ready, left=ready, color=colour, height=0.8)
        axis.barh(row, gone - leaving, left=leaving, color=colour, height=0.8, alpha=0.35)
    axis.set_yticks(range(len(shown)), [pod.workload for pod in shown], fontsize=7)
    axis.set_ylabel("pods: serving, leaving\n(a colour a revision)")
    axis.set_xlim(0, end)


def _change(axis: Any, measured: Measured) -> None:
    began, complete = measured.changed
    axis.axvline(began, color="black", linewidth=0.8, linestyle="--")
    if complete is not None:
        axis.axvline(complete, color="black", linewidth=0.8, linestyle="--")


def _binned(samples: list[Sample]) -> dict[float, list[float]]:
    found: dict[float, list[float]] = defaultdict(list)
    for sample in samples:
        found[_bin(sample.at)].append(sample.seconds)
    return found


def _bin(moment: float) -> float:
    return moment // _BIN_SECONDS * _BIN_SECONDS


def _quantile(values: list[float], quantile: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * quantile))]
