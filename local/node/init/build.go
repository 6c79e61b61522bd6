package main

import (
	"fmt"
	"os"
	"os/exec"
	"syscall"
)

// runBuild is the first process of a build: it runs one command in the root file system and ends with it.
func runBuild(spec *Spec, argv []string) error {
	if len(argv) > 0 && argv[0] == "--" {
		argv = argv[1:]
	}
	if len(argv) == 0 {
		return fmt.Errorf("no command to run")
	}
	if err := enterRoot(spec, false); err != nil {
		return err
	}
	environment := append(insideEnv(), os.Environ()...)
	if err := os.Setenv("PATH", "/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"); err != nil {
		return err
	}
	program, err := exec.LookPath(argv[0])
	if err != nil {
		return err
	}
	pid, err := syscall.ForkExec(program, argv, &syscall.ProcAttr{
		Env: environment, Dir: os.Getenv("PXL_BUILD_DIR"), Files: []uintptr{0, 1, 2},
	})
	if err != nil {
		return fmt.Errorf("%s: %w", program, err)
	}
	for {
		var status syscall.WaitStatus
		ended, err := syscall.Wait4(-1, &status, 0, nil)
		if err == syscall.EINTR || (err == nil && ended != pid) {
			continue
		}
		if err != nil {
			return err
		}
		if status.Signaled() {
			os.Exit(128 + int(status.Signal()))
		}
		os.Exit(status.ExitStatus())
	}
}
