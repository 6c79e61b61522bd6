package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
)

const bootID = "/proc/sys/kernel/random/boot_id"

// Among the flags of a process: it is ending, and ends as soon as all others of its namespace have.
const exiting = 0x4

// Record says which process of the host something is. Ids are reused, start times within one boot are not.
type Record struct {
	PID         int    `json:"pid"`
	Start       uint64 `json:"start"`
	Boot        string `json:"boot"`
	Fingerprint string `json:"fingerprint"`
}

// startRecorded starts a command and lets it go on once it is recorded and what may be left to do between is done.
//
// The new process waits in awaitRecord for one byte on its standard input: a starter that is killed before the
// record is written closes the pipe instead, and the process ends. So nothing can run that no record names.
func startRecorded(command *exec.Cmd, path, fingerprint string, between func() error) error {
	gate, err := command.StdinPipe()
	if err != nil {
		return err
	}
	defer gate.Close()
	if err := command.Start(); err != nil {
		return err
	}
	record, err := recordOf(command.Process.Pid, fingerprint)
	if err != nil {
		return err
	}
	data, err := json.Marshal(record)
	if err != nil {
		return err
	}
	if err := writeAtomically(path, append(data, '\n')); err != nil {
		return err
	}
	if between != nil {
		if err := between(); err != nil {
			return err
		}
	}
	_, err = gate.Write([]byte{1})
	return err
}

// awaitRecord is the other end of startRecorded's pipe.
func awaitRecord() error {
	if n, err := os.Stdin.Read(make([]byte, 1)); n != 1 {
		return fmt.Errorf("the starter ended before it had recorded this process: %v", err)
	}
	null, err := os.Open(os.DevNull)
	if err != nil {
		return err
	}
	defer null.Close()
	return syscall.Dup3(int(null.Fd()), 0, 0)
}

func recordOf(pid int, fingerprint string) (*Record, error) {
	_, start, err := processState(pid)
	if err != nil {
		return nil, err
	}
	boot, err := os.ReadFile(bootID)
	return &Record{pid, start, strings.TrimSpace(string(boot)), fingerprint}, err
}

// readRecord returns nil when there is no record, or none that is whole.
func readRecord(path string) *Record {
	record := new(Record)
	data, err := os.ReadFile(path)
	if err != nil || json.Unmarshal(data, record) != nil || record.PID <= 0 {
		return nil
	}
	return record
}

// alive says whether exactly the recorded process still runs.
func (r *Record) alive() bool {
	if r == nil {
		return false
	}
	boot, err := os.ReadFile(bootID)
	if err != nil || strings.TrimSpace(string(boot)) != r.Boot {
		return false
	}
	runs, start, err := processState(r.PID)
	return err == nil && runs && start == r.Start
}

// processState says whether a process runs (a zombie, or one that is ending, does not), and when it started.
func processState(pid int) (bool, uint64, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false, 0, err
	}
	// Fields are counted after the command's name, which may itself hold spaces: start time is the 22nd.
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	flags, err := strconv.ParseUint(fields[6], 10, 64)
	if err != nil {
		return false, 0, err
	}
	start, err := strconv.ParseUint(fields[19], 10, 64)
	return fields[0] != "Z" && fields[0] != "X" && flags&exiting == 0, start, err
}

func writeAtomically(path string, data []byte) error {
	if err := os.WriteFile(path+".new", data, 0o600); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}
