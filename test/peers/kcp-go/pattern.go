package main

import "encoding/binary"

// pattern is an endless pseudo-random byte stream made from a seed (splitmix64, little-endian words), cheap enough not
// to show in a benchmark.
type pattern struct {
	state    uint64
	word     [8]byte
	leftover int
}

func newPattern(seed uint64) *pattern { return &pattern{state: seed} }

// fill writes the next len(target) bytes of the stream.
func (p *pattern) fill(target []byte) {
	n := copy(target, p.word[8-p.leftover:])
	p.leftover -= n
	target = target[n:]
	for len(target) >= 8 {
		binary.LittleEndian.PutUint64(target, p.next())
		target = target[8:]
	}
	if len(target) > 0 {
		binary.LittleEndian.PutUint64(p.word[:], p.next())
		p.leftover = 8 - copy(target, p.word[:])
	}
}

func (p *pattern) next() uint64 {
	p.state += 0x9e3779b97f4a7c15
	z := p.state
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb
	return z ^ (z >> 31)
}

// source hands out a stream piece by piece: the endless pattern, or its beginning again and again.
type source struct {
	endless *pattern
	buffer  []byte
	at      int
}

// newSource makes the stream of a seed. With repeat > 0 its first so many bytes are made once and repeated.
func newSource(seed uint64, repeat, pieceBytes int) *source {
	if repeat == 0 {
		return &source{endless: newPattern(seed), buffer: make([]byte, pieceBytes)}
	}
	block := make([]byte, repeat)
	newPattern(seed).fill(block)
	return &source{buffer: block}
}

// next returns up to limit bytes, at least one, that are valid until the next call.
func (s *source) next(limit int) []byte {
	if s.endless != nil {
		piece := s.buffer[:smaller(limit, len(s.buffer))]
		s.endless.fill(piece)
		return piece
	}
	if s.at == len(s.buffer) {
		s.at = 0
	}
	piece := s.buffer[s.at:smaller(s.at+limit, len(s.buffer))]
	s.at += len(piece)
	return piece
}

func smaller(a, b int) int {
	if a < b {
		return a
	}
	return b
}
