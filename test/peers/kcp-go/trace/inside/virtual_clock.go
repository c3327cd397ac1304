// Package kcp, seen from inside: this file is added to a throw-away copy of kcp-go whose own currentMs was removed, so
// that a trace can set the clock, choose the first sequence number and read the state. See ../generate.sh.
package kcp

var virtualNow uint32

func currentMs() uint32 { return virtualNow }

// SetVirtualNow sets the clock of every KCP object, in milliseconds.
func SetVirtualNow(now uint32) { virtualNow = now }

// StartAt makes a fresh object continue as if sequence numbers below these two had been exchanged already.
func (kcp *KCP) StartAt(sendSequence, receiveSequence uint32) {
	kcp.snd_una, kcp.snd_nxt, kcp.rcv_nxt = sendSequence, sendSequence, receiveSequence
}

// SetStream switches stream mode.
func (kcp *KCP) SetStream(stream bool) {
	kcp.stream = 0
	if stream {
		kcp.stream = 1
	}
}

// FlushAll is one full flush.
func (kcp *KCP) FlushAll() { kcp.flush(false) }

// StateColumns names what State returns.
var StateColumns = []string{
	"sendUnacknowledged", "sendNext", "receiveNext", "remoteWindow", "congestionWindow", "slowStartThreshold",
	"sendBuffer", "sendQueue", "receiveBuffer", "receiveQueue",
}

// State is a snapshot of the protocol state, in the order of StateColumns. The last four count segments.
func (kcp *KCP) State() []uint32 {
	return []uint32{
		kcp.snd_una, kcp.snd_nxt, kcp.rcv_nxt, kcp.rmt_wnd, kcp.cwnd, kcp.ssthresh,
		uint32(len(kcp.snd_buf)), uint32(len(kcp.snd_queue)),
		uint32(len(kcp.rcv_buf)), uint32(len(kcp.rcv_queue)),
	}
}
