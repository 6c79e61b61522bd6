// Command outside is what lies beyond the node: it greets whoever gets through to one of its addresses.
//
//	outside ADDRESS:PORT...
//
// Nothing else can be reached from the sandbox, and a connection that is refused for want of anybody there says nothing
// about a policy that forbids it.
package main

import (
	"fmt"
	"io"
	"net"
	"os"
	"time"
)

func main() {
	failed := make(chan error)
	for _, address := range os.Args[1:] {
		listener, err := net.Listen("tcp4", address)
		if err != nil {
			fmt.Fprintln(os.Stderr, "outside:", err)
			os.Exit(1)
		}
		go func() { failed <- greet(listener) }()
	}
	fmt.Fprintln(os.Stderr, "outside:", <-failed)
	os.Exit(1)
}

func greet(listener net.Listener) error {
	for {
		connection, err := listener.Accept()
		if err != nil {
			return err
		}
		go func() {
			defer connection.Close()
			_ = connection.SetDeadline(time.Now().Add(10 * time.Second))
			if _, err := io.WriteString(connection, "outside\n"); err == nil {
				_, _ = io.Copy(io.Discard, connection)
			}
		}()
	}
}
