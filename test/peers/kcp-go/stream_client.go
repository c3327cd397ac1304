package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"flag"
	"fmt"
	"hash"
	"time"
)

// runStreamClient sends a seeded stream to an echo server, reads the echo at the same time and checks every byte of it.
func runStreamClient(arguments []string) error {
	var options sessionOptions
	flags := flag.NewFlagSet("stream-client", flag.ExitOnError)
	options.addFlags(flags)
	address := flags.String("addr", "", "host:port of the echo server")
	total := flags.Int64("bytes", 1<<20, "bytes to send")
	warmUp := flags.Int64("warm-up", 0, "bytes sent before those, which are checked and not measured")
	chunkBytes := flags.Int("chunk", 64<<10, "bytes of one write")
	seed := flags.Uint64("seed", 1, "seed of the stream")
	repeat := flags.Int("repeat", 0, "bytes after which the stream repeats itself, 0 is never: cheaper to make and to compare")
	watched := flags.Int("watch", 0, "process whose CPU time is reported, too: that of the server")
	withHash := flags.Bool("sha256", true, "hash what comes back too")
	timeout := flags.Duration("timeout", time.Minute, "gives up after this long")
	if err := flags.Parse(arguments); err != nil {
		return err
	}
	session, err := options.dial(*address)
	if err != nil {
		return err
	}
	defer session.Close()
	if err := session.SetDeadline(time.Now().Add(*timeout)); err != nil {
		return err
	}

	whole := *warmUp + *total
	started, cpuBefore := time.Now(), cpuTime{}
	writeError := make(chan error, 1)
	go func() {
		source := newSource(*seed, *repeat, *chunkBytes)
		for sent := int64(0); sent < whole; {
			chunk := source.next(*chunkBytes)
			if rest := whole - sent; rest < int64(len(chunk)) {
				chunk = chunk[:rest]
			}
			sent += int64(len(chunk))
			if _, err := session.Write(chunk); err != nil {
				writeError <- err
				return
			}
		}
		writeError <- nil
	}()

	received := make([]byte, 64<<10)
	expected := newSource(*seed, *repeat, len(received))
	var digest hash.Hash
	if *withHash {
		digest = sha256.New()
	}
	var got, corrupt int64
	var readError error
	for got < whole {
		n, err := session.Read(received)
		if err != nil {
			readError = err
			break
		}
		for done := 0; done < n; {
			wanted := expected.next(n - done)
			if piece := received[done : done+len(wanted)]; !bytes.Equal(piece, wanted) {
				corrupt += countDifferences(piece, wanted)
			}
			done += len(wanted)
		}
		if digest != nil {
			digest.Write(received[:n])
		}
		before := got
		got += int64(n)
		if before < *warmUp && got >= *warmUp {
			printJSON(map[string]any{"event": "warm", "server": cpuOf(*watched)})
			started, cpuBefore = time.Now(), ownCPU()
		}
	}
	seconds, used, server := time.Since(started).Seconds(), ownCPU().since(cpuBefore), cpuOf(*watched)
	if readError == nil {
		readError = <-writeError
	}

	result := map[string]any{
		"event":        "result",
		"complete":     got == whole && readError == nil,
		"bytes":        got,
		"warmUpBytes":  *warmUp,
		"corruptBytes": corrupt,
		"seconds":      seconds,
		"mibPerSecond": float64(got-*warmUp) / (1 << 20) / seconds,
		"cpu":          used,
		"cpuSeconds":   used.seconds(),
		"server":       server,
		"srttMs":       session.GetSRTT(),
		"counters":     counters(),
	}
	if digest != nil {
		result["sha256"] = hex.EncodeToString(digest.Sum(nil))
	}
	if readError != nil {
		result["error"] = fmt.Sprint(readError)
	}
	printJSON(result)
	return nil
}

func countDifferences(a, b []byte) (differences int64) {
	for i := range a {
		if a[i] != b[i] {
			differences++
		}
	}
	return differences
}
