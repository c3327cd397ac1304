package main

import (
	"encoding/hex"

	"github.com/xtaci/kcp-go"
)

// trace is one file of vectors.
type trace struct {
	Scenario     string             `json:"scenario"`
	Description  string             `json:"description"`
	Seed         uint64             `json:"seed"`
	Config       config             `json:"config"`
	StateColumns []string           `json:"stateColumns"`
	Endpoints    []recordedEndpoint `json:"endpoints"`
}

// config is how both objects of a scenario are set up.
type config struct {
	Conversation  uint32 `json:"conversation"`
	Mtu           int    `json:"mtu"`
	SendWindow    int    `json:"sendWindow"`
	ReceiveWindow int    `json:"receiveWindow"`
	NoDelay       int    `json:"noDelay"`
	IntervalMs    int    `json:"intervalMs"`
	Resend        int    `json:"resend"`
	NoCongestion  int    `json:"noCongestion"`
	Stream        bool   `json:"stream"`
}

type recordedEndpoint struct {
	Name            string `json:"name"`
	SendSequence    uint32 `json:"sendSequence"`
	ReceiveSequence uint32 `json:"receiveSequence"`
	Steps           []step `json:"steps"`
}

// step is one call. Data is what was sent or put in, or what was received; Out is every datagram the call emitted; State is
// left out when the call did not change it.
type step struct {
	Now    uint64   `json:"now"`
	Do     string   `json:"do"`
	Data   string   `json:"data,omitempty"`
	Result int      `json:"result,omitempty"`
	Out    []string `json:"out,omitempty"`
	State  []uint32 `json:"state,omitempty"`
}

// endpoint is one KCP object with its record.
type endpoint struct {
	recordedEndpoint
	core *kcp.KCP
	// Datagrams emitted by the running call.
	emitted [][]byte
	// State after the last recorded call.
	state []uint32
}

func newEndpoint(name string, c config, sendSequence, receiveSequence uint32) *endpoint {
	e := &endpoint{recordedEndpoint: recordedEndpoint{
		Name: name, SendSequence: sendSequence, ReceiveSequence: receiveSequence,
	}}
	e.core = kcp.NewKCP(c.Conversation, func(buffer []byte, size int) {
		// An empty buffer reaches this callback when ACKs were left out; it is no datagram.
		if size >= kcp.IKCP_OVERHEAD {
			e.emitted = append(e.emitted, append([]byte(nil), buffer[:size]...))
		}
	})
	e.core.StartAt(sendSequence, receiveSequence)
	e.core.SetMtu(c.Mtu)
	e.core.NoDelay(c.NoDelay, c.IntervalMs, c.Resend, c.NoCongestion)
	e.core.WndSize(c.SendWindow, c.ReceiveWindow)
	e.core.SetStream(c.Stream)
	e.state = e.core.State()
	return e
}

func (e *endpoint) send(now uint64, message []byte) {
	e.record(now, "send", message, e.core.Send(message))
}

func (e *endpoint) input(now uint64, datagram []byte) {
	given := append([]byte(nil), datagram...)
	e.record(now, "input", given, e.core.Input(datagram, true, false))
}

// receive takes everything that can be read, one step a message, and returns how many bytes that was.
func (e *endpoint) receive(now uint64) (total int) {
	buffer := make([]byte, 1<<16)
	for {
		n := e.core.Recv(buffer)
		if n < 0 {
			return total
		}
		e.record(now, "receive", buffer[:n], n)
		total += n
	}
}

// flush is left out of the record when it did nothing at all.
func (e *endpoint) flush(now uint64) {
	e.core.FlushAll()
	if len(e.emitted) > 0 || !equal(e.state, e.core.State()) {
		e.record(now, "flush", nil, 0)
	}
}

func (e *endpoint) record(now uint64, do string, data []byte, result int) {
	s := step{Now: now, Do: do, Data: hex.EncodeToString(data), Result: result}
	if state := e.core.State(); !equal(state, e.state) {
		s.State, e.state = state, state
	}
	for _, datagram := range e.emitted {
		s.Out = append(s.Out, hex.EncodeToString(datagram))
	}
	e.Steps = append(e.Steps, s)
}

// takeEmitted hands over what the calls since the last take emitted.
func (e *endpoint) takeEmitted() [][]byte {
	taken := e.emitted
	e.emitted = nil
	return taken
}

func equal(a, b []uint32) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}
