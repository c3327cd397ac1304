/** The first `length` bytes of the stream the kcp-go programs make from a seed: splitmix64, little-endian words. */
export function splitmixBytes(seed: number, length: number): Uint8Array {
  const words = new BigUint64Array(Math.ceil(length / 8));
  let state = BigInt(seed);
  for (let i = 0; i < words.length; i++) {
    state = BigInt.asUintN(64, state + 0x9e3779b97f4a7c15n);
    let z = state;
    z = BigInt.asUintN(64, (z ^ (z >> 30n)) * 0xbf58476d1ce4e5b9n);
    z = BigInt.asUintN(64, (z ^ (z >> 27n)) * 0x94d049bb133111ebn);
    words[i] = z ^ (z >> 31n);
  }
  return new Uint8Array(words.buffer, 0, length);
}
