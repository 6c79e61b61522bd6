package main

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const removeTime = 10 * time.Second

// joinCgroup moves this process into the group of this name (or a group below it) in every hierarchy.
func joinCgroup(spec *Spec, name, below string) error {
	for _, cgroup := range spec.Cgroups {
		if err := enterCgroup(filepath.Join(cgroup.Mount, name, below)); err != nil {
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

// removeCgroups kills what is left in the sandbox's groups and removes them, or says what does not go.
func removeCgroups(spec *Spec) error {
	for end := time.Now().Add(removeTime); ; time.Sleep(50 * time.Millisecond) {
		var left []string
		for _, cgroup := range spec.Cgroups {
			left = append(left, removeTree(filepath.Join(cgroup.Mount, spec.CgroupName))...)
		}
		if len(left) == 0 {
			return nil
		}
		for _, folder := range left {
			killIn(folder)
		}
		if time.Now().After(end) {
			return fmt.Errorf("the control group %s of what ran before stays busy", left[0])
		}
	}
}

// removeTree removes a group and those below it, the deepest first, and returns those that stay.
func removeTree(top string) []string {
	var folders, left []string
	_ = filepath.WalkDir(top, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.IsDir() {
			folders = append(folders, path)
		}
		return nil
	})
	for index := len(folders) - 1; index >= 0; index-- {
		if err := syscall.Rmdir(folders[index]); err != nil && err != syscall.ENOENT {
			left = append(left, folders[index])
		}
	}
	return left
}

func killIn(folder string) {
	listed, _ := os.ReadFile(filepath.Join(folder, "cgroup.procs"))
	for _, word := range strings.Fields(string(listed)) {
		// A process of a namespace that cannot be seen shows as 0, which would be our own group.
		if pid, err := strconv.Atoi(word); err == nil && pid > 0 && pid != os.Getpid() {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	}
}
