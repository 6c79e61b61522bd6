package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"
)

const (
	firstDelay  = 250 * time.Millisecond
	longestWait = 10 * time.Second
	stopTime    = 10 * time.Second
	largestLog  = 32 << 20
)

// State is what the status file says of a process.
type State struct {
	Phase    string `json:"phase"` // waiting, starting, ready, failed
	PID      int    `json:"pid"`
	Restarts int    `json:"restarts"`
	Detail   string `json:"detail"`
}

// Supervisor starts the processes in order, starts again what ends, and stops them in the opposite order.
type Supervisor struct {
	spec  *Spec
	mutex sync.Mutex
	state map[string]*State
	ready map[string]chan struct{}
	// Children of ours by process id; every other dead child is an orphan of some container.
	exits map[int]chan syscall.WaitStatus
	stop  map[string]context.CancelFunc
	done  map[string]chan struct{}
}

func newSupervisor(spec *Spec) *Supervisor {
	supervisor := &Supervisor{
		spec: spec, state: map[string]*State{}, ready: map[string]chan struct{}{},
		exits: map[int]chan syscall.WaitStatus{}, stop: map[string]context.CancelFunc{}, done: map[string]chan struct{}{},
	}
	for _, process := range spec.Processes {
		supervisor.state[process.Name] = &State{Phase: "waiting"}
		supervisor.ready[process.Name] = make(chan struct{})
	}
	return supervisor
}

func (s *Supervisor) start() {
	// The file says that the sandbox has come this far, and is not an earlier one's.
	s.mutex.Lock()
	s.publish()
	s.mutex.Unlock()
	for _, process := range s.spec.Processes {
		ctx, cancel := context.WithCancel(context.Background())
		s.stop[process.Name], s.done[process.Name] = cancel, make(chan struct{})
		go s.keep(ctx, process)
	}
}

// keep runs one process again and again until it is told to stop.
func (s *Supervisor) keep(ctx context.Context, process Process) {
	defer close(s.done[process.Name])
	for _, name := range process.After {
		select {
		case <-s.ready[name]:
		case <-ctx.Done():
			return
		}
	}
	for delay := firstDelay; ctx.Err() == nil; delay = min(2*delay, longestWait) {
		began := time.Now()
		reason := s.once(ctx, process)
		if ctx.Err() != nil {
			return
		}
		if time.Since(began) > time.Minute {
			delay = firstDelay
		}
		fmt.Printf("%s %s ended: %s\n", time.Now().UTC().Format(time.RFC3339), process.Name, reason)
		s.update(process.Name, func(state *State) {
			state.Phase, state.PID, state.Detail = "failed", 0, reason
			state.Restarts++
		})
		select {
		case <-time.After(delay):
		case <-ctx.Done():
		}
	}
}

// once runs a process from start to end and says how it ended.
func (s *Supervisor) once(ctx context.Context, process Process) string {
	exited, pid, err := s.spawn(process)
	if err != nil {
		return err.Error()
	}
	s.update(process.Name, func(state *State) { state.Phase, state.PID, state.Detail = "starting", pid, "" })
	probing, cancel := context.WithCancel(ctx)
	defer cancel()
	go s.awaitReady(probing, process)
	select {
	case status := <-exited:
		return describe(status)
	case <-ctx.Done():
	}
	_ = syscall.Kill(pid, syscall.SIGTERM)
	select {
	case <-exited:
	case <-time.After(stopTime):
		_ = syscall.Kill(pid, syscall.SIGKILL)
		<-exited
	}
	return "stopped"
}

func (s *Supervisor) spawn(process Process) (chan syscall.WaitStatus, int, error) {
	if info, err := os.Stat(process.Log); err == nil && info.Size() > largestLog {
		_ = os.Rename(process.Log, process.Log+".1")
	}
	log, err := os.OpenFile(process.Log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, 0, err
	}
	defer log.Close()
	command := exec.Command(process.Argv[0], process.Argv[1:]...)
	command.Env, command.Stdout, command.Stderr, command.Dir = append(insideEnv(), process.Env...), log, log, "/"
	command.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	// The reaper must not see the child before its channel is known.
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if err := command.Start(); err != nil {
		return nil, 0, err
	}
	exited := make(chan syscall.WaitStatus, 1)
	pid := command.Process.Pid
	s.exits[pid] = exited
	// The reaper waits for it, not this handle, which would otherwise keep a file descriptor open.
	_ = command.Process.Release()
	return exited, pid, nil
}

// awaitReady probes until the process is ready, and marks it so. Restarts do not hold up what came after it.
func (s *Supervisor) awaitReady(ctx context.Context, process Process) {
	for ctx.Err() == nil {
		err := probe(ctx, process.Ready)
		if ctx.Err() != nil {
			return
		}
		if err == nil {
			s.update(process.Name, func(state *State) { state.Phase, state.Detail = "ready", "" })
			s.mutex.Lock()
			defer s.mutex.Unlock()
			select {
			case <-s.ready[process.Name]:
			default:
				close(s.ready[process.Name])
			}
			return
		}
		s.update(process.Name, func(state *State) { state.Detail = err.Error() })
		select {
		case <-time.After(150 * time.Millisecond):
		case <-ctx.Done():
		}
	}
}

// reap collects every child of the namespace that has ended.
func (s *Supervisor) reap() {
	for {
		var status syscall.WaitStatus
		s.mutex.Lock()
		pid, err := syscall.Wait4(-1, &status, syscall.WNOHANG, nil)
		exited := s.exits[pid]
		delete(s.exits, pid)
		s.mutex.Unlock()
		if err == syscall.EINTR {
			continue
		}
		if err != nil || pid <= 0 {
			return
		}
		if exited != nil {
			exited <- status
		}
	}
}

// update changes a process's state and writes the status file when that made a difference.
func (s *Supervisor) update(name string, change func(*State)) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	before := *s.state[name]
	change(s.state[name])
	if before != *s.state[name] {
		s.publish()
	}
}

// publish writes the status file; the mutex is held.
func (s *Supervisor) publish() {
	data, err := json.MarshalIndent(s.state, "", "  ")
	if err == nil {
		err = writeAtomically(s.spec.Status, append(data, '\n'))
	}
	if err != nil {
		fmt.Println("cannot write the status:", err)
	}
}

// halt stops one process and returns when it has ended.
func (s *Supervisor) halt(name string) {
	if cancel, found := s.stop[name]; found {
		cancel()
		<-s.done[name]
	}
}

func describe(status syscall.WaitStatus) string {
	if status.Signaled() {
		return fmt.Sprintf("killed by signal %d (%s)", status.Signal(), status.Signal())
	}
	return fmt.Sprintf("exit code %d", status.ExitStatus())
}
