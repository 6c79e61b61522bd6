package main

import (
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
)

const isolated = syscall.CLONE_NEWNS | syscall.CLONE_NEWPID | syscall.CLONE_NEWUTS | syscall.CLONE_NEWIPC

// launch starts the sandbox's first process and ends once its id is recorded. The sockets are open already, from
// firstInherited on.
func launch(spec *Spec, specPath, score string) error {
	// The watchdog's own score is not for what it starts.
	if err := os.WriteFile("/proc/self/oom_score_adj", []byte(score), 0); err != nil {
		return err
	}
	if err := joinCgroup(spec, spec.CgroupName, ""); err != nil {
		return err
	}
	log, err := openLog(spec)
	if err != nil {
		return err
	}
	command := again("stage-node", specPath)
	command.Stdout, command.Stderr, command.Dir, command.Env = log, log, "/", insideEnv()
	command.ExtraFiles = inheritedSockets(spec)
	// The cgroup namespace's root is the group that this process has just joined.
	command.SysProcAttr = &syscall.SysProcAttr{
		Setsid:     true,
		Cloneflags: isolated | syscall.CLONE_NEWNET | syscall.CLONE_NEWCGROUP,
	}
	err = startRecorded(command, spec.Record, spec.Fingerprint, func() error {
		// A version 2 group that hands controllers down may hold no process: leave it before the other one does.
		return joinCgroup(spec, spec.CgroupName, "node")
	})
	if err != nil {
		return fmt.Errorf("cannot start the sandbox's first process: %w", err)
	}
	return nil
}

// again is this program in another mode, even when its file has gone from the cache by now.
func again(arguments ...string) *exec.Cmd {
	command := exec.Command("/proc/self/exe", arguments...)
	command.Args[0] = os.Args[0]
	return command
}

// inheritedSockets are the host's listening sockets, as every mode but "start" gets them.
func inheritedSockets(spec *Spec) []*os.File {
	var sockets []*os.File
	for index, each := range spec.Forwards {
		syscall.CloseOnExec(firstInherited + index)
		sockets = append(sockets, os.NewFile(uintptr(firstInherited+index), each.Target))
	}
	return sockets
}

func openLog(spec *Spec) (*os.File, error) {
	return os.OpenFile(spec.Log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
}

// launchBuild runs a command in a root file system of its own, in the host's network, and ends with its exit code.
func launchBuild(spec *Spec, specPath string, argv []string) error {
	if err := joinCgroup(spec, spec.CgroupName, ""); err != nil {
		return err
	}
	command := again(append([]string{"stage-build", specPath}, argv...)...)
	command.Stdin, command.Stdout, command.Stderr = os.Stdin, os.Stdout, os.Stderr
	command.SysProcAttr = &syscall.SysProcAttr{Cloneflags: isolated, Pdeathsig: syscall.SIGKILL}
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
	if err := command.Start(); err != nil {
		return fmt.Errorf("cannot make the namespaces: %w", err)
	}
	go func() {
		for range signals {
			_ = command.Process.Kill()
		}
	}()
	_ = command.Wait()
	os.Exit(exitCode(command.ProcessState))
	return nil
}

func exitCode(state *os.ProcessState) int {
	if status, ok := state.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return 128 + int(status.Signal())
	}
	return state.ExitCode()
}

func insideEnv() []string {
	return []string{"PATH=/opt/pxl/bin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "LANG=C.UTF-8"}
}
