package agent

import (
	"context"
	"log/slog"
	"os"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const (
	// Lease is what tells others that policies are enforced: a Lease of this name, renewed while they are.
	Lease          = "pxl-network-policies"
	leaseNamespace = "kube-system"
	leaseSeconds   = 30
	leaseEvery     = 10 * time.Second
)

func (a *Agent) heartbeat(ctx context.Context) {
	for {
		if a.healthy() {
			if err := a.renew(ctx); err != nil && ctx.Err() == nil {
				slog.Warn("the lease could not be renewed", "error", err)
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(leaseEvery):
		}
	}
}

func (a *Agent) healthy() bool {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	return a.status.Error == "" && a.written != ""
}

func (a *Agent) renew(ctx context.Context) error {
	holder, err := os.Hostname()
	if err != nil {
		return err
	}
	now, seconds := metav1.NowMicro(), int32(leaseSeconds)
	spec := coordinationv1.LeaseSpec{HolderIdentity: &holder, LeaseDurationSeconds: &seconds, RenewTime: &now}
	leases := a.client.CoordinationV1().Leases(leaseNamespace)
	found, err := leases.Get(ctx, Lease, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		made := &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Name: Lease}, Spec: spec}
		_, err = leases.Create(ctx, made, metav1.CreateOptions{})
		return err
	}
	if err != nil {
		return err
	}
	found.Spec = spec
	_, err = leases.Update(ctx, found, metav1.UpdateOptions{})
	return err
}
