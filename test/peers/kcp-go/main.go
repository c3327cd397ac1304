// Command kcp-go-peer makes the kcp-go library act as the other end in interoperability tests and benchmarks.
//
// Every subcommand prints JSON lines on standard output, ends by itself, and also ends when its standard input closes,
// so that a test that dies leaves no process behind.
package main

import (
	"fmt"
	"os"
)

func main() {
	commands := map[string]func(arguments []string) error{
		"echo-server":     runEchoServer,
		"stream-client":   runStreamClient,
		"pingpong-client": runPingPongClient,
		"fleet-client":    runFleetClient,
		"idle-client":     runIdleClient,
	}
	if len(os.Args) < 2 || commands[os.Args[1]] == nil {
		fmt.Fprintln(os.Stderr, "usage: kcp-go-peer echo-server|stream-client|pingpong-client|fleet-client|idle-client [flags]")
		os.Exit(2)
	}
	go exitWithStandardInput()
	if err := commands[os.Args[1]](os.Args[2:]); err != nil {
		printJSON(map[string]any{"event": "error", "message": err.Error()})
		os.Exit(1)
	}
}
