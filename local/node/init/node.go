package main

import (
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// The first of the inherited sockets: os/exec numbers extra files from 3.
const firstInherited = 3

// runNode is the life of the sandbox's first process.
func runNode(spec *Spec) error {
	if err := awaitRecord(); err != nil {
		return err
	}
	sockets := inheritedSockets(spec)
	defer runtime.KeepAlive(sockets)
	if err := prepare(spec); err != nil {
		return err
	}
	for index, each := range spec.Forwards {
		if err := forward(sockets[index], each.Target); err != nil {
			return err
		}
	}
	signals := make(chan os.Signal, 64)
	signal.Notify(signals, syscall.SIGCHLD, syscall.SIGTERM, syscall.SIGINT)
	supervisor := newSupervisor(spec)
	supervisor.start()
	stopped, stopping := make(chan struct{}), false
	for {
		select {
		case received := <-signals:
			if received == syscall.SIGCHLD {
				supervisor.reap()
			} else if !stopping {
				fmt.Println("stopping on", received)
				stopping = true
				go shutDown(supervisor, stopped)
			}
		case <-stopped:
			fmt.Println("stopped")
			// Whoever was asked to end is not started again: the watchdog looks for the record.
			return os.Remove(spec.Record)
		case <-time.After(time.Second):
			// Signals that arrive together are delivered once: look again from time to time.
			supervisor.reap()
		}
	}
}

func prepare(spec *Spec) error {
	if err := syscall.Sethostname([]byte(spec.Hostname)); err != nil {
		return err
	}
	if err := enterRoot(spec, true); err != nil {
		return err
	}
	if err := delegateCgroups(spec); err != nil {
		return err
	}
	for name, value := range spec.Sysctls {
		if err := os.WriteFile(filepath.Join("/proc/sys", name), []byte(value), 0o644); err != nil {
			return err
		}
	}
	for _, argv := range spec.Setup {
		command := exec.Command(argv[0], argv[1:]...)
		command.Env = insideEnv()
		if output, err := command.CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w: %s", strings.Join(argv, " "), err, strings.TrimSpace(string(output)))
		}
	}
	return nil
}

// delegateCgroups moves this process below the sandbox's group and, with version 2, hands the controllers
// down: a version 2 group holds either processes or controllers for its children.
func delegateCgroups(spec *Spec) error {
	for _, cgroup := range spec.Cgroups {
		if err := enterCgroup(filepath.Join(cgroup.Mount, "node")); err != nil {
			return err
		}
		available, err := os.ReadFile(filepath.Join(cgroup.Mount, "cgroup.controllers"))
		if err != nil {
			continue
		}
		for _, controller := range strings.Fields(string(available)) {
			control := filepath.Join(cgroup.Mount, "cgroup.subtree_control")
			if err := os.WriteFile(control, []byte("+"+controller), 0o644); err != nil {
				fmt.Println("controller", controller, "is not handed down:", err)
			}
		}
	}
	return nil
}

// shutDown stops what schedules pods, then the pods, then what they ran on. The order of the spec is
// the order of the start, so the opposite of it never takes away what is still needed.
func shutDown(supervisor *Supervisor, finished chan struct{}) {
	for _, name := range []string{"kubelet", "kube-scheduler", "kube-controller-manager", "kube-proxy"} {
		supervisor.halt(name)
	}
	endPods(supervisor)
	for index := len(supervisor.spec.Processes) - 1; index >= 0; index-- {
		supervisor.halt(supervisor.spec.Processes[index].Name)
	}
	finished <- struct{}{}
}

// endPods asks every container's process to end, and waits some seconds for them.
func endPods(supervisor *Supervisor) {
	for round := 0; round < 50; round++ {
		left := 0
		for _, pid := range podProcesses(supervisor) {
			left++
			if round == 0 {
				_ = syscall.Kill(pid, syscall.SIGTERM)
			}
		}
		if left == 0 {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// podProcesses lists the processes that are neither ours nor the container runtime's.
func podProcesses(supervisor *Supervisor) []int {
	supervisor.mutex.Lock()
	own := map[int]bool{1: true}
	for pid := range supervisor.exits {
		own[pid] = true
	}
	supervisor.mutex.Unlock()
	entries, _ := os.ReadDir("/proc")
	var pods []int
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil || own[pid] {
			continue
		}
		name, err := os.ReadFile(filepath.Join("/proc", entry.Name(), "comm"))
		if err == nil && !strings.HasPrefix(string(name), "containerd-shim") {
			pods = append(pods, pid)
		}
	}
	return pods
}
