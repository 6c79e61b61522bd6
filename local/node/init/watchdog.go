package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	lookEvery    = 200 * time.Millisecond
	longestDelay = 30 * time.Second
	// A sandbox that lived for so long was well: what ended it has nothing to do with earlier ends.
	steadyTime = time.Minute
	// Starts in a row that may fail before the watchdog gives up: about a minute, and what each of them takes.
	mostFailures = 8
	// How long an orderly end may take.
	orderlyTime = 45 * time.Second
)

// start starts the watchdog with the host's listening sockets, which have these numbers here, and returns when the
// sandbox's first process is recorded. Without numbers, the watchdog takes over a sandbox that runs.
func start(spec *Spec, specPath string, numbers []string) error {
	log, err := openLog(spec)
	if err != nil {
		return err
	}
	arguments := []string{"watch", specPath}
	if len(numbers) == 0 {
		arguments = append(arguments, "running")
	}
	command := again(arguments...)
	for _, number := range numbers {
		inherited, err := strconv.Atoi(number)
		if err != nil {
			return err
		}
		command.ExtraFiles = append(command.ExtraFiles, os.NewFile(uintptr(inherited), "socket"))
	}
	report, reported, err := os.Pipe()
	if err != nil {
		return err
	}
	command.Stdout, command.Stderr, command.Dir, command.Env = reported, log, "/", insideEnv()
	command.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := startRecorded(command, spec.Watchdog.Record, spec.Fingerprint, nil); err != nil {
		return fmt.Errorf("cannot start the watchdog: %w", err)
	}
	reported.Close()
	said, err := io.ReadAll(report)
	if err == nil && string(said) != started {
		err = fmt.Errorf("%s", strings.TrimSpace(string(said)))
	}
	return err
}

// What the watchdog reports to start when the sandbox runs; anything else says why it does not.
const started = "started"

// watcher is the watchdog: it stays outside, keeps the host's sockets, and starts the sandbox as often as it ends.
type watcher struct {
	spec     *Spec
	specPath string
	sockets  []*os.File
	signals  chan os.Signal
	// The score for the kernel's killer of processes that this one had, and that the sandbox is to have.
	score    string
	restarts int
}

// watch is the life of the watchdog. Every end of it is one that start, or the status file, tells.
func watch(spec *Spec, specPath string, running bool) error {
	if err := awaitRecord(); err != nil {
		return err
	}
	w := &watcher{spec: spec, specPath: specPath, signals: make(chan os.Signal, 4), score: "0"}
	signal.Notify(w.signals, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
	err := w.prepare(running)
	if err == nil && !running {
		err = w.launch()
	}
	if err != nil {
		fmt.Print(err)
		return err
	}
	fmt.Print(started)
	// From now on, what is said goes to the log, and start's pipe is closed.
	if err := syscall.Dup3(2, 1, 0); err != nil {
		return err
	}
	return w.keep(running)
}

func (w *watcher) prepare(running bool) error {
	if err := joinCgroup(w.spec, w.spec.Watchdog.CgroupName, ""); err != nil {
		return err
	}
	// Out of memory, the kernel ends something that is started again rather than what starts it.
	if score, err := os.ReadFile("/proc/self/oom_score_adj"); err == nil {
		w.score = strings.TrimSpace(string(score))
		_ = os.WriteFile("/proc/self/oom_score_adj", []byte("-1000"), 0)
	}
	// The sandbox's first process becomes a child of this one, so that it leaves no zombie.
	if _, _, errno := syscall.Syscall(syscall.SYS_PRCTL, prSetChildSubreaper, 1, 0); errno != 0 {
		return fmt.Errorf("prctl: %w", errno)
	}
	if !running {
		w.sockets = inheritedSockets(w.spec)
		return nil
	}
	return w.takeOver()
}

// takeOver gets the sockets of a sandbox whose watchdog was killed.
func (w *watcher) takeOver() error {
	found := readRecord(w.spec.Record)
	if !found.alive() {
		return fmt.Errorf("the sandbox does not run")
	}
	handle, _, errno := syscall.Syscall(sysPidfdOpen, uintptr(found.PID), 0, 0)
	if errno != 0 {
		return fmt.Errorf("pidfd_open: %w", errno)
	}
	defer syscall.Close(int(handle))
	for index, each := range w.spec.Forwards {
		socket, _, errno := syscall.Syscall(sysPidfdGetfd, handle, uintptr(firstInherited+index), 0)
		if errno != 0 {
			return fmt.Errorf("pidfd_getfd: %w", errno)
		}
		w.sockets = append(w.sockets, os.NewFile(socket, each.Target))
	}
	return nil
}

// The same on every architecture; the syscall package does not know them.
const (
	prSetChildSubreaper = 36

	sysPidfdOpen  = 434
	sysPidfdGetfd = 438
)

// keep returns when the sandbox was asked to end, or cannot be started.
func (w *watcher) keep(cameUp bool) error {
	for failures, reason := 0, ""; ; reason = w.tryAgain() {
		if reason == "" {
			w.say("watching", "")
			began := time.Now()
			asked, how := w.untilEnded()
			if asked {
				return w.end("stopped", "it was asked to end")
			}
			reason = "its first process ended: " + how.String()
			if !w.prepared() {
				reason = "it could not be prepared: " + how.String()
			}
			cameUp = cameUp || w.prepared() || how.killed
			if time.Since(began) > steadyTime {
				failures = 0
			}
		}
		// What never came up, and was not killed, does not come up by being tried again.
		if failures++; failures > mostFailures || !cameUp {
			return w.end("gave up", fmt.Sprintf("%d starts in a row failed, the last because %s", failures, reason))
		}
		delay := min(firstDelay<<(failures-1), longestDelay)
		w.say("waiting", fmt.Sprintf("%s; start %d of %d follows after %s", reason, failures, mostFailures, delay))
		select {
		case <-time.After(delay):
		case <-w.signals:
			return w.end("stopped", "it was asked to end")
		}
	}
}

func (w *watcher) end(phase, detail string) error {
	w.say(phase, detail)
	return nil
}

// tryAgain starts the sandbox and says why that failed, if it did.
func (w *watcher) tryAgain() string {
	w.restarts++
	w.say("starting", "")
	if err := w.launch(); err != nil {
		return err.Error()
	}
	return ""
}

// launch removes what is left of an earlier sandbox and starts a new one.
func (w *watcher) launch() error {
	if err := removeCgroups(w.spec); err != nil {
		return err
	}
	_ = os.Remove(w.spec.Record)
	_ = os.Remove(w.spec.Watchdog.Processes)
	// A process of its own joins the sandbox's group, and leaves this one where it is.
	command := again("launch", w.specPath, w.score)
	command.ExtraFiles, command.Env = w.sockets, insideEnv()
	if output, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("%s", strings.TrimSpace(string(output)))
	}
	return nil
}

