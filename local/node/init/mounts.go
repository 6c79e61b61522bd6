package main

import (
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"syscall"
)

// enterRoot turns this process's mount namespace into the sandbox's file system and makes it the root.
func enterRoot(spec *Spec, withCgroups bool) error {
	if err := mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""); err != nil {
		return err
	}
	root := spec.Root.Target
	layers := fmt.Sprintf("lowerdir=%s,upperdir=%s,workdir=%s", spec.Root.Lower, spec.Root.Upper, spec.Root.Work)
	if err := mount("overlay", root, "overlay", 0, layers); err != nil {
		return fmt.Errorf("%w (the state folder must be on a file system that can hold an overlay, such as ext4)", err)
	}
	for _, step := range []func(string) error{mountProc, mountDev, mountTmp} {
		if err := step(root); err != nil {
			return err
		}
	}
	if err := mountSys(root, spec, withCgroups); err != nil {
		return err
	}
	// Outer folders first, or they would hide what is bound inside them.
	sort.SliceStable(spec.Binds, func(i, j int) bool { return spec.Binds[i].Target < spec.Binds[j].Target })
	for _, bind := range spec.Binds {
		if err := mountBind(root, bind); err != nil {
			return err
		}
	}
	return pivot(root)
}

func mount(source, target, kind string, flags uintptr, data string) error {
	if err := syscall.Mount(source, target, kind, flags, data); err != nil {
		return fmt.Errorf("mount %s on %s: %w", kind+source, target, err)
	}
	return nil
}

// mountProc shows the kernel's settings read-only, but for the network's, which are this sandbox's own.
func mountProc(root string) error {
	proc := filepath.Join(root, "proc")
	if err := mount("proc", proc, "proc", syscall.MS_NOSUID|syscall.MS_NOEXEC|syscall.MS_NODEV, ""); err != nil {
		return err
	}
	settings, network := filepath.Join(proc, "sys"), filepath.Join(proc, "sys", "net")
	if err := mount(settings, settings, "", syscall.MS_BIND, ""); err != nil {
		return err
	}
	if err := mount(network, network, "", syscall.MS_BIND, ""); err != nil {
		return err
	}
	if err := readOnly(settings); err != nil {
		return err
	}
	trigger := filepath.Join(proc, "sysrq-trigger")
	if _, err := os.Stat(trigger); err != nil {
		return nil
	}
	if err := mount(trigger, trigger, "", syscall.MS_BIND, ""); err != nil {
		return err
	}
	return readOnly(trigger)
}

func readOnly(target string) error {
	return mount("", target, "", syscall.MS_BIND|syscall.MS_REMOUNT|syscall.MS_RDONLY, "")
}

func mountSys(root string, spec *Spec, withCgroups bool) error {
	sys := filepath.Join(root, "sys")
	flags := uintptr(syscall.MS_NOSUID | syscall.MS_NOEXEC | syscall.MS_NODEV)
	if !withCgroups {
		// A build shares the host's network namespace, for which a new sysfs may not be allowed.
		return mount("/sys", sys, "", syscall.MS_BIND|syscall.MS_REC, "")
	}
	if err := mount("sysfs", sys, "sysfs", flags|syscall.MS_RDONLY, ""); err != nil {
		return err
	}
	top := filepath.Join(sys, "fs", "cgroup")
	if len(spec.Cgroups) > 1 || spec.Cgroups[0].Mount != "/sys/fs/cgroup" {
		if err := mount("tmpfs", top, "tmpfs", flags, "mode=755"); err != nil {
			return err
		}
	}
	for _, cgroup := range spec.Cgroups {
		target := filepath.Join(root, cgroup.Mount)
		if err := os.MkdirAll(target, 0o755); err != nil {
			return err
		}
		if err := mount("cgroup", target, cgroup.Type, flags, cgroup.Options); err != nil {
			return err
		}
		aliasControllers(top, filepath.Base(cgroup.Mount))
	}
	return nil
}

