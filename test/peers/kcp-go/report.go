package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/xtaci/kcp-go"
)

var outputLock sync.Mutex

// printJSON writes one JSON line.
func printJSON(value any) {
	outputLock.Lock()
	defer outputLock.Unlock()
	_ = json.NewEncoder(os.Stdout).Encode(value)
}

// exitWithStandardInput ends the process when whoever started it is gone.
func exitWithStandardInput() {
	_, _ = io.Copy(io.Discard, os.Stdin)
	os.Exit(3)
}

// cpuTime is what this process used, in seconds.
type cpuTime struct {
	User   float64 `json:"userSeconds"`
	System float64 `json:"systemSeconds"`
}

// ownCPU is what the operating system counted for this process so far, all threads together.
func ownCPU() cpuTime {
	var usage syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &usage) != nil {
		return cpuTime{}
	}
	return cpuTime{
		User:   time.Duration(usage.Utime.Nano()).Seconds(),
		System: time.Duration(usage.Stime.Nano()).Seconds(),
	}
}

// cpuOf is what another process used, read from /proc: the sum from the scheduler, which counts nanoseconds of each
// thread, divided as the counters in steps of 10 ms say; where the kernel keeps no such statistics the counters have to
// do. It is nil when there is nothing to read.
func cpuOf(pid int) *cpuTime {
	folder := fmt.Sprintf("/proc/%d", pid)
	stat, err := os.ReadFile(folder + "/stat")
	if err != nil {
		return nil
	}
	// The name in parentheses may hold blanks; user and system time are the 12th and 13th field after it.
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	userTicks, _ := strconv.ParseFloat(fields[11], 64)
	systemTicks, _ := strconv.ParseFloat(fields[12], 64)
	threads, _ := filepath.Glob(folder + "/task/*/schedstat")
	ticks := userTicks + systemTicks
	seconds := 0.0
	for _, thread := range threads {
		text, _ := os.ReadFile(thread)
		nanoseconds, _, _ := strings.Cut(string(text), " ")
		time, _ := strconv.ParseFloat(nanoseconds, 64)
		seconds += time / 1e9
	}
	if len(threads) == 0 {
		seconds = ticks / clockTicksPerSecond
	}
	if ticks == 0 {
		return &cpuTime{System: seconds}
	}
	userShare := userTicks / ticks
	return &cpuTime{User: seconds * userShare, System: seconds * (1 - userShare)}
}

// clockTicksPerSecond is fixed on every Linux that Go runs on.
const clockTicksPerSecond = 100

func (used cpuTime) since(before cpuTime) cpuTime {
	return cpuTime{User: used.User - before.User, System: used.System - before.System}
}

func (used cpuTime) seconds() float64 { return used.User + used.System }

// counters reports what the library counted in this process.
func counters() map[string]uint64 {
	snmp := kcp.DefaultSnmp.Copy()
	return map[string]uint64{
		"outSegments":      snmp.OutSegs,
		"inSegments":       snmp.InSegs,
		"inDatagrams":      snmp.InPkts,
		"outDatagrams":     snmp.OutPkts,
		"retransmits":      snmp.RetransSegs,
		"fastRetransmits":  snmp.FastRetransSegs,
		"earlyRetransmits": snmp.EarlyRetransSegs,
		"timeouts":         snmp.LostSegs,
		"duplicates":       snmp.RepeatSegs,
		"inputErrors":      snmp.KCPInErrors,
		"fecRecovered":     snmp.FECRecovered,
	}
}

// latencyMs summarises durations in milliseconds.
func latencyMs(samples []time.Duration) map[string]float64 {
	if len(samples) == 0 {
		return map[string]float64{}
	}
	sort.Slice(samples, func(i, j int) bool { return samples[i] < samples[j] })
	var sum time.Duration
	for _, sample := range samples {
		sum += sample
	}
	at := func(fraction float64) float64 {
		return milliseconds(samples[int(fraction*float64(len(samples)-1))])
	}
	return map[string]float64{
		"avg": milliseconds(sum) / float64(len(samples)),
		"p50": at(0.5), "p90": at(0.9), "p95": at(0.95), "p99": at(0.99), "max": at(1),
	}
}

func milliseconds(duration time.Duration) float64 { return float64(duration.Microseconds()) / 1000 }
