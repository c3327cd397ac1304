package main

import "github.com/xtaci/kcp-go"

// scenario is two KCP objects, "a" and "b", that send each other messages through a network.
type scenario struct {
	name, description string
	seed              uint64
	config            config
	network           conditions
	// Virtual time at the start, in milliseconds: near a power of two to cross it.
	startMs uint64
	// First sequence number of each direction.
	firstSequence uint32
	// Messages of each side.
	fromA, fromB messages
	// b does not read between these two times.
	pauseFromMs, pauseUntilMs int
	// A second network time during which nothing at all arrives.
	blackFromMs, blackUntilMs int
}

// messages is how many are sent, how often, and of which sizes in turn.
type messages struct {
	count, everyMs, burst int
	sizes                 []int
}

const (
	mtu     = 72
	segment = mtu - kcp.IKCP_OVERHEAD
	limitMs = 60_000
)

func fast3(sendWindow, receiveWindow int, stream bool) config {
	return config{
		Conversation: 0x11223344, Mtu: mtu, SendWindow: sendWindow, ReceiveWindow: receiveWindow,
		NoDelay: 1, IntervalMs: 10, Resend: 2, NoCongestion: 1, Stream: stream,
	}
}

func withCongestionWindow(c config) config {
	c.NoCongestion = 0
	return c
}

var (
	small  = messages{count: 16, everyMs: 10, burst: 1, sizes: []int{1, 8, 30, 43}}
	mixed  = messages{count: 18, everyMs: 20, burst: 2, sizes: []int{1, segment - 1, segment, 17, 40}}
	pairs  = messages{count: 20, everyMs: 10, burst: 2, sizes: []int{12, 12, 1, 8, 30, 43}} // 12 + 12 fill a datagram
	answer = messages{count: 8, everyMs: 30, burst: 1, sizes: []int{5, 20}}
	large  = messages{count: 9, everyMs: 40, burst: 1, sizes: []int{
		segment, segment + 1, 2*segment - 1, 2 * segment, 2*segment + 1, 5 * segment, 3,
	}}
	bulk = messages{count: 24, everyMs: 10, burst: 6, sizes: []int{segment, 40}}
)

var scenarios = []scenario{
	{
		name: "in-order", description: "both ways, nothing lost", seed: 1, config: fast3(32, 32, false),
		network: conditions{delayMs: 20}, startMs: 1000, fromA: pairs, fromB: answer,
	},
	{
		name: "loss", description: "15 % loss each way", seed: 2, config: fast3(32, 32, false),
		network: conditions{delayMs: 20, lossPercent: 15}, startMs: 1000, fromA: mixed, fromB: answer,
	},
	{
		name: "reorder", description: "20 to 65 ms of delay, so datagrams overtake each other", seed: 3,
		config: fast3(32, 32, false), network: conditions{delayMs: 20, jitterMs: 45}, startMs: 1000, fromA: mixed, fromB: answer,
	},
	{
		name: "duplicates", description: "40 % of datagrams arrive twice, some late", seed: 4,
		config: fast3(32, 32, false), network: conditions{delayMs: 20, jitterMs: 20, duplicatePercent: 40},
		startMs: 1000, fromA: small, fromB: answer,
	},
	{
		name: "fragments", description: "messages of 1 to 5 segments, 10 % loss", seed: 5, config: fast3(32, 32, false),
		network: conditions{delayMs: 20, lossPercent: 10}, startMs: 1000, fromA: large, fromB: answer,
	},
	{
		name: "stream", description: "stream mode: queued bytes are merged into full segments", seed: 6,
		config: fast3(4, 32, true), network: conditions{delayMs: 20}, startMs: 1000,
		fromA: messages{count: 24, everyMs: 10, burst: 4, sizes: []int{
			1, segment - 1, segment, segment + 1, 10, 2 * segment, 7, 3*segment + 5,
		}},
		fromB: answer,
	},
	{
		name: "window-full", description: "a send window of 4: most segments wait in the queue", seed: 7,
		config: fast3(4, 32, false), network: conditions{delayMs: 20, lossPercent: 5}, startMs: 1000, fromA: bulk, fromB: answer,
	},
	{
		name: "zero-window", description: "b stops reading until its window of 8 is closed, then reads on", seed: 8,
		config: fast3(32, 8, false), network: conditions{delayMs: 20}, startMs: 1000,
		fromA: messages{count: 24, everyMs: 10, burst: 1, sizes: []int{segment, 20}}, fromB: answer,
		pauseFromMs: 60, pauseUntilMs: 1200,
	},
	{
		name: "window-probe", description: "as zero-window, but the news of the open window is lost: only a probe helps",
		seed: 9, config: fast3(32, 8, false), network: conditions{delayMs: 20}, startMs: 1000,
		fromA:       messages{count: 24, everyMs: 10, burst: 1, sizes: []int{segment, 20}},
		pauseFromMs: 60, pauseUntilMs: 600, blackFromMs: 590, blackUntilMs: 1200,
	},
	{
		name: "sequence-wrap", description: "sequence numbers cross 2^32, 10 % loss", seed: 10,
		config: fast3(32, 32, false), network: conditions{delayMs: 20, jitterMs: 30, lossPercent: 10}, startMs: 1000,
		firstSequence: 0xfffffffa, fromA: mixed, fromB: answer,
	},
	{
		name: "half-wrap", description: "sequence numbers and the clock cross 2^31, 10 % loss", seed: 11,
		config: fast3(32, 32, false), network: conditions{delayMs: 20, jitterMs: 30, lossPercent: 10}, startMs: 1<<31 - 90,
		firstSequence: 0x7ffffffa, fromA: small, fromB: answer,
	},
	{
		name: "clock-wrap", description: "the clock crosses 2^32 ms, 10 % loss", seed: 12,
		config: fast3(32, 32, false), network: conditions{delayMs: 20, lossPercent: 10}, startMs: 1<<32 - 150,
		fromA: small, fromB: answer,
	},
	{
		name: "congestion-window", description: "congestion window on, nothing lost: how it opens", seed: 14,
		config: withCongestionWindow(fast3(32, 32, false)), network: conditions{delayMs: 20}, startMs: 1000,
		fromA: bulk, fromB: answer,
	},
}

