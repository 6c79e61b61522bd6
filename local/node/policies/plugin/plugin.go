// Package plugin is the last CNI plugin of the node's chain: it holds a new pod back until the agent has isolated it.
package plugin

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"strings"

	"github.com/containernetworking/cni/pkg/skel"
	"github.com/containernetworking/cni/pkg/types"
	current "github.com/containernetworking/cni/pkg/types/100"
	"github.com/containernetworking/cni/pkg/version"
	kubernetes "k8s.io/apimachinery/pkg/types"

	"pxl.local/node/policies/wire"
)

// arguments are what the container runtime says of the pod, in CNI_ARGS.
type arguments struct {
	types.CommonArgs
	K8S_POD_NAMESPACE types.UnmarshallableString
	K8S_POD_NAME      types.UnmarshallableString
	K8S_POD_UID       types.UnmarshallableString
}

// Main serves one call of the runtime.
func Main() {
	calls := skel.CNIFuncs{Add: add, Del: remove, Check: func(*skel.CmdArgs) error { return nil }}
	skel.PluginMainFuncs(calls, version.PluginSupports("0.3.0", "0.3.1", "0.4.0", "1.0.0"), "pxl-policies")
}

func add(call *skel.CmdArgs) error {
	config := new(types.NetConf)
	if err := json.Unmarshal(call.StdinData, config); err != nil {
		return err
	}
	if err := version.ParsePrevResult(config); err != nil {
		return err
	}
	if config.PrevResult == nil {
		return fmt.Errorf("pxl-policies comes after the plugin that gives the pod its address")
	}
	made, err := current.NewResultFromResult(config.PrevResult)
	if err != nil {
		return err
	}
	sandbox, err := sandboxOf(call, made)
	if err != nil {
		return err
	}
	body, err := json.Marshal(sandbox)
	if err != nil {
		return err
	}
	answer, err := wire.Client().Post("http://agent/sandboxes", "application/json", bytes.NewReader(body))
	if err := checked(answer, err); err != nil {
		return err
	}
	return types.PrintResult(config.PrevResult, config.CNIVersion)
}

func sandboxOf(call *skel.CmdArgs, made *current.Result) (wire.Sandbox, error) {
	said := arguments{CommonArgs: types.CommonArgs{IgnoreUnknown: true}}
	if err := types.LoadArgs(call.Args, &said); err != nil {
		return wire.Sandbox{}, err
	}
	for _, each := range made.IPs {
		if address, ok := netip.AddrFromSlice(each.Address.IP.To4()); ok {
			return wire.Sandbox{
				ID: call.ContainerID, Address: address, UID: kubernetes.UID(said.K8S_POD_UID),
				Namespace: string(said.K8S_POD_NAMESPACE), Name: string(said.K8S_POD_NAME),
			}, nil
		}
	}
	return wire.Sandbox{}, fmt.Errorf("the pod was given no IPv4 address")
}

// remove never fails for want of an agent: a pod must be able to end, and rules for its address do no harm.
func remove(call *skel.CmdArgs) error {
	request, err := http.NewRequest(http.MethodDelete, "http://agent/sandboxes/"+call.ContainerID, nil)
	if err != nil {
		return err
	}
	if answer, err := wire.Client().Do(request); err == nil {
		_ = answer.Body.Close()
	}
	return nil
}

func checked(answer *http.Response, err error) error {
	if err != nil {
		return fmt.Errorf("the agent that enforces NetworkPolicies does not answer: %w", err)
	}
	defer answer.Body.Close()
	if answer.StatusCode < http.StatusMultipleChoices {
		return nil
	}
	text, _ := io.ReadAll(io.LimitReader(answer.Body, 1<<12))
	return fmt.Errorf("the pod could not be isolated: %s", strings.TrimSpace(string(text)))
}
