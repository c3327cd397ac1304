package main

import "sort"

// random is a seeded generator (splitmix64).
type random struct{ state uint64 }

func (r *random) next() uint64 {
	r.state += 0x9e3779b97f4a7c15
	z := r.state
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb
	return z ^ (z >> 31)
}

// percent is true this often out of a hundred times.
func (r *random) percent(chance int) bool { return r.next()%100 < uint64(chance) }

func (r *random) below(limit int) int {
	if limit <= 0 {
		return 0
	}
	return int(r.next() % uint64(limit))
}

func (r *random) bytes(length int) []byte {
	out := make([]byte, length)
	for i := range out {
		out[i] = byte(r.next())
	}
	return out
}

// conditions is what a network does to datagrams; chances are in percent.
type conditions struct {
	delayMs, jitterMs, lossPercent, duplicatePercent int
}

// network carries datagrams between two endpoints on the virtual clock. Jitter reorders.
type network struct {
	conditions
	random *random
	order  int
	flying []flyingDatagram
}

type flyingDatagram struct {
	due, order int
	to         *endpoint
	bytes      []byte
}

func (n *network) carry(atMs int, to *endpoint, datagrams [][]byte) {
	for _, datagram := range datagrams {
		copies := 1
		if n.random.percent(n.lossPercent) {
			copies = 0
		} else if n.random.percent(n.duplicatePercent) {
			copies = 2
		}
		for i := 0; i < copies; i++ {
			n.order++
			n.flying = append(n.flying, flyingDatagram{atMs + n.delayMs + n.random.below(n.jitterMs), n.order, to, datagram})
		}
	}
}

// arrivals removes and returns what is due, in order of arrival.
func (n *network) arrivals(atMs int) (due []flyingDatagram) {
	var later []flyingDatagram
	for _, datagram := range n.flying {
		if datagram.due <= atMs {
			due = append(due, datagram)
		} else {
			later = append(later, datagram)
		}
	}
	n.flying = later
	sort.Slice(due, func(i, j int) bool {
		return due[i].due < due[j].due || due[i].due == due[j].due && due[i].order < due[j].order
	})
	return due
}
