package rules

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// ingress are the matches of one rule for packets to a pod. A named port is the pod's own.
func ingress(pod Pod, peers []peer, ports []networkingv1.NetworkPolicyPort) (matches []string) {
	for _, from := range peers {
		source := at(from.where, "saddr")
		if len(ports) == 0 {
			matches = append(matches, source)
		}
		for _, port := range ports {
			if name, named := nameOf(port); !named {
				matches = append(matches, join(source, numeric(port)))
			} else if number, found := pod.number(name, protocolOf(port)); found {
				matches = append(matches, join(source, single(protocolOf(port), number)))
			}
		}
	}
	return matches
}

// egress are the matches of one rule for packets from a pod. A named port may be another number in every pod that the
// peer means; outside the cluster nothing has named ports.
func egress(peers []peer, ports []networkingv1.NetworkPolicyPort) (matches []string) {
	for _, to := range peers {
		target := at(to.where, "daddr")
		if len(ports) == 0 {
			matches = append(matches, target)
		}
		for _, port := range ports {
			if name, named := nameOf(port); named {
				matches = append(matches, byName(to.pods, name, protocolOf(port))...)
			} else {
				matches = append(matches, join(target, numeric(port)))
			}
		}
	}
	return matches
}

func byName(pods []Pod, name string, protocol corev1.Protocol) (matches []string) {
	byNumber := map[int32][]Pod{}
	for _, pod := range pods {
		if number, found := pod.number(name, protocol); found {
			byNumber[number] = append(byNumber[number], pod)
		}
	}
	for _, number := range slices.Sorted(maps.Keys(byNumber)) {
		matches = append(matches, join(at(addresses(byNumber[number]), "daddr"), single(protocol, number)))
	}
	return matches
}

func numeric(port networkingv1.NetworkPolicyPort) string {
	protocol := protocolOf(port)
	switch {
	case port.Port == nil:
		return "meta l4proto " + strings.ToLower(string(protocol))
	case port.EndPort != nil:
		return fmt.Sprintf("%s-%d", single(protocol, port.Port.IntVal), *port.EndPort)
	}
	return single(protocol, port.Port.IntVal)
}

func single(protocol corev1.Protocol, number int32) string {
	return fmt.Sprintf("%s dport %d", strings.ToLower(string(protocol)), number)
}

func nameOf(port networkingv1.NetworkPolicyPort) (name string, named bool) {
	if port.Port == nil || port.Port.Type == intstr.Int {
		return "", false
	}
	return port.Port.StrVal, true
}

func protocolOf(port networkingv1.NetworkPolicyPort) corev1.Protocol {
	if port.Protocol == nil {
		return corev1.ProtocolTCP
	}
	return *port.Protocol
}

func at(where, direction string) string {
	if where == "" {
		return ""
	}
	return fmt.Sprintf(where, direction)
}

func join(parts ...string) string {
	return strings.TrimSpace(strings.Join(parts, " "))
}
