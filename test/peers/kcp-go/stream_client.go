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
	started, cpuBefore := time.Now(), 0.0
	writeError := make(chan error, 1)
	go func() {
		source := newPattern(*seed)
		chunk := make([]byte, *chunkBytes)
		for sent := int64(0); sent < whole; sent += int64(len(chunk)) {
			if rest := whole - sent; rest < int64(len(chunk)) {
				chunk = chunk[:rest]
			}
			source.fill(chunk)
			if _, err := session.Write(chunk); err != nil {
				writeError <- err
				return
			}
		}
		writeError <- nil
	}()

	expected := newPattern(*seed)
	received := make([]byte, 64<<10)
	wanted := make([]byte, len(received))
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
		expected.fill(wanted[:n])
		if !bytes.Equal(received[:n], wanted[:n]) {
			corrupt += countDifferences(received[:n], wanted[:n])
		}
		if digest != nil {
			digest.Write(received[:n])
		}
		before := got
		got += int64(n)
		if before < *warmUp && got >= *warmUp {
			printJSON(map[string]any{"event": "warm"})
			started, cpuBefore = time.Now(), cpuSeconds()
		}
	}
	seconds := time.Since(started).Seconds()
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
		"cpuSeconds":   cpuSeconds() - cpuBefore,
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
