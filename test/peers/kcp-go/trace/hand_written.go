package main

import (
	"encoding/binary"

	"github.com/xtaci/kcp-go"
)

// handWritten feeds one object datagrams that a well-behaved peer would not send, or that stand at a limit.
func handWritten() trace {
	const (
		conversation = 0x11223344
		window       = 16
		start        = 1000
	)
	c := fast3(window, window, false)
	e := newEndpoint("a", c, 0, 0)
	now := uint64(start)
	in := func(segments ...[]byte) {
		now++
		kcp.SetVirtualNow(uint32(now))
		var datagram []byte
		for _, s := range segments {
			datagram = append(datagram, s...)
		}
		e.input(now, datagram)
		e.takeEmitted()
		e.receive(now)
		e.flush(now)
		e.takeEmitted()
	}
	push := func(sn uint32, payload string) []byte {
		return header{conversation: conversation, command: kcp.IKCP_CMD_PUSH, window: window, sequence: sn}.with(payload)
	}
	bare := func(command uint8, sn, una uint32) []byte {
		return header{conversation: conversation, command: command, window: window, timestamp: start, sequence: sn,
			unacknowledged: una}.with("")
	}

	kcp.SetVirtualNow(start)
	for _, message := range []string{"one", "two", "three", "four"} {
		e.send(now, []byte(message))
	}
	e.flush(now)
	e.takeEmitted()

	in(push(0, "zero")[:23])                                                                         // shorter than a header
	in(header{conversation: 7, command: kcp.IKCP_CMD_PUSH, window: window}.with("x"))                // foreign conversation
	in(push(0, "zero"), header{conversation: 7, command: kcp.IKCP_CMD_ACK, window: window}.with("")) // and as second segment
	in(header{conversation: conversation, command: kcp.IKCP_CMD_PUSH, window: window, sequence: 1, excess: 1}.with("cut"))
	in(header{conversation: conversation, command: kcp.IKCP_CMD_PUSH, window: window, sequence: 1, excess: 0xfffffffb}.with("cut!"))
	in(header{conversation: conversation, command: kcp.IKCP_CMD_PUSH, window: window, sequence: 1, excess: 0x7ffffffb}.with("cut!"))
	in(bare(0, 1, 0))
	in(bare(79, 1, 0))
	in(bare(255, 1, 0))
	in(push(1, "tail"), make([]byte, 1))                  // a tail too short for a header is ignored
	in(push(2, "tail"), make([]byte, 23))                 //
	in(push(0, "zero"))                                   // old: acknowledged again
	in(push(2, "tail"), push(2, "tail"), push(2, "tail")) // thrice in one datagram
	in(push(3+window, "beyond"))                          // beyond the window: neither stored nor acknowledged
	in(push(3+window-1, "last"))                          // the last place in the window
	in(push(3+window-1, "again"))                         // first copy wins
	in(push(4, "e"), push(3, "d"))                        // out of order in one datagram
	in(bare(kcp.IKCP_CMD_ACK, 4, 0))                      // never sent
	in(bare(kcp.IKCP_CMD_ACK, 0xffffffff, 0))             // long ago
	in(bare(kcp.IKCP_CMD_ACK, 1, 0))                      // selective
	in(bare(kcp.IKCP_CMD_ACK, 0, 2))                      // cumulative too
	in(bare(kcp.IKCP_CMD_ACK, 1, 1))                      // older una
	in(bare(kcp.IKCP_CMD_WASK, 0, 2), bare(kcp.IKCP_CMD_WASK, 0, 2), bare(kcp.IKCP_CMD_WASK, 0, 2))
	in(bare(kcp.IKCP_CMD_WINS, 0, 4)) // the rest

	return trace{
		Scenario: "hand-written", Description: "malformed, foreign, old and out-of-window segments", Config: c,
		StateColumns: kcp.StateColumns, Endpoints: []recordedEndpoint{e.recordedEndpoint},
	}
}

// header is one segment header; excess is added to the length field to make it lie.
type header struct {
	conversation                                uint32
	command                                     uint8
	window                                      uint16
	timestamp, sequence, unacknowledged, excess uint32
}

func (h header) with(payload string) []byte {
	out := make([]byte, kcp.IKCP_OVERHEAD, kcp.IKCP_OVERHEAD+len(payload))
	binary.LittleEndian.PutUint32(out[0:], h.conversation)
	out[4] = h.command
	binary.LittleEndian.PutUint16(out[6:], h.window)
	binary.LittleEndian.PutUint32(out[8:], h.timestamp)
	binary.LittleEndian.PutUint32(out[12:], h.sequence)
	binary.LittleEndian.PutUint32(out[16:], h.unacknowledged)
	binary.LittleEndian.PutUint32(out[20:], uint32(len(payload))+h.excess)
	return append(out, payload...)
}
