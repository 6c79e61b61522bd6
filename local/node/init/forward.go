package main

import (
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// forward accepts on an inherited socket for as long as the sandbox lives. The socket itself stays open under its
// number, so that a new watchdog can take it over.
func forward(inherited *os.File, target string) error {
	listener, err := net.FileListener(inherited)
	if err != nil {
		return fmt.Errorf("forward to %s: %w", target, err)
	}
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				fmt.Println("forward to", target, "cannot accept:", err)
				time.Sleep(100 * time.Millisecond)
				continue
			}
			go carry(client.(*net.TCPConn), target)
		}
	}()
	return nil
}

// carry copies both ways until both ends have closed. A target that does not answer resets the client,
// so that it fails at once instead of reading an empty answer.
func carry(client *net.TCPConn, target string) {
	defer client.Close()
	connection, err := net.DialTimeout("tcp", target, 5*time.Second)
	if err != nil {
		fmt.Println("forward to", target, "cannot connect:", err)
		_ = client.SetLinger(0)
		return
	}
	server := connection.(*net.TCPConn)
	defer server.Close()
	var both sync.WaitGroup
	both.Add(2)
	go copyHalf(&both, server, client)
	go copyHalf(&both, client, server)
	both.Wait()
}

func copyHalf(both *sync.WaitGroup, to, from *net.TCPConn) {
	defer both.Done()
	if _, err := io.Copy(to, from); err != nil {
		// A reset on one side is passed on as a reset, not as an orderly end.
		fmt.Println("forward:", from.RemoteAddr(), "to", to.RemoteAddr(), "broke:", err)
		_ = to.SetLinger(0)
		_ = from.SetLinger(0)
		to.Close()
		from.Close()
		return
	}
	_ = to.CloseWrite()
}
