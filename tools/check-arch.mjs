/**
 * Checks the import rules of .dependency-cruiser.cjs over src, tools and native-bindings.
 *
 * A checker that parses nothing finds nothing wrong, so this one also proves that it saw the code: at least
 * MODULE_FLOOR modules, every TypeScript file on disk, and imports between them.
 *
 * Exit code: 0 all rules hold, 1 a rule is broken or too little was seen.
 */
import { readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cruise } from 'dependency-cruiser';
import extractConfiguration from 'dependency-cruiser/config-utl/extract-depcruise-config';

/** TypeScript files in those folders when this number was last updated; raise it as the code grows. */
const COUNTED_FILES = 845;
/** Below this share of COUNTED_FILES something is wrong with the check, not with the code. */
const FLOOR_SHARE = 0.6;
const MODULE_FLOOR = Math.ceil(COUNTED_FILES * FLOOR_SHARE);

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
process.chdir(root);

const { modules, violations, rules } = await cruiseTree();
const edges = modules.reduce((sum, module) => sum + module.dependencies.length, 0);
const problems = [...violations.map(describeViolation), ...missingProof(modules, edges)];

for (const problem of problems) console.error(problem);
console.log(
  `arch: ${modules.length} modules (floor ${MODULE_FLOOR}), ${edges} imports, ${problems.length} problems`,
);
process.exitCode = problems.length === 0 ? 0 : 1;

async function cruiseTree() {
  const { options, forbidden } = await extractConfiguration('./.dependency-cruiser.cjs');
  const { output } = await cruise(['src', 'tools', 'native-bindings'], {
    ...options,
    validate: true,
    ruleSet: { forbidden },
  });
  return {
    modules: output.modules.filter((module) => /^(src|tools|native-bindings)\/.*\.ts$/.test(module.source)),
    violations: output.summary.violations,
    rules: forbidden,
  };
}

function describeViolation({ rule, from, to, cycle }) {
  const path = cycle ? [from, ...cycle.map((step) => step.name)].join(' -> ') : `${from} -> ${to}`;
  const advice = rules.find((candidate) => candidate.name === rule.name)?.comment ?? '';
  return `${rule.name}: ${path}\n    ${advice}`;
}

function missingProof(seen, importCount) {
  const known = new Set(seen.map((module) => module.source));
  const unseen = ['src', 'tools', 'native-bindings']
    .flatMap(typescriptFiles)
    .filter((file) => !known.has(file));
  const missing = unseen.map((file) => `not seen by dependency-cruiser: ${file}`);
  if (seen.length < MODULE_FLOOR) {
    missing.push(`only ${seen.length} modules seen, expected at least ${MODULE_FLOOR}`);
  }
  if (importCount < seen.length / 4) {
    missing.push(`only ${importCount} imports seen in ${seen.length} modules: the files were not parsed`);
  }
  return missing;
}

function typescriptFiles(folder) {
  return readdirSync(folder, { recursive: true })
    .map((file) => `${folder}/${file}`)
    .filter((file) => file.endsWith('.ts'));
}
