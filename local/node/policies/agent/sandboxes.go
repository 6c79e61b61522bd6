package agent

import (
	"net/netip"
	"sync"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"pxl.local/node/policies/wire"
)

// sandboxes are the pod networks that the container runtime has reported: it knows an address before any container
// runs in it, the API server only some time later.
type sandboxes struct {
	mutex sync.Mutex
	byID  map[string]wire.Sandbox
}

func (s *sandboxes) add(sandbox wire.Sandbox) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	for id, other := range s.byID {
		// An address is given away only after its last holder has let go of it, even if nobody said so.
		if other.Address == sandbox.Address {
			delete(s.byID, id)
		}
	}
	s.byID[sandbox.ID] = sandbox
}

func (s *sandboxes) remove(id string) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	delete(s.byID, id)
}

// addresses says which pod has which address. The runtime's word comes first. Pods of which it has said nothing (it
// spoke to an earlier run of this program) have the address in their status, unless it has been given to another.
func (s *sandboxes) addresses(pods []*corev1.Pod) map[types.UID]netip.Addr {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	reported := map[types.UID]netip.Addr{}
	taken := map[netip.Addr]bool{}
	for _, sandbox := range s.byID {
		taken[sandbox.Address] = true
		for _, pod := range pods {
			if sandbox.IsOf(pod) {
				reported[pod.UID] = sandbox.Address
			}
		}
	}
	for _, pod := range pods {
		_, known := reported[pod.UID]
		address, err := netip.ParseAddr(pod.Status.PodIP)
		if !known && !ended(pod) && err == nil && !taken[address] {
			reported[pod.UID], taken[address] = address, true
		}
	}
	return reported
}

// ended says whether a pod's address may have been given away: its containers will not run again.
func ended(pod *corev1.Pod) bool {
	return pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed
}