// prepared says whether the latest sandbox came as far as starting its processes.
func (w *watcher) prepared() bool {
	_, err := os.Stat(w.spec.Watchdog.Processes)
	return err == nil
}

// untilEnded returns when the sandbox's first process has ended, and says how, and whether that was asked for: of
// this process, which passes it on, or of the first process, which has then removed its record.
func (w *watcher) untilEnded() (bool, ending) {
	found, asked, how := readRecord(w.spec.Record), false, ending{}
	end := time.NewTimer(0)
	<-end.C
	for found.alive() {
		select {
		case <-w.signals:
			if !asked && syscall.Kill(found.PID, syscall.SIGTERM) == nil {
				end.Reset(orderlyTime)
			}
			asked = true
		case <-end.C:
			_ = syscall.Kill(found.PID, syscall.SIGKILL)
		case <-time.After(lookEvery):
			how.reap(found.PID)
		}
	}
	// It may be ending still: with it end all others of its namespace.
	for late := time.Now().Add(removeTime); how.reap(found.PID) && time.Now().Before(late); {
		time.Sleep(10 * time.Millisecond)
	}
	return asked || readRecord(w.spec.Record) == nil, how
}

// ending is how a first process ended, as far as it can be known: one that was taken over is no child of this one.
type ending struct {
	killed bool
	text   string
}

func (e ending) String() string {
	if e.text == "" {
		return "it cannot be told how"
	}
	return e.text
}

// reap collects every child that has ended, notes how this one did, and says whether that is still to come.
func (e *ending) reap(first int) bool {
	for {
		var status syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &status, syscall.WNOHANG, nil)
		if err != syscall.EINTR && pid <= 0 {
			return err == nil && e.text == ""
		}
		if pid == first {
			e.killed, e.text = status.Signaled(), describe(status)
		}
	}
}

// say writes the status file, and a line to the log.
func (w *watcher) say(phase, detail string) {
	fmt.Println(time.Now().UTC().Format(time.RFC3339), "watchdog:", phase, detail)
	data, err := json.Marshal(map[string]any{"phase": phase, "restarts": w.restarts, "detail": detail})
	if err == nil {
		err = writeAtomically(w.spec.Watchdog.Status, append(data, '\n'))
	}
	if err != nil {
		fmt.Println("cannot write the watchdog's status:", err)
	}
}