// aliasControllers makes "cpu" and "cpuacct" lead to a hierarchy that is mounted as "cpu,cpuacct".
func aliasControllers(top, name string) {
	if names := strings.Split(name, ","); len(names) > 1 {
		for _, alias := range names {
			_ = os.Symlink(name, filepath.Join(top, alias))
		}
	}
}

func mountDev(root string) error {
	dev := filepath.Join(root, "dev")
	if err := mount("tmpfs", dev, "tmpfs", syscall.MS_NOSUID, "mode=755"); err != nil {
		return err
	}
	for _, name := range []string{"null", "zero", "full", "random", "urandom", "tty", "kmsg", "fuse"} {
		if _, err := os.Stat("/dev/" + name); err != nil {
			continue
		}
		if err := mountBind(root, Bind{Source: "/dev/" + name, Target: "/dev/" + name}); err != nil {
			return err
		}
	}
	for name, target := range map[string]string{
		"fd": "/proc/self/fd", "stdin": "/proc/self/fd/0", "stdout": "/proc/self/fd/1", "stderr": "/proc/self/fd/2",
		"ptmx": "pts/ptmx",
	} {
		if err := os.Symlink(target, filepath.Join(dev, name)); err != nil {
			return err
		}
	}
	for _, each := range []struct{ name, kind, data string }{
		{"pts", "devpts", "newinstance,ptmxmode=0666,mode=0620"}, {"shm", "tmpfs", "mode=1777"}, {"mqueue", "mqueue", ""},
	} {
		target := filepath.Join(dev, each.name)
		if err := os.Mkdir(target, 0o755); err != nil {
			return err
		}
		if err := mount(each.kind, target, each.kind, syscall.MS_NOSUID|syscall.MS_NOEXEC, each.data); err != nil {
			return err
		}
	}
	return nil
}

func mountTmp(root string) error {
	for name, mode := range map[string]string{"run": "mode=755", "tmp": "mode=1777"} {
		if err := mount("tmpfs", filepath.Join(root, name), "tmpfs", syscall.MS_NOSUID|syscall.MS_NODEV, mode); err != nil {
			return err
		}
	}
	return os.MkdirAll(filepath.Join(root, "run", "lock"), 0o1777)
}

func mountBind(root string, bind Bind) error {
	target := filepath.Join(root, bind.Target)
	info, err := os.Stat(bind.Source)
	if err != nil {
		return err
	}
	if info.IsDir() {
		err = os.MkdirAll(target, 0o755)
	} else {
		err = touch(target)
	}
	if err != nil {
		return err
	}
	if err := mount(bind.Source, target, "", syscall.MS_BIND|syscall.MS_REC, ""); err != nil {
		return err
	}
	if bind.ReadOnly {
		return readOnly(target)
	}
	return nil
}

// touch makes sure that there is a file to mount something over.
func touch(target string) error {
	found, err := os.Lstat(target)
	if err == nil && found.Mode()&os.ModeSymlink == 0 {
		return nil
	}
	// A link in the root file system would lead out of it.
	_ = os.Remove(target)
	if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
		return err
	}
	return os.WriteFile(target, nil, 0o644)
}

// pivot makes the target the root and lets go of the host's. The result is shared within the namespace,
// so that what the kubelet mounts reaches containers that ask for it.
func pivot(root string) error {
	if err := syscall.Chdir(root); err != nil {
		return err
	}
	if err := syscall.PivotRoot(".", "."); err != nil {
		return fmt.Errorf("pivot_root: %w", err)
	}
	if err := syscall.Unmount(".", syscall.MNT_DETACH); err != nil {
		return fmt.Errorf("unmount the host's root: %w", err)
	}
	if err := syscall.Chdir("/"); err != nil {
		return err
	}
	return mount("", "/", "", syscall.MS_REC|syscall.MS_SHARED, "")
}
