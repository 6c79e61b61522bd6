// Command init is the first process of the node's sandbox, and the program that makes the sandbox.
//
//	init start SPEC [FD...]   start the watchdog, which makes the namespaces and keeps the sandbox running
//	init build SPEC -- ARGV   run ARGV in the node's root file system, in the host's network
//
// SPEC is a JSON file written by local/node (see spec.go). The modes start this program again:
// as "watch" outside, as "launch" between, and inside the new namespaces as "stage-node" and "stage-build".
package main

import (
	"fmt"
	"os"
)

func main() {
	if err := dispatch(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "init:", err)
		os.Exit(1)
	}
}

func dispatch(args []string) error {
	if len(args) < 2 {
		return fmt.Errorf("usage: init start SPEC [FD...] | init build SPEC -- ARGV")
	}
	spec, err := readSpec(args[1])
	if err != nil {
		return err
	}
	// Started through /proc/self/exe, it would be shown as "exe".
	_ = os.WriteFile("/proc/self/comm", []byte("pxl-"+args[0]), 0)
	switch args[0] {
	case "start":
		return start(spec, args[1], args[2:])
	case "watch":
		return watch(spec, args[1], len(args) > 2)
	case "launch":
		return launch(spec, args[1], args[2])
	case "stage-node":
		return runNode(spec)
	case "build":
		return launchBuild(spec, args[1], args[2:])
	case "stage-build":
		return runBuild(spec, args[2:])
	}
	return fmt.Errorf("unknown mode %q", args[0])
}