// run plays the scenario until everything was delivered and acknowledged.
func (s scenario) run() trace {
	a := newEndpoint("a", s.config, s.firstSequence, s.firstSequence)
	b := newEndpoint("b", s.config, s.firstSequence, s.firstSequence)
	chance := &random{s.seed}
	between := &network{conditions: s.network, random: chance}
	fromA, fromB := sender{messages: s.fromA}, sender{messages: s.fromB}
	readByA, readByB := 0, 0

	// kcp-go's congestion window, when it is on, is 0 until the end of the first flush.
	kcp.SetVirtualNow(uint32(s.startMs))
	a.flush(s.startMs)
	b.flush(s.startMs)
	for elapsed := 0; elapsed < limitMs; elapsed++ {
		now := s.startMs + uint64(elapsed)
		kcp.SetVirtualNow(uint32(now))
		for _, datagram := range between.arrivals(elapsed) {
			if elapsed < s.blackFromMs || elapsed >= s.blackUntilMs {
				datagram.to.input(now, datagram.bytes)
				s.handOver(between, elapsed, a, b)
			}
		}
		paused := elapsed >= s.pauseFromMs && elapsed < s.pauseUntilMs
		if !paused {
			readByB += b.receive(now)
		}
		readByA += a.receive(now)
		if elapsed%s.config.IntervalMs != 0 {
			continue
		}
		fromA.sendDue(a, now, elapsed, chance)
		fromB.sendDue(b, now, elapsed, chance)
		a.flush(now)
		b.flush(now)
		s.handOver(between, elapsed, a, b)
		if fromA.done() && fromB.done() && readByB == fromA.bytes && readByA == fromB.bytes &&
			a.core.WaitSnd() == 0 && b.core.WaitSnd() == 0 {
			break
		}
	}
	if readByB != fromA.bytes || readByA != fromB.bytes {
		panic(s.name + " did not finish")
	}
	return trace{
		Scenario: s.name, Description: s.description, Seed: s.seed, Config: s.config, StateColumns: kcp.StateColumns,
		Endpoints: []recordedEndpoint{a.recordedEndpoint, b.recordedEndpoint},
	}
}

func (s scenario) handOver(between *network, elapsed int, a, b *endpoint) {
	between.carry(elapsed, b, a.takeEmitted())
	between.carry(elapsed, a, b.takeEmitted())
}

// sender works through one side's messages.
type sender struct {
	messages
	sent, bytes int
}

func (m *sender) done() bool { return m.sent >= m.count }

func (m *sender) sendDue(e *endpoint, now uint64, elapsed int, chance *random) {
	if m.done() || elapsed%m.everyMs != 0 {
		return
	}
	for i := 0; i < m.burst && !m.done(); i++ {
		message := chance.bytes(m.sizes[m.sent%len(m.sizes)])
		e.send(now, message)
		m.sent++
		m.bytes += len(message)
	}
}
