package main

import (
	"crypto/sha1"
	"flag"
	"fmt"
	"net"

	"github.com/xtaci/kcp-go"
	"golang.org/x/crypto/pbkdf2"
)

// sessionOptions is everything that can be set on a kcp-go session from outside the library.
type sessionOptions struct {
	stream, ackNoDelay, writeDelay bool
	noDelay, interval, resend, nc  int
	sendWindow, receiveWindow, mtu int
	socketBuffer                   int
	fecData, fecParity             int
	crypt, key                     string
}

// addFlags registers the flags both ends share. Their defaults are the "fast3" preset with a window of 1024.
func (o *sessionOptions) addFlags(flags *flag.FlagSet) {
	flags.BoolVar(&o.stream, "stream", false, "stream mode: messages are merged into full segments")
	flags.BoolVar(&o.ackNoDelay, "ack-no-delay", false, "send ACKs at once")
	flags.BoolVar(&o.writeDelay, "write-delay", false, "leave sending to the next update")
	flags.IntVar(&o.noDelay, "nodelay", 1, "0 or 1")
	flags.IntVar(&o.interval, "interval", 10, "update interval in ms")
	flags.IntVar(&o.resend, "resend", 2, "fast retransmit threshold, 0 is off")
	flags.IntVar(&o.nc, "nc", 1, "1 switches the congestion window off")
	flags.IntVar(&o.sendWindow, "sndwnd", 1024, "send window in segments")
	flags.IntVar(&o.receiveWindow, "rcvwnd", 1024, "receive window in segments")
	flags.IntVar(&o.mtu, "mtu", 1400, "largest datagram in bytes")
	flags.IntVar(&o.socketBuffer, "sockbuf", 4<<20, "socket buffers in bytes")
	flags.IntVar(&o.fecData, "fec-data", 0, "data shards, 0 switches FEC off")
	flags.IntVar(&o.fecParity, "fec-parity", 0, "parity shards")
	flags.StringVar(&o.crypt, "crypt", "", "empty for no packet header at all, or none, aes, aes-128, aes-192, salsa20")
	flags.StringVar(&o.key, "key", "it's a secrect", "password of -crypt")
}

// apply sets the options on one session.
func (o *sessionOptions) apply(session *kcp.UDPSession) {
	session.SetStreamMode(o.stream)
	session.SetACKNoDelay(o.ackNoDelay)
	session.SetWriteDelay(o.writeDelay)
	session.SetNoDelay(o.noDelay, o.interval, o.resend, o.nc)
	session.SetWindowSize(o.sendWindow, o.receiveWindow)
	session.SetMtu(o.mtu)
}

func (o *sessionOptions) dial(address string) (*kcp.UDPSession, error) {
	cipher, err := o.cipher()
	if err != nil {
		return nil, err
	}
	session, err := kcp.DialWithOptions(address, cipher, o.fecData, o.fecParity)
	if err != nil {
		return nil, err
	}
	_ = session.SetReadBuffer(o.socketBuffer)
	_ = session.SetWriteBuffer(o.socketBuffer)
	o.apply(session)
	return session, nil
}

func (o *sessionOptions) listen(address string) (*kcp.Listener, *net.UDPAddr, error) {
	cipher, err := o.cipher()
	if err != nil {
		return nil, nil, err
	}
	listener, err := kcp.ListenWithOptions(address, cipher, o.fecData, o.fecParity)
	if err != nil {
		return nil, nil, err
	}
	_ = listener.SetReadBuffer(o.socketBuffer)
	_ = listener.SetWriteBuffer(o.socketBuffer)
	bound, ok := listener.Addr().(*net.UDPAddr)
	if !ok {
		return nil, nil, fmt.Errorf("not a UDP address: %v", listener.Addr())
	}
	return listener, bound, nil
}

// cipher derives the key the way kcptun does.
func (o *sessionOptions) cipher() (kcp.BlockCrypt, error) {
	if o.crypt == "" {
		return nil, nil
	}
	key := pbkdf2.Key([]byte(o.key), []byte("kcp-go"), 4096, 32, sha1.New)
	switch o.crypt {
	case "none":
		return kcp.NewNoneBlockCrypt(key)
	case "aes":
		return kcp.NewAESBlockCrypt(key)
	case "aes-128":
		return kcp.NewAESBlockCrypt(key[:16])
	case "aes-192":
		return kcp.NewAESBlockCrypt(key[:24])
	case "salsa20":
		return kcp.NewSalsa20BlockCrypt(key)
	}
	return nil, fmt.Errorf("unknown -crypt %q", o.crypt)
}
