"""What the API reference says of NetworkPolicies, case by case.

Each case says in names of pods, not in selectors, what gets through: ``into`` for each pod that is isolated for
ingress, ``out`` for each that is isolated for egress. Who is not named there is open.
"""

from tests.e2e.policies.vocabulary import (
    ALL,
    EVERY_POD,
    EVERYBODY,
    NOBODY,
    TCP,
    Case,
    Peers,
    X,
    Y,
    Z,
    block,
    labelled,
    namespaces,
    only,
    pods,
    policy,
    port_of,
    tcp,
    udp,
    where,
)
from tests.e2e.policies.world import ADMIN, HTTP, NODE, OTHER, OUTSIDE, TALK

A, B, C = labelled(app="a"), labelled(app="b"), where("app", "DoesNotExist")
IN, OUT, BOTH = ["Ingress"], ["Egress"], ["Ingress", "Egress"]
A_FROM_B = policy("x", A, ingress=[{"from": [pods(app="b")]}])
DENY_X = policy("x", {}, types=BOTH)
POD_NETWORK, NODE_ADDRESS = "10.244.0.0/24", "10.243.0.2/32"
ALL_OF_X: dict[str, Peers] = dict.fromkeys(X, NOBODY)

CASES = (
    # No policy, no isolation.
    Case("without a policy everything is open", []),
    Case("a policy that selects no pod changes nothing", [policy("x", labelled(app="none"), types=BOTH)]),
    Case("a policy acts in its own namespace alone", [policy("y", A, types=IN)], into={"y/a": NOBODY}),
    # What is selected, and for which direction.
    Case("an empty podSelector selects every pod of the namespace", [policy("x", {}, types=IN)], into=ALL_OF_X),
    Case("ingress is isolated without egress", [policy("x", A, types=IN)], into={"x/a": NOBODY}),
    Case("egress is isolated without ingress", [policy("x", A, types=OUT)], out={"x/a": NOBODY}),
    Case("both at once", [policy("x", A, types=BOTH)], into={"x/a": NOBODY}, out={"x/a": NOBODY}),
    Case("without policyTypes a policy is for ingress", [policy("x", A)], into={"x/a": NOBODY}),
    Case(
        "without policyTypes, egress rules make it one for egress, too",
        [policy("x", A, egress=[{"to": [pods(app="b")]}])],
        into={"x/a": NOBODY},
        out={"x/a": {"x/b": ALL}},
    ),
    Case(
        "with policyTypes Egress, ingress stays open whatever the rules",
        [policy("x", A, types=OUT, egress=[{}])],
        out={"x/a": EVERYBODY},
    ),
    Case(
        "a pod without labels is selected by an expression",
        [policy("x", C, types=BOTH)],
        into={"x/c": NOBODY},
        out={"x/c": NOBODY},
    ),
    Case(
        "matchLabels are all needed",
        [policy("x", labelled(app="a", tier="data"), types=IN)],
    ),
    Case("In", [policy("x", where("app", "In", "a", "z"), types=IN)], into={"x/a": NOBODY}),
    Case(
        "NotIn means pods without the label, too",
        [policy("x", where("app", "NotIn", "a"), types=IN)],
        into={"x/b": NOBODY, "x/c": NOBODY},
    ),
    Case("Exists", [policy("x", where("app", "Exists"), types=IN)], into={"x/a": NOBODY, "x/b": NOBODY}),
    Case("DoesNotExist", [policy("x", where("app", "DoesNotExist"), types=IN)], into={"x/c": NOBODY}),
    Case(
        "matchLabels and matchExpressions are both needed",
        [policy("x", labelled(tier="web") | where("app", "NotIn", "a"), types=IN)],
        into={"x/b": NOBODY},
    ),
    # Rules: an empty list allows nothing, an empty rule everything.
    Case("an empty list of ingress rules allows nothing", [policy("x", A, ingress=[])], into={"x/a": NOBODY}),
    Case("an empty ingress rule allows everything", [policy("x", A, ingress=[{}])], into={"x/a": EVERYBODY}),
    Case("an empty list of egress rules allows nothing", [policy("x", A, types=OUT, egress=[])], out={"x/a": NOBODY}),
    Case("an empty egress rule allows everything", [policy("x", A, types=OUT, egress=[{}])], out={"x/a": EVERYBODY}),
    Case(
        "an empty list of sources means anybody",
        [policy("x", A, ingress=[{"from": [], "ports": [tcp(8080)]}])],
        into={"x/a": only(HTTP)},
    ),
    Case(
        "an empty list of ports means every port",
        [policy("x", A, ingress=[{"from": [pods(app="b")], "ports": []}])],
        into={"x/a": {"x/b": ALL}},
    ),
    # Peers.
    Case("a podSelector means pods of the policy's own namespace", [A_FROM_B], into={"x/a": {"x/b": ALL}}),
    Case(
        "an empty podSelector means every pod of the policy's own namespace",
        [policy("x", A, ingress=[{"from": [pods()]}])],
        into={"x/a": X},
    ),
    Case(
        "a namespaceSelector means every pod of those namespaces",
        [policy("x", A, ingress=[{"from": [namespaces(team="blue")]}])],
        into={"x/a": {**Y, **Z}},
    ),
    Case(
        "an empty namespaceSelector means every pod, and neither node nor outside",
        [policy("x", A, ingress=[{"from": [namespaces()]}], egress=[{"to": [namespaces()]}])],
        into={"x/a": EVERY_POD},
        out={"x/a": EVERY_POD},
    ),
    Case(
        "both in one entry must both match",
        [policy("x", A, ingress=[{"from": [namespaces(team="blue") | pods(app="b")]}])],
        into={"x/a": {"y/b": ALL}},
    ),
    Case(
        "in two entries either may match",
        [policy("x", A, ingress=[{"from": [namespaces(team="blue"), pods(app="b")]}])],
        into={"x/a": {**Y, **Z, "x/b": ALL}},
    ),
    Case(
        "a namespace is known by the name that every one has as a label",
        [policy("x", A, ingress=[{"from": [namespaces(**{"kubernetes.io/metadata.name": "policies-z"})]}])],
        into={"x/a": Z},
    ),
    Case(
        "expressions select namespaces, too",
        [policy("x", A, ingress=[{"from": [{"namespaceSelector": where("stage", "NotIn", "live", "test")}]}])],
        # Other namespaces of the cluster match; none of the three here does.
        into={"x/a": NOBODY},
    ),
    Case(
        "expressions on both sides",
        [
            policy(
                "x",
                A,
                ingress=[
                    {
                        "from": [
                            {
                                "namespaceSelector": where("team", "In", "red", "blue"),
                                "podSelector": where("tier", "In", "data"),
                            }
                        ]
                    }
                ],
            )
        ],
        into={"x/a": {"y/b": ALL, "z/a": ALL}},
    ),
    Case(
        "peers that select nobody allow nobody",
        [policy("x", A, ingress=[{"from": [pods(app="none")]}], egress=[{"to": [namespaces(team="none")]}])],
        into={"x/a": NOBODY},
        out={"x/a": NOBODY},
    ),
    Case(
        "egress to pods of another namespace",
        [policy("x", A, types=OUT, egress=[{"to": [namespaces(team="blue") | pods(tier="data")]}])],
        out={"x/a": {"y/b": ALL, "z/a": ALL}},
    ),
    # Both ends have to say yes.
    Case(
        "egress alone does not open the other end",
        [policy("x", A, types=OUT, egress=[{"to": [pods(app="b")]}]), policy("x", B, types=IN)],
        out={"x/a": {"x/b": ALL}},
        into={"x/b": NOBODY},
    ),
    Case(
        "ingress alone does not open the other end",
        [A_FROM_B, policy("x", B, types=OUT)],
        into={"x/a": {"x/b": ALL}},
        out={"x/b": NOBODY},
    ),
    Case(
        "a yes of both ends connects through a default deny",
        [DENY_X, A_FROM_B, policy("x", B, types=OUT, egress=[{"to": [pods(app="a")], "ports": [tcp(8080)]}])],
        into=ALL_OF_X | {"x/a": {"x/b": ALL}},
        out=ALL_OF_X | {"x/b": {"x/a": (HTTP,)}},
    ),
    Case(
        "a link is one way: the server does not get back to its client",
        [A_FROM_B, policy("x", B, types=IN)],
        into={"x/a": {"x/b": ALL}, "x/b": NOBODY},
    ),
    # Several policies add up, rules of one policy too.
    Case(
        "policies add up",
        [A_FROM_B, policy("x", A, ingress=[{"from": [namespaces(team="blue")], "ports": [tcp(8081)]}])],
        into={"x/a": {"x/b": ALL, **only(ADMIN, of={**Y, **Z})}},
    ),
    Case(
        "a deny does not take back what another allows",
        [DENY_X, policy("x", {}, types=BOTH, ingress=[{}])],
        into=dict.fromkeys(X, EVERYBODY),
        out=ALL_OF_X,
    ),
    Case(
        "rules of one policy add up, each with its own ports",
        [
            policy(
                "x",
                A,
                ingress=[
                    {"from": [pods(app="b")], "ports": [tcp(8080)]},
                    {"from": [namespaces(team="blue")], "ports": [tcp(8081)]},
                ],
            )
        ],
        into={"x/a": {"x/b": (HTTP,), **only(ADMIN, of={**Y, **Z})}},
    ),
    Case(
        "policies of several namespaces do not mix",
        [A_FROM_B, policy("y", A, ingress=[{"from": [pods(app="b")]}])],
        into={"x/a": {"x/b": ALL}, "y/a": {"y/b": ALL}},
    ),
    # Ports.
    Case("a number", [policy("x", A, ingress=[{"ports": [tcp(8080)]}])], into={"x/a": only(HTTP)}),
    Case(
        "without a protocol it is TCP",
        [policy("x", A, ingress=[{"ports": [{"port": 8080}]}])],
        into={"x/a": only(HTTP)},
    ),
    Case(
        "UDP is not TCP of the same number",
        [policy("x", A, ingress=[{"ports": [udp(8080)]}])],
        into={"x/a": only(TALK)},
    ),
    Case(
        "TCP without a number is every TCP port",
        [policy("x", A, ingress=[{"ports": [tcp()]}])],
        into={"x/a": only(*TCP)},
    ),
    Case(
        "UDP without a number is every UDP port",
        [policy("x", A, ingress=[{"ports": [udp()]}])],
        into={"x/a": only(TALK)},
    ),
    Case(
        "SCTP opens neither TCP nor UDP",
        [policy("x", A, ingress=[{"ports": [port_of("SCTP", 8080)]}])],
        into={"x/a": NOBODY},
    ),
    Case(
        "several ports",
        [policy("x", A, ingress=[{"ports": [tcp(8080), tcp(9080), udp(8080)]}])],
        into={"x/a": only(HTTP, OTHER, TALK)},
    ),
    Case(
        "a range includes both of its ends",
        [policy("x", A, ingress=[{"ports": [tcp(8080, 8081)]}])],
        into={"x/a": only(HTTP, ADMIN)},
    ),
    Case("a range of one", [policy("x", A, ingress=[{"ports": [tcp(8081, 8081)]}])], into={"x/a": only(ADMIN)}),
    Case(
        "ranges and numbers that overlap",
        [policy("x", A, ingress=[{"ports": [tcp(8000, 8100), tcp(8080), tcp(8081, 9000)]}])],
        into={"x/a": only(HTTP, ADMIN)},
    ),
    Case(
        "a range for egress",
        [policy("x", A, types=OUT, egress=[{"ports": [tcp(8081, 9080)]}])],
        out={"x/a": only(ADMIN, OTHER)},
    ),
    Case(
        "a port for egress",
        [policy("x", A, types=OUT, egress=[{"to": [namespaces()], "ports": [tcp(8080)]}])],
        out={"x/a": only(HTTP, of=EVERY_POD)},
    ),
    Case(
        "a name is the port that the target's containers call so",
        [policy("z", A, ingress=[{"ports": [tcp("http")]}]), policy("y", A, ingress=[{"ports": [tcp("http")]}])],
        into={"z/a": only(OTHER), "y/a": only(HTTP)},
    ),
    Case(
        "a name that no container has opens nothing",
        [policy("x", A, ingress=[{"ports": [tcp("none")]}])],
        into={"x/a": NOBODY},
    ),
    Case(
        "a name of another protocol opens nothing",
        [policy("x", A, ingress=[{"ports": [tcp("talk")]}])],
        into={"x/a": NOBODY},
    ),
    Case("a name of UDP", [policy("x", A, ingress=[{"ports": [udp("talk")]}])], into={"x/a": only(TALK)}),
    Case(
        "a name for egress is each target's own",
        [policy("x", A, types=OUT, egress=[{"to": [namespaces(team="blue")], "ports": [tcp("http")]}])],
        out={"x/a": {"y/a": (HTTP,), "y/b": (HTTP,), "z/a": (OTHER,)}},
    ),
    Case(
        "a name for egress to anybody means pods that have it",
        [policy("x", A, types=OUT, egress=[{"ports": [tcp("admin")]}])],
        out={"x/a": only(ADMIN, of=EVERY_POD)},
    ),
    # Ranges of addresses.
    Case("a range of all pods", [policy("x", A, ingress=[{"from": [block(POD_NETWORK)]}])], into={"x/a": EVERY_POD}),
    Case(
        "everybody",
        [policy("x", A, types=BOTH, ingress=[{"from": [block("0.0.0.0/0")]}], egress=[{"to": [block("0.0.0.0/0")]}])],
        into={"x/a": EVERYBODY},
        out={"x/a": EVERYBODY},
    ),
    Case("one address", [policy("x", A, ingress=[{"from": [block("{x/b}/32")]}])], into={"x/a": {"x/b": ALL}}),
    Case(
        "a range with a hole",
        [policy("x", A, ingress=[{"from": [block(POD_NETWORK, "{x/b}/32")]}])],
        into={"x/a": {name: ALL for name in EVERY_POD if name != "x/b"}},
    ),
    Case(
        "holes that overlap",
        [policy("x", A, ingress=[{"from": [block("10.244.0.0/16", POD_NETWORK, "{x/b}/32")]}])],
        into={"x/a": NOBODY},
    ),
    Case(
        "a hole is no deny: another entry may allow it",
        [policy("x", A, ingress=[{"from": [block(POD_NETWORK, "{x/b}/32"), pods(app="b")]}])],
        into={"x/a": EVERY_POD},
    ),
    Case(
        "a range and ports",
        [policy("x", A, ingress=[{"from": [block(POD_NETWORK)], "ports": [tcp(8080)]}])],
        into={"x/a": only(HTTP, of=EVERY_POD)},
    ),
    Case(
        "egress to the outside alone",
        [policy("x", A, types=OUT, egress=[{"to": [block("203.0.113.0/24")]}])],
        out={"x/a": {OUTSIDE: ALL}},
    ),
    Case(
        "egress to everybody but the metadata address, as stacks do it",
        [policy("x", A, types=OUT, egress=[{"to": [block("0.0.0.0/0", "169.254.169.254/32")]}])],
        out={"x/a": {**EVERY_POD, NODE: ALL, OUTSIDE: ALL}},
    ),
    Case(
        "egress to the internet alone: neither pods nor node nor metadata",
        [policy("x", A, types=OUT, egress=[{"to": [block("0.0.0.0/0", "10.0.0.0/8", "169.254.0.0/16")]}])],
        out={"x/a": {OUTSIDE: ALL}},
    ),
    Case(
        "a range of IPv6 allows nothing of IPv4",
        [policy("x", A, ingress=[{"from": [block("::/0")]}])],
        into={"x/a": NOBODY},
    ),
    # The node and pods in its network.
    Case(
        "the node is reached through its address alone",
        [policy("x", A, types=OUT, egress=[{"to": [block(NODE_ADDRESS)], "ports": [tcp(8080)]}])],
        out={"x/a": {NODE: (HTTP,)}},
    ),
    Case(
        "selectors do not mean pods in the node's network",
        [policy("x", B, types=OUT, egress=[{"to": [pods(app="a")]}])],
        out={"x/b": {"x/a": ALL}},
    ),
    Case(
        "policies do not isolate pods in the node's network",
        [policy("x", labelled(app="a", tier="web"), types=BOTH)],
        into={"x/a": NOBODY},
        out={"x/a": NOBODY},
    ),
    Case(
        "egress to everybody includes the node",
        [policy("x", A, types=OUT, egress=[{"ports": [tcp(8080)]}])],
        out={"x/a": only(HTTP)},
    ),
)
