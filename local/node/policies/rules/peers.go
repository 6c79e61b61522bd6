package rules

import (
	"fmt"
	"net/netip"
	"strings"

	networkingv1 "k8s.io/api/networking/v1"
)

// peer is one entry of "from" or "to". Its pods are those that it means and that the node knows: named ports can
// only be looked up in them.
type peer struct {
	// where is a format with one verb for the direction ("saddr" or "daddr"); "" is anywhere.
	where string
	pods  []Pod
}

// peers resolves a rule's entries. No entries mean anybody, which is one peer; entries that nothing matches mean
// nobody, which is none.
func (s Snapshot) peers(namespace string, entries []networkingv1.NetworkPolicyPeer) (found []peer, err error) {
	if len(entries) == 0 {
		return []peer{{pods: s.Pods}}, nil
	}
	for _, entry := range entries {
		if entry.IPBlock != nil {
			resolved, err := s.block(*entry.IPBlock)
			if err != nil {
				return nil, err
			}
			found = append(found, resolved...)
			continue
		}
		pods, err := s.selected(namespace, entry)
		if err != nil {
			return nil, err
		}
		if len(pods) > 0 {
			found = append(found, peer{addresses(pods), pods})
		}
	}
	return found, nil
}

// selected are the pods of an entry with selectors: without one for namespaces, those of the policy's own.
func (s Snapshot) selected(namespace string, entry networkingv1.NetworkPolicyPeer) (found []Pod, err error) {
	for _, pod := range s.Pods {
		if entry.NamespaceSelector == nil {
			if pod.Namespace != namespace {
				continue
			}
		} else if matches, err := selects(entry.NamespaceSelector, s.Namespaces[pod.Namespace]); err != nil {
			return nil, err
		} else if !matches {
			continue
		}
		if entry.PodSelector != nil {
			if matches, err := selects(entry.PodSelector, pod.Labels); err != nil {
				return nil, err
			} else if !matches {
				continue
			}
		}
		found = append(found, pod)
	}
	return found, nil
}

// block is a range of addresses without its exceptions. The node has no IPv6, so a range of it matches nothing.
func (s Snapshot) block(block networkingv1.IPBlock) ([]peer, error) {
	whole, err := netip.ParsePrefix(block.CIDR)
	if err != nil {
		return nil, err
	}
	if !whole.Addr().Is4() {
		return nil, nil
	}
	// One match for each exception: ranges in one set must not overlap, exceptions may.
	where := []string{"ip %[1]s " + whole.Masked().String()}
	var holes []netip.Prefix
	for _, text := range block.Except {
		hole, err := netip.ParsePrefix(text)
		if err != nil {
			return nil, err
		}
		holes = append(holes, hole.Masked())
		where = append(where, "ip %[1]s != "+hole.Masked().String())
	}
	found := peer{where: strings.Join(where, " ")}
	for _, pod := range s.Pods {
		if whole.Contains(pod.Address) && !within(pod.Address, holes) {
			found.pods = append(found.pods, pod)
		}
	}
	return []peer{found}, nil
}

func within(address netip.Addr, ranges []netip.Prefix) bool {
	for _, each := range ranges {
		if each.Contains(address) {
			return true
		}
	}
	return false
}

func addresses(pods []Pod) string {
	texts := make([]string, len(pods))
	for index, pod := range pods {
		texts[index] = pod.Address.String()
	}
	return fmt.Sprintf("ip %%[1]s { %s }", strings.Join(texts, ", "))
}
