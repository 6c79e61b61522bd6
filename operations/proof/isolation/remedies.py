"""What to do about a connection that is not as declared, or that shows nothing."""

from operations.proof.isolation.judge import Judged, Proof, Verdict
from operations.proof.isolation.model import Kind


def headline(proof: Proof) -> str:
    """What is wrong as a whole; "" if there is nothing to say but the single differences."""
    undeclared = [one for one in proof.judged if one.verdict is Verdict.UNDECLARED]
    blocked = [one for one in proof.judged if one.verdict is Verdict.BLOCKED]
    if undeclared and not blocked:
        return (
            "Nothing at all is blocked: the cluster's network plugin does not enforce NetworkPolicies. "
            "Every pod reaches the database. pxlctl doctor says which plugin runs."
        )
    return ""


def remedy(one: Judged, proof: Proof) -> str:
    """The next step for one connection."""
    where = proof.declared.namespace
    if one.verdict is Verdict.MISSING:
        return (
            f"bring back policies that are gone: {proof.restore}. If it stays, a policy that the program does not know "
            f"is in between, or something else: kubectl get networkpolicy -n {where}"
        )
    if one.verdict is Verdict.UNDECLARED:
        if one.target.place.kind is Kind.CLUSTER and not one.target.place.pod:
            return (
                "the network plugin leaves the way from pods to their node or the API server open: "
                "let it restrict that, too (for some it is a setting), or block it on the node"
            )
        return (
            f"remove the policy that lets it through (kubectl get networkpolicy -n {where}), "
            f"or bring back the one that is gone: {proof.restore}"
        )
    if "nothing can be run" in one.reason or "cannot listen" in one.reason:
        return "give its image perl or node, or allow a container beside it: --ephemeral-containers"
    return f"see whether it runs: pxlctl explain {where}; then try again"
