package rules

import (
	"fmt"
	"slices"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
)

// allowed lists what may pass in one direction, as nft matches; isolated is false when no policy selects the pod,
// and then everything may.
func (s Snapshot) allowed(pod Pod, direction networkingv1.PolicyType) (matches []string, isolated bool, err error) {
	for _, policy := range s.Policies {
		if policy.Namespace != pod.Namespace || !slices.Contains(typesOf(policy.Spec), direction) {
			continue
		}
		selected, err := selects(&policy.Spec.PodSelector, pod.Labels)
		if err != nil {
			return nil, false, fmt.Errorf("policy %s/%s: %w", policy.Namespace, policy.Name, err)
		}
		if !selected {
			continue
		}
		isolated = true
		found, err := s.ofPolicy(policy, pod, direction)
		if err != nil {
			return nil, false, fmt.Errorf("policy %s/%s: %w", policy.Namespace, policy.Name, err)
		}
		matches = append(matches, found...)
	}
	slices.Sort(matches)
	return slices.Compact(matches), isolated, nil
}

func (s Snapshot) ofPolicy(
	policy *networkingv1.NetworkPolicy, pod Pod, direction networkingv1.PolicyType,
) (matches []string, err error) {
	if direction == networkingv1.PolicyTypeIngress {
		for _, rule := range policy.Spec.Ingress {
			peers, err := s.peers(policy.Namespace, rule.From)
			if err != nil {
				return nil, err
			}
			matches = append(matches, ingress(pod, peers, rule.Ports)...)
		}
		return matches, nil
	}
	for _, rule := range policy.Spec.Egress {
		peers, err := s.peers(policy.Namespace, rule.To)
		if err != nil {
			return nil, err
		}
		matches = append(matches, egress(peers, rule.Ports)...)
	}
	return matches, nil
}

// typesOf is policyTypes, or what the API says of a policy that has none.
func typesOf(spec networkingv1.NetworkPolicySpec) []networkingv1.PolicyType {
	if len(spec.PolicyTypes) > 0 {
		return spec.PolicyTypes
	}
	if len(spec.Egress) > 0 {
		return []networkingv1.PolicyType{networkingv1.PolicyTypeIngress, networkingv1.PolicyTypeEgress}
	}
	return []networkingv1.PolicyType{networkingv1.PolicyTypeIngress}
}

// selects says whether a selector means something with these labels; an empty one means everything.
func selects(selector *metav1.LabelSelector, found labels.Set) (bool, error) {
	compiled, err := metav1.LabelSelectorAsSelector(selector)
	if err != nil {
		return false, err
	}
	return compiled.Matches(found), nil
}
