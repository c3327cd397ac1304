/**
 * What the sanitizers found in the addon. Every memory error and all undefined behaviour counts; of the leaks only those
 * whose memory the addon allocated: Node leaves some of its own behind when it exits.
 * @param reports what the processes wrote.
 */
export function findingsIn(reports) {
  return reports.flatMap((report) => report.split(/\n\s*\n/)).filter(isFinding);
}

function isFinding(paragraph) {
  if (/^(?:Direct|Indirect) leak of/m.test(paragraph)) return isAllocatedByAddon(paragraph);
  return /ERROR: AddressSanitizer|runtime error:|AddressSanitizer:DEADLYSIGNAL/.test(paragraph);
}

/** A frame of the addon names a source file of it, one of Node names Node's program file; who allocated comes first. */
function isAllocatedByAddon(paragraph) {
  const [owner = ''] = / \.\.\/src\/|kcpgate\.node|\/node\+0x/.exec(paragraph) ?? [];
  return owner !== '' && owner !== '/node+0x';
}
