import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

/**
 * Names of `private` members in the sources of a bundle, so that short ones can take their place in it: nobody outside their
 * class knows them. Left out is what is also the name of anything else: of a member that is not private, of something that
 * the language or browsers have, or a text, which may be the key of a field in JSON.
 * @param files paths of the sources.
 */
export function privateNames(files) {
  const names = new Set();
  const others = libraryNames();
  for (const file of files) {
    walk(parse(file), (node) => {
      if (ts.isStringLiteralLike(node)) others.add(node.text);
      else if (isMember(node) && ts.isIdentifier(node.name))
        (isPrivate(node) ? names : others).add(node.name.text);
    });
  }
  return [...names].filter((name) => !others.has(name)).sort();
}

/** What the language and browsers have. */
function libraryNames() {
  const folder = dirname(fileURLToPath(import.meta.resolve('typescript')));
  const names = new Set();
  for (const file of readdirSync(folder)) {
    if (!/^lib\.(?:es\d|dom)[\w.]*d\.ts$/.test(file)) continue;
    walk(parse(join(folder, file)), (node) => {
      if (isMember(node) && ts.isIdentifier(node.name)) names.add(node.name.text);
    });
  }
  return names;
}

function parse(file) {
  return ts.createSourceFile(file, readFileSync(file, 'utf8'), ts.ScriptTarget.Latest, true);
}

function walk(node, visit) {
  visit(node);
  ts.forEachChild(node, (child) => walk(child, visit));
}

const isPrivate = (node) =>
  ts.canHaveModifiers(node) &&
  ts.getModifiers(node)?.some(({ kind }) => kind === ts.SyntaxKind.PrivateKeyword) === true;

/** Whether a node gives a property its name. */
const isMember = (node) =>
  ts.isPropertyDeclaration(node) ||
  ts.isMethodDeclaration(node) ||
  ts.isAccessor(node) ||
  ts.isPropertySignature(node) ||
  ts.isMethodSignature(node) ||
  ts.isPropertyAssignment(node) ||
  ts.isShorthandPropertyAssignment(node);
