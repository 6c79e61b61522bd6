"""The end of a pod, from one number."""

from dataclasses import dataclass

from pxl_components.validation import Arguments

SHORTEST_SECONDS = 5
LONGEST_SECONDS = 3600
DEFAULT_SECONDS = 30
_MARGIN_SECONDS = 10
_LONGEST_PRE_STOP_SECONDS = 15


@dataclass(frozen=True)
class Drain:
    """How a pod ends: it keeps serving while it is taken out of rotation, then closes, and is killed only after both.

    Attributes:
        drain_seconds: The one knob: how long the app may take to finish what it has begun, once no new work comes.
        pre_stop_seconds: How long the pod keeps serving after the order to go, until every node and load balancer
            has stopped sending to it. 0 where nothing is sent to it.
    """

    drain_seconds: int
    pre_stop_seconds: int

    @staticmethod
    def read(args: Arguments, *, receives_traffic: bool) -> "Drain":
        """Derives everything from ``drain_seconds``.

        The pre-stop sleep is half of it, from 5 s (all nodes have heard of it by then) to 15 s (load balancers, too).

        Raises:
            ArgumentError: no whole number of seconds from 5 to 3600.
        """
        seconds = args.integer("drain_seconds", DEFAULT_SECONDS, SHORTEST_SECONDS, LONGEST_SECONDS)
        pre_stop = min(_LONGEST_PRE_STOP_SECONDS, max(SHORTEST_SECONDS, seconds // 2)) if receives_traffic else 0
        return Drain(seconds, pre_stop)

    @property
    def graceful_milliseconds(self) -> int:
        """What the app is told: how long it may take to close."""
        return self.drain_seconds * 1000

    @property
    def termination_grace_seconds(self) -> int:
        """When the kubelet kills: pre-stop, graceful close and 10 s of margin after the order to go."""
        return self.pre_stop_seconds + self.drain_seconds + _MARGIN_SECONDS

    @property
    def deregistration_seconds(self) -> int:
        """How long a load balancer may keep sending to connections that are open: until the app has closed them."""
        return self.pre_stop_seconds + self.drain_seconds
