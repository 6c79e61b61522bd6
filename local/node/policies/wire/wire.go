// Package wire is what the CNI plugin and the agent say to each other, through a socket of the node.
package wire

import (
	"context"
	"net"
	"net/http"
	"net/netip"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
)

// Socket is where the agent listens.
const Socket = "/run/pxl-policies.sock"

// Sandbox is the network of one pod, as the container runtime has just made it.
type Sandbox struct {
	// ID is the runtime's name for it; a pod that is started anew gets another one.
	ID        string     `json:"id"`
	Namespace string     `json:"namespace"`
	Name      string     `json:"name"`
	UID       types.UID  `json:"uid"`
	Address   netip.Addr `json:"address"`
}

// IsOf says whether it is the network of a pod; a pod of the same name that was there before is another one.
func (s Sandbox) IsOf(pod *corev1.Pod) bool {
	sameName := s.Namespace == pod.Namespace && s.Name == pod.Name
	return sameName && (s.UID == "" || s.UID == pod.UID)
}

// Status is what the agent says of itself.
type Status struct {
	// Policies are those in force: resource version by namespace/name.
	Policies map[string]string `json:"policies"`
	// Pods are the addresses that the rules know, by namespace/name.
	Pods map[string]string `json:"pods"`
	// Error is why the rules are not what the API server says; "" when they are.
	Error string `json:"error"`
}

// Client speaks HTTP to the agent; the host in the address is ignored.
func Client() *http.Client {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", Socket)
	}
	return &http.Client{Transport: &http.Transport{DialContext: dial}}
}
