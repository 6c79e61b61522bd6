// Package rules turns NetworkPolicies into one nftables table.
//
// The semantics are those of the API reference (networking.k8s.io/v1): a pod that no policy selects is open; one that
// is selected lets through what any of its policies allows, in each direction for itself; a connection needs the yes
// of both ends. Replies belong to their connection. The node always reaches its pods, and a pod always itself.
package rules

import (
	"cmp"
	"net/netip"
	"slices"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/labels"
)

// Node is what the rules have to know of the node's network.
type Node struct {
	// Bridge is the interface that every pod's packets come in through.
	Bridge string
	// Pods is the network that the pods' addresses are taken from.
	Pods netip.Prefix
	// Gateway is the node's own address in it.
	Gateway netip.Addr
}

// Pod is one with a network of its own. Pods in the node's network are the node, for the purpose of policies.
type Pod struct {
	Namespace, Name string
	Labels          labels.Set
	Address         netip.Addr
	Ports           []corev1.ContainerPort
}

// Snapshot is everything that decides who may talk to whom, at one moment.
type Snapshot struct {
	// Namespaces holds the labels of each namespace.
	Namespaces map[string]labels.Set
	Pods       []Pod
	Policies   []*networkingv1.NetworkPolicy
}

// NewPod takes from a Pod object what policies may ask about.
func NewPod(object *corev1.Pod, address netip.Addr) Pod {
	pod := Pod{Namespace: object.Namespace, Name: object.Name, Labels: object.Labels, Address: address}
	for _, container := range object.Spec.InitContainers {
		// An init container that is restarted is a sidecar: it listens for as long as the pod lives.
		if container.RestartPolicy != nil && *container.RestartPolicy == corev1.ContainerRestartPolicyAlways {
			pod.Ports = append(pod.Ports, container.Ports...)
		}
	}
	for _, container := range object.Spec.Containers {
		pod.Ports = append(pod.Ports, container.Ports...)
	}
	return pod
}

// sorted brings a snapshot into one order, so that the same state gives the same text.
func (s Snapshot) sorted() Snapshot {
	s.Pods, s.Policies = slices.Clone(s.Pods), slices.Clone(s.Policies)
	slices.SortFunc(s.Pods, func(a, b Pod) int { return a.Address.Compare(b.Address) })
	slices.SortFunc(s.Policies, func(a, b *networkingv1.NetworkPolicy) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
	})
	return s
}

// number is the port that a pod's containers call by a name; ok is false when none does.
func (p Pod) number(name string, protocol corev1.Protocol) (port int32, ok bool) {
	for _, each := range p.Ports {
		if each.Name == name && cmp.Or(each.Protocol, corev1.ProtocolTCP) == protocol {
			return each.ContainerPort, true
		}
	}
	return 0, false
}
