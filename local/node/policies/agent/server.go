package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"time"

	"pxl.local/node/policies/wire"
)

const (
	// How long a new pod waits for the API server's word on it; the kubelet then tries again.
	patience = 20 * time.Second
	look     = 10 * time.Millisecond
)

// listen answers the CNI plugin and whoever asks for the status.
func (a *Agent) listen(ctx context.Context) error {
	if err := os.Remove(wire.Socket); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	listener, err := net.Listen("unix", wire.Socket)
	if err != nil {
		return err
	}
	if err := os.Chmod(wire.Socket, 0o600); err != nil {
		return err
	}
	routes := http.NewServeMux()
	routes.HandleFunc("POST /sandboxes", a.add)
	routes.HandleFunc("DELETE /sandboxes/{id}", a.remove)
	routes.HandleFunc("GET /status", a.tell)
	server := &http.Server{Handler: routes, ReadHeaderTimeout: time.Second}
	go func() { _ = server.Serve(listener) }()
	context.AfterFunc(ctx, func() { _ = server.Close() })
	return nil
}

// add isolates a pod before any of its containers starts: the answer comes when its rules are in the kernel.
func (a *Agent) add(answer http.ResponseWriter, request *http.Request) {
	var sandbox wire.Sandbox
	if err := json.NewDecoder(request.Body).Decode(&sandbox); err != nil {
		http.Error(answer, err.Error(), http.StatusBadRequest)
		return
	}
	ctx, cancel := context.WithTimeout(request.Context(), patience)
	defer cancel()
	for !a.synced() || !a.knows(sandbox) {
		select {
		case <-ctx.Done():
			message := fmt.Sprintf("the API server has said nothing of pod %s/%s yet", sandbox.Namespace, sandbox.Name)
			http.Error(answer, message, http.StatusServiceUnavailable)
			return
		case <-time.After(look):
		}
	}
	a.sandboxes.add(sandbox)
	if err := a.apply(); err != nil {
		http.Error(answer, err.Error(), http.StatusInternalServerError)
		return
	}
	answer.WriteHeader(http.StatusNoContent)
}

func (a *Agent) knows(sandbox wire.Sandbox) bool {
	pod, err := a.factory.Core().V1().Pods().Lister().Pods(sandbox.Namespace).Get(sandbox.Name)
	return err == nil && sandbox.IsOf(pod)
}

func (a *Agent) remove(answer http.ResponseWriter, request *http.Request) {
	a.sandboxes.remove(request.PathValue("id"))
	a.notice()
	answer.WriteHeader(http.StatusNoContent)
}

func (a *Agent) tell(answer http.ResponseWriter, _ *http.Request) {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	answer.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(answer).Encode(a.status)
}
