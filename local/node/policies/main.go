// Command policies enforces NetworkPolicies on the node with nftables.
//
//	policies agent KUBECONFIG BRIDGE NETWORK   write rules for the cluster's policies until told to stop
//	policies status                            print what is in force, as JSON
//
// Called by the container runtime (with CNI_COMMAND in its environment) it is a CNI plugin.
package main

import (
	"context"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/signal"
	"syscall"

	"pxl.local/node/policies/agent"
	"pxl.local/node/policies/plugin"
	"pxl.local/node/policies/rules"
	"pxl.local/node/policies/wire"
)

func main() {
	if os.Getenv("CNI_COMMAND") != "" {
		plugin.Main()
		return
	}
	if err := dispatch(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "policies:", err)
		os.Exit(1)
	}
}

func dispatch(args []string) error {
	switch {
	case len(args) == 4 && args[0] == "agent":
		return run(args[1], args[2], args[3])
	case len(args) == 1 && args[0] == "status":
		return status()
	}
	return fmt.Errorf("usage: policies agent KUBECONFIG BRIDGE NETWORK | policies status")
}

func run(kubeconfig, bridge, network string) error {
	pods, err := netip.ParsePrefix(network)
	if err != nil {
		return err
	}
	// The bridge plugin gives the bridge the first address of the network.
	node := rules.Node{Bridge: bridge, Pods: pods, Gateway: pods.Masked().Addr().Next()}
	made, err := agent.New(kubeconfig, node)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	return made.Run(ctx)
}

func status() error {
	answer, err := wire.Client().Get("http://agent/status")
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	_, err = io.Copy(os.Stdout, answer.Body)
	return err
}
