package main

import (
	"flag"
	"io"
	"time"

	"github.com/xtaci/kcp-go"
)

// runIdleClient opens many sessions with one echo each, says so, and then leaves them alone.
func runIdleClient(arguments []string) error {
	var options sessionOptions
	flags := flag.NewFlagSet("idle-client", flag.ExitOnError)
	options.addFlags(flags)
	address := flags.String("addr", "", "host:port of the echo server")
	count := flags.Int("sessions", 100, "sessions")
	duration := flags.Duration("duration", 5*time.Second, "how long to stay idle")
	timeout := flags.Duration("timeout", time.Minute, "gives up opening after this long")
	if err := flags.Parse(arguments); err != nil {
		return err
	}
	// One socket per session: small buffers are enough and thousands of large ones are not.
	if options.socketBuffer > 64<<10 {
		options.socketBuffer = 64 << 10
	}
	deadline := time.Now().Add(*timeout)
	sessions := make([]*kcp.UDPSession, 0, *count)
	for len(sessions) < *count {
		session, err := options.dial(*address)
		if err != nil {
			return err
		}
		_ = session.SetDeadline(deadline)
		if _, err := session.Write([]byte{1}); err != nil {
			return err
		}
		if _, err := io.ReadFull(session, make([]byte, 1)); err != nil {
			return err
		}
		sessions = append(sessions, session)
	}
	printJSON(map[string]any{"event": "open", "sessions": len(sessions)})

	cpuBefore := ownCPU()
	time.Sleep(*duration)
	printJSON(map[string]any{
		"event": "result", "sessions": len(sessions), "idleSeconds": duration.Seconds(),
		"idleCpuSeconds": ownCPU().since(cpuBefore).seconds(), "counters": counters(),
	})
	for _, session := range sessions {
		_ = session.Close()
	}
	return nil
}
