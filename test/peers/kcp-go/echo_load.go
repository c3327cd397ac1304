package main

import (
	"encoding/binary"
	"flag"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/xtaci/kcp-go"
)

// runPingPongClient measures the latency of n echoes on one session, one each interval whether or not the last one came
// back (or, with an interval of 0, one after another).
func runPingPongClient(arguments []string) error {
	var options sessionOptions
	flags := flag.NewFlagSet("pingpong-client", flag.ExitOnError)
	options.addFlags(flags)
	address := flags.String("addr", "", "host:port of the echo server")
	count := flags.Int("count", 1000, "echoes")
	warmUp := flags.Int("warm-up", 0, "echoes before those, which are not measured")
	size := flags.Int("size", 64, "bytes of an echo, at least 8")
	every := flags.Duration("every", 20*time.Millisecond, "time between two echoes, 0 waits for the last one")
	watched := flags.Int("watch", 0, "process whose CPU time is reported, too: that of the server")
	timeout := flags.Duration("timeout", time.Minute, "gives up after this long")
	if err := flags.Parse(arguments); err != nil {
		return err
	}
	session, err := options.dial(*address)
	if err != nil {
		return err
	}
	defer session.Close()
	warm := &warmth{left: int64(*warmUp), watched: *watched}
	load := echoLoad{
		count: *count, warmUp: *warmUp, warm: warm, size: *size, every: *every, deadline: time.Now().Add(*timeout),
	}
	samples := load.run(session)
	used, server := ownCPU().since(warm.cpuBefore), cpuOf(*watched)
	printJSON(map[string]any{
		"event": "result", "complete": len(samples) == *count, "echoes": len(samples),
		"latencyMs": latencyMs(samples), "cpu": used, "cpuSeconds": used.seconds(), "server": server,
		"counters": counters(),
	})
	return nil
}

// runFleetClient runs many sessions at once, each with its own steady stream of echoes.
func runFleetClient(arguments []string) error {
	var options sessionOptions
	flags := flag.NewFlagSet("fleet-client", flag.ExitOnError)
	options.addFlags(flags)
	address := flags.String("addr", "", "host:port of the echo server")
	sessions := flags.Int("sessions", 100, "sessions")
	rate := flags.Float64("rate", 20, "echoes a second of each session")
	size := flags.Int("size", 64, "bytes of an echo, at least 8")
	duration := flags.Duration("duration", 5*time.Second, "how long to send")
	warmUp := flags.Duration("warm-up", 0, "how long to send before that, not measured")
	watched := flags.Int("watch", 0, "process whose CPU time is reported, too: that of the server")
	timeout := flags.Duration("timeout", time.Minute, "gives up after this long")
	if err := flags.Parse(arguments); err != nil {
		return err
	}
	every := time.Duration(float64(time.Second) / *rate)
	load := echoLoad{
		count: int(*duration / every), warmUp: int(*warmUp / every), size: *size, every: every,
		deadline: time.Now().Add(*timeout),
	}
	load.warm = &warmth{left: int64(load.warmUp * *sessions), watched: *watched}

	var group sync.WaitGroup
	var lock sync.Mutex
	var all []time.Duration
	started := time.Now()
	for i := 0; i < *sessions; i++ {
		session, err := options.dial(*address)
		if err != nil {
			return err
		}
		group.Add(1)
		go func(phase time.Duration) {
			defer group.Done()
			defer session.Close()
			time.Sleep(phase)
			samples := load.run(session)
			lock.Lock()
			all = append(all, samples...)
			lock.Unlock()
		}(every * time.Duration(i) / time.Duration(*sessions))
	}
	group.Wait()
	used, server, seconds := ownCPU().since(load.warm.cpuBefore), cpuOf(*watched), time.Since(started).Seconds()
	printJSON(map[string]any{
		"event": "result", "complete": len(all) == load.count**sessions, "sessions": *sessions, "echoes": len(all),
		"seconds": seconds, "latencyMs": latencyMs(all), "cpu": used, "cpuSeconds": used.seconds(), "server": server,
		"counters": counters(),
	})
	return nil
}

// echoLoad is a number of echoes, each carrying the time it was sent; those of the warm-up come first.
type echoLoad struct {
	count, warmUp, size int
	warm                *warmth
	every               time.Duration
	deadline            time.Time
}

// warmth counts the echoes of the warm-up, of all sessions, and says when they are over.
type warmth struct {
	left      int64
	watched   int
	cpuBefore cpuTime
}

func (w *warmth) take() {
	if atomic.AddInt64(&w.left, -1) == 0 {
		w.cpuBefore = ownCPU()
		printJSON(map[string]any{"event": "warm", "server": cpuOf(w.watched)})
	}
}

// run returns the latency of every measured echo that came back before the deadline.
func (load echoLoad) run(session *kcp.UDPSession) []time.Duration {
	if load.size < 8 {
		load.size = 8
	}
	_ = session.SetDeadline(load.deadline)
	zero := time.Now()
	if load.every > 0 {
		go load.sendAll(session, zero)
	}
	samples := make([]time.Duration, 0, load.count)
	message := make([]byte, load.size)
	received := 0
	for len(samples) < load.count {
		if load.every == 0 && load.send(session, zero) != nil {
			break
		}
		if _, err := io.ReadFull(session, message); err != nil {
			break
		}
		if received++; received <= load.warmUp {
			load.warm.take()
			continue
		}
		samples = append(samples, time.Since(zero)-time.Duration(binary.LittleEndian.Uint64(message)))
	}
	return samples
}

func (load echoLoad) sendAll(session *kcp.UDPSession, zero time.Time) {
	for i := 0; i < load.warmUp+load.count; i++ {
		time.Sleep(time.Until(zero.Add(time.Duration(i) * load.every)))
		if load.send(session, zero) != nil {
			return
		}
	}
}

func (load echoLoad) send(session *kcp.UDPSession, zero time.Time) error {
	message := make([]byte, load.size)
	binary.LittleEndian.PutUint64(message, uint64(time.Since(zero)))
	_, err := session.Write(message)
	return err
}
