/** The newest versions that official builds of the oldest supported Node need: with these, whoever runs it has them. */
const NEWEST = { GLIBC: [2, 28], GLIBCXX: [3, 4, 21], CXXABI: [1, 3, 9], GCC: [3, 4] };

/**
 * The symbols a program takes from libraries newer than {@link NEWEST}, as `dlsym (GLIBC_2.34)`.
 * @param table what `objdump -T` prints.
 */
export function tooNewSymbols(table) {
  return [...table.matchAll(/\*UND\*.*\((GLIBC|GLIBCXX|CXXABI|GCC)_([\d.]+)\)\s+(\S+)/g)]
    .filter(([, library, version]) => isNewer(version.split('.').map(Number), NEWEST[library]))
    .map(([, library, version, symbol]) => `${symbol} (${library}_${version})`);
}

function isNewer(version, limit) {
  for (let i = 0; i < Math.max(version.length, limit.length); i++) {
    const difference = (version[i] ?? 0) - (limit[i] ?? 0);
    if (difference !== 0) return difference > 0;
  }
  return false;
}
