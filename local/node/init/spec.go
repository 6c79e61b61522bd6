package main

import (
	"encoding/json"
	"fmt"
	"os"
)

// Spec describes one sandbox. Paths are the host's unless a field says otherwise.
type Spec struct {
	Hostname string `json:"hostname"`
	// Where the first process's id is recorded before it does anything.
	Record string `json:"record"`
	// Recorded with the id: tells whether a running sandbox is still what is wanted.
	Fingerprint string `json:"fingerprint"`
	// Where the state of the processes is written (path inside).
	Status string `json:"status"`
	// What the first process itself has to say.
	Log     string   `json:"log"`
	Root    Root     `json:"root"`
	Binds   []Bind   `json:"binds"`
	Cgroups []Cgroup `json:"cgroups"`
	// The name of the sandbox's cgroup in every hierarchy, relative to its root.
	CgroupName string `json:"cgroup_name"`
	// Files under /proc/sys/net and what to write to them.
	Sysctls map[string]string `json:"sysctls"`
	// Commands that prepare the inside, run in order; the first that fails ends the sandbox.
	Setup     [][]string `json:"setup"`
	Forwards  []Forward  `json:"forwards"`
	Processes []Process  `json:"processes"`
	Watchdog  Watchdog   `json:"watchdog"`
}

// Watchdog is what starts the sandbox again when its first process has ended.
type Watchdog struct {
	// Where its id is recorded.
	Record string `json:"record"`
	// Where it writes what it does.
	Status string `json:"status"`
	// The name of its cgroup in every hierarchy: the sandbox's own is removed between two starts.
	CgroupName string `json:"cgroup_name"`
	// The status of the processes as the host sees it: an earlier sandbox's is removed before a start.
	Processes string `json:"processes"`
}

// Root is an overlay: the cached root file system below, the sandbox's changes above.
type Root struct {
	Lower  string `json:"lower"`
	Upper  string `json:"upper"`
	Work   string `json:"work"`
	Target string `json:"target"`
}

// Bind shows a file or folder of the host at Target inside.
type Bind struct {
	Source   string `json:"source"`
	Target   string `json:"target"`
	ReadOnly bool   `json:"read_only"`
}

// Cgroup is one mounted hierarchy of the host, shown inside at the same place.
type Cgroup struct {
	Mount   string `json:"mount"`
	Type    string `json:"type"`
	Options string `json:"options"`
}

// Forward carries connections from a socket that was opened in the host's network to an address inside.
type Forward struct {
	Target string `json:"target"`
}

// Process is one daemon of the node; it is started again when it ends.
type Process struct {
	Name string   `json:"name"`
	Argv []string `json:"argv"`
	Env  []string `json:"env"`
	Log  string   `json:"log"`
	// Names of the processes that must be ready before this one starts.
	After []string `json:"after"`
	Ready Check    `json:"ready"`
}

// Check says when a process is ready: exactly one of its fields is set.
type Check struct {
	HTTP string `json:"http"`
	TCP  string `json:"tcp"`
	Unix string `json:"unix"`
}

func readSpec(path string) (*Spec, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	spec := new(Spec)
	if err := json.Unmarshal(data, spec); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return spec, nil
}
