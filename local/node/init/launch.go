package main

import (
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

const isolated = syscall.CLONE_NEWNS | syscall.CLONE_NEWPID | syscall.CLONE_NEWUTS | syscall.CLONE_NEWIPC

// launch starts the sandbox's first process and ends once its id is recorded.
//
// The new process waits for one byte on its standard input: a launcher that is killed before the record
// is written closes the pipe instead, and the process ends. So nothing can run that no record names.
func launch(spec *Spec, specPath string) error {
	if err := joinCgroup(spec, ""); err != nil {
		return err
	}
	log, err := os.OpenFile(spec.Log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	command := exec.Command(self, "stage-node", specPath)
	gate, err := command.StdinPipe()
	if err != nil {
		return err
	}
	command.Stdout, command.Stderr, command.Dir, command.Env = log, log, "/", insideEnv()
	for _, forward := range spec.Forwards {
		command.ExtraFiles = append(command.ExtraFiles, os.NewFile(uintptr(forward.FD), forward.Target))
	}
	// The cgroup namespace's root is the group that this process has just joined.
	command.SysProcAttr = &syscall.SysProcAttr{
		Setsid:     true,
		Cloneflags: isolated | syscall.CLONE_NEWNET | syscall.CLONE_NEWCGROUP,
	}
	if err := command.Start(); err != nil {
		return fmt.Errorf("cannot make the namespaces: %w", err)
	}
	if err := record(spec, command.Process.Pid); err != nil {
		return err
	}
	// A version 2 group that hands controllers down may hold no process: leave it before the other one does.
	if err := joinCgroup(spec, "node"); err != nil {
		return err
	}
	_, err = gate.Write([]byte{1})
	return err
}

// awaitRecord is the other end of launch's pipe.
func awaitRecord() error {
	if n, err := os.Stdin.Read(make([]byte, 1)); n != 1 {
		return fmt.Errorf("the launcher ended before it had recorded this process: %v", err)
	}
	null, err := os.Open(os.DevNull)
	if err != nil {
		return err
	}
	defer null.Close()
	return syscall.Dup2(int(null.Fd()), 0)
}

// record writes who the first process is: its id, its start time and the boot both belong to.
func record(spec *Spec, pid int) error {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return err
	}
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return err
	}
	// Fields are counted after the command's name, which may itself hold spaces: start time is the 22nd.
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	text := fmt.Sprintf("{\"pid\": %d, \"start\": %s, \"boot\": %q, \"fingerprint\": %q}\n",
		pid, fields[19], strings.TrimSpace(string(boot)), spec.Fingerprint)
	return writeAtomically(spec.Record, []byte(text))
}

// joinCgroup moves this process into the sandbox's group (or a group below it) of every hierarchy.
func joinCgroup(spec *Spec, below string) error {
	for _, cgroup := range spec.Cgroups {
		folder := filepath.Join(cgroup.Mount, spec.CgroupName, below)
		if err := enterCgroup(folder); err != nil {
			return err
		}
	}
	return nil
}

func enterCgroup(folder string) error {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	// A version 1 cpuset takes no process before it has CPUs and memory nodes.
	for _, name := range []string{"cpuset.cpus", "cpuset.mems"} {
		current, err := os.ReadFile(filepath.Join(folder, name))
		if err != nil || len(strings.TrimSpace(string(current))) > 0 {
			continue
		}
		if inherited, err := os.ReadFile(filepath.Join(filepath.Dir(folder), name)); err == nil {
			_ = os.WriteFile(filepath.Join(folder, name), inherited, 0o644)
		}
	}
	return os.WriteFile(filepath.Join(folder, "cgroup.procs"), []byte(strconv.Itoa(os.Getpid())), 0o644)
}

// launchBuild runs a command in a root file system of its own, in the host's network, and ends with its exit code.
func launchBuild(spec *Spec, specPath string, argv []string) error {
	if err := joinCgroup(spec, ""); err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	command := exec.Command(self, append([]string{"stage-build", specPath}, argv...)...)
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

func writeAtomically(path string, data []byte) error {
	if err := os.WriteFile(path+".new", data, 0o600); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

func insideEnv() []string {
	return []string{"PATH=/opt/pxl/bin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "LANG=C.UTF-8"}
}
