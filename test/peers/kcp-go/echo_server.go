package main

import (
	"flag"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/xtaci/kcp-go"
)

// runEchoServer sends back whatever arrives on any session until SIGTERM or the end of its lifetime.
func runEchoServer(arguments []string) error {
	var options sessionOptions
	flags := flag.NewFlagSet("echo-server", flag.ExitOnError)
	options.addFlags(flags)
	address := flags.String("listen", "127.0.0.1:0", "address; port 0 takes a free one")
	lifetime := flags.Duration("lifetime", 15*time.Minute, "ends by itself after this long")
	if err := flags.Parse(arguments); err != nil {
		return err
	}
	listener, bound, err := options.listen(*address)
	if err != nil {
		return err
	}
	printJSON(map[string]any{"event": "listening", "address": bound.IP.String(), "port": bound.Port})

	var sessions, echoedBytes uint64
	go func() {
		for {
			session, err := listener.AcceptKCP()
			if err != nil {
				return
			}
			options.apply(session)
			atomic.AddUint64(&sessions, 1)
			go echo(session, &echoedBytes)
		}
	}()

	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM, syscall.SIGINT)
	select {
	case <-stop:
	case <-time.After(*lifetime):
	}
	used := ownCPU()
	printJSON(map[string]any{
		"event":      "stopped",
		"sessions":   atomic.LoadUint64(&sessions),
		"bytes":      atomic.LoadUint64(&echoedBytes),
		"cpu":        used,
		"cpuSeconds": used.seconds(),
		"counters":   counters(),
	})
	return nil
}

func echo(session *kcp.UDPSession, echoedBytes *uint64) {
	defer session.Close()
	buffer := make([]byte, 64<<10)
	for {
		n, err := session.Read(buffer)
		if err != nil {
			return
		}
		if _, err := session.Write(buffer[:n]); err != nil {
			return
		}
		atomic.AddUint64(echoedBytes, uint64(n))
	}
}
