package rules

import (
	"fmt"
	"strings"

	networkingv1 "k8s.io/api/networking/v1"
)

// Table is the name of the one table (family inet) that belongs to the policies.
const Table = "pxl_policies"

// Compile returns the input of one nft run: the kernel takes it as a whole or not at all.
//
// Two hooks see a pod's packets, and both after the destination has been translated from a Service to a pod: forward
// for what goes on to a pod or to the outside, input for what goes to the node. What the node itself sends is not
// looked at. An address of the pods' network that no known pod has is shut off: it belongs to a pod that is not
// isolated yet, or is no more.
func Compile(node Node, snapshot Snapshot) (string, error) {
	snapshot = snapshot.sorted()
	var chains strings.Builder
	var leaving, entering []string
	known := []string{node.Gateway.String()}
	for _, pod := range snapshot.Pods {
		known = append(known, pod.Address.String())
		for _, direction := range []networkingv1.PolicyType{networkingv1.PolicyTypeEgress, networkingv1.PolicyTypeIngress} {
			allowed, isolated, err := snapshot.allowed(pod, direction)
			if err != nil {
				return "", err
			}
			if !isolated {
				continue
			}
			chain := fmt.Sprintf("%s-%s", strings.ToLower(string(direction)), pod.Address)
			entry := fmt.Sprintf("%s : jump %s", pod.Address, chain)
			if direction == networkingv1.PolicyTypeEgress {
				leaving = append(leaving, entry)
			} else {
				entering = append(entering, entry)
			}
			writeChain(&chains, chain, pod, direction, allowed)
		}
	}
	var text strings.Builder
	// Deleting what may not be there is an error; declaring what is there is none.
	fmt.Fprintf(&text, "table inet %[1]s\ndelete table inet %[1]s\ntable inet %[1]s {\n", Table)
	writeElements(&text, "map leaving", "ipv4_addr : verdict", leaving)
	writeElements(&text, "map entering", "ipv4_addr : verdict", entering)
	writeElements(&text, "set known", "ipv4_addr", known)
	text.WriteString(chains.String())
	fmt.Fprintf(&text, hooks, node.Bridge, node.Pods)
	text.WriteString("}\n")
	return text.String(), nil
}

// Pods have no IPv6 address but the one that the kernel gives every interface, and no policy can name that.
const hooks = `  chain pods {
    ip saddr %[2]s ip saddr != @known counter drop
    ip daddr %[2]s ip daddr != @known counter drop
    ip saddr vmap @leaving
    ip daddr vmap @entering
  }
  chain forward {
    type filter hook forward priority filter; policy accept;
    iifname "%[1]s" meta nfproto ipv6 counter drop
    ct state established,related accept
    jump pods
  }
  chain input {
    type filter hook input priority filter; policy accept;
    iifname "%[1]s" meta nfproto ipv6 counter drop
    iifname != "%[1]s" accept
    ct state established,related accept
    jump pods
  }
`

func writeElements(text *strings.Builder, name, kind string, elements []string) {
	fmt.Fprintf(text, "  %s {\n    type %s\n", name, kind)
	if len(elements) > 0 {
		fmt.Fprintf(text, "    elements = { %s }\n", strings.Join(elements, ", "))
	}
	text.WriteString("  }\n")
}

func writeChain(
	text *strings.Builder, name string, pod Pod, direction networkingv1.PolicyType, allowed []string,
) {
	// What a pod says to itself through a Service comes by here; no policy can forbid it.
	self := "ip daddr"
	if direction == networkingv1.PolicyTypeIngress {
		self = "ip saddr"
	}
	fmt.Fprintf(text, "  chain %s {\n    comment \"%s\"\n    %s %s return\n", name, label(pod), self, pod.Address)
	for _, each := range allowed {
		fmt.Fprintf(text, "    %s return\n", each)
	}
	text.WriteString("    counter drop\n  }\n")
}

// label is what a person who lists the table sees; the kernel takes 128 bytes of it.
func label(pod Pod) string {
	name := pod.Namespace + "/" + pod.Name
	return name[:min(len(name), 120)]
}
