// Package agent keeps the node's nftables rules what the NetworkPolicies of the cluster say.
package agent

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os/exec"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/clientcmd"

	"pxl.local/node/policies/rules"
	"pxl.local/node/policies/wire"
)

const (
	// Changes come in groups: a rollout, a namespace that is deleted.
	settle = 20 * time.Millisecond
	// A failed run of nft is tried again, whatever else happens.
	retry = 2 * time.Second
)

// Agent watches the API server and writes rules.
type Agent struct {
	node      rules.Node
	client    kubernetes.Interface
	factory   informers.SharedInformerFactory
	sandboxes sandboxes
	changed   chan struct{}
	// One run of nft at a time; guards what follows.
	mutex   sync.Mutex
	written string
	status  wire.Status
}

// New makes an agent for one node, with a kubeconfig that may read pods, namespaces and NetworkPolicies.
func New(kubeconfig string, node rules.Node) (*Agent, error) {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return nil, err
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	factory := informers.NewSharedInformerFactoryWithOptions(client, 0, informers.WithTransform(withoutManagers))
	return &Agent{
		node: node, client: client, factory: factory,
		sandboxes: sandboxes{byID: map[string]wire.Sandbox{}},
		changed:   make(chan struct{}, 1),
		status:    wire.Status{Error: "the API server has not said yet what there is"},
	}, nil
}

// withoutManagers drops the largest part of an object, which nobody here reads.
func withoutManagers(object any) (any, error) {
	if found, err := meta.Accessor(object); err == nil {
		found.SetManagedFields(nil)
	}
	return object, nil
}

// Run listens, watches and writes until the context ends.
func (a *Agent) Run(ctx context.Context) error {
	// Before anything else: without rules, nothing that runs on the node may be open to its pods.
	if err := a.listen(ctx); err != nil {
		return err
	}
	watched := []cache.SharedIndexInformer{
		a.factory.Core().V1().Pods().Informer(),
		a.factory.Core().V1().Namespaces().Informer(),
		a.factory.Networking().V1().NetworkPolicies().Informer(),
	}
	for _, each := range watched {
		if _, err := each.AddEventHandler(cache.ResourceEventHandlerFuncs{
			AddFunc:    func(any) { a.notice() },
			UpdateFunc: func(any, any) { a.notice() },
			DeleteFunc: func(any) { a.notice() },
		}); err != nil {
			return err
		}
	}
	a.factory.Start(ctx.Done())
	for kind, synced := range a.factory.WaitForCacheSync(ctx.Done()) {
		if !synced {
			return fmt.Errorf("%s could not be read: %w", kind, ctx.Err())
		}
	}
	go a.heartbeat(ctx)
	a.notice()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-a.changed:
			time.Sleep(settle)
		}
		if err := a.apply(); err != nil {
			slog.Error("the rules could not be written", "error", err)
			time.AfterFunc(retry, a.notice)
		}
	}
}

func (a *Agent) notice() {
	select {
	case a.changed <- struct{}{}:
	default:
	}
}

// synced says whether everything has been read once; rules from less would open what is closed.
func (a *Agent) synced() bool {
	return a.factory.Core().V1().Pods().Informer().HasSynced() &&
		a.factory.Core().V1().Namespaces().Informer().HasSynced() &&
		a.factory.Networking().V1().NetworkPolicies().Informer().HasSynced()
}

// apply writes the rules of this moment, unless they are written already.
func (a *Agent) apply() error {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	snapshot, status, err := a.snapshot()
	if err == nil {
		err = a.write(snapshot, len(status.Policies))
	}
	if err != nil {
		a.status.Error = err.Error()
		return err
	}
	a.status = status
	return nil
}

func (a *Agent) write(snapshot rules.Snapshot, policies int) error {
	text, err := rules.Compile(a.node, snapshot)
	if err != nil || text == a.written {
		return err
	}
	command := exec.Command("nft", "--file", "-")
	command.Stdin = bytes.NewBufferString(text)
	if output, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("nft: %w: %s", err, bytes.TrimSpace(output))
	}
	a.written = text
	slog.Info("rules written", "policies", policies, "pods", len(snapshot.Pods))
	return nil
}

func (a *Agent) snapshot() (rules.Snapshot, wire.Status, error) {
	status := wire.Status{Policies: map[string]string{}, Pods: map[string]string{}}
	snapshot := rules.Snapshot{Namespaces: map[string]labels.Set{}}
	namespaces, err := a.factory.Core().V1().Namespaces().Lister().List(labels.Everything())
	if err != nil {
		return snapshot, status, err
	}
	for _, each := range namespaces {
		snapshot.Namespaces[each.Name] = each.Labels
	}
	snapshot.Policies, err = a.factory.Networking().V1().NetworkPolicies().Lister().List(labels.Everything())
	if err != nil {
		return snapshot, status, err
	}
	for _, each := range snapshot.Policies {
		status.Policies[key(each)] = each.ResourceVersion
	}
	pods, err := a.pods()
	if err != nil {
		return snapshot, status, err
	}
	addresses := a.sandboxes.addresses(pods)
	for _, each := range pods {
		if address, found := addresses[each.UID]; found {
			snapshot.Pods = append(snapshot.Pods, rules.NewPod(each, address))
			status.Pods[each.Namespace+"/"+each.Name] = address.String()
		}
	}
	return snapshot, status, nil
}

func key(policy *networkingv1.NetworkPolicy) string { return policy.Namespace + "/" + policy.Name }

// pods are those with a network of their own.
func (a *Agent) pods() ([]*corev1.Pod, error) {
	all, err := a.factory.Core().V1().Pods().Lister().List(labels.Everything())
	if err != nil {
		return nil, err
	}
	var found []*corev1.Pod
	for _, pod := range all {
		if !pod.Spec.HostNetwork {
			found = append(found, pod)
		}
	}
	return found, nil
}
