import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import ts from 'typescript';

/**
 * Names of properties that nobody outside a bundle can know, so that short ones can take their place in it.
 *
 * Left alone is whatever a user may write or read (members of the types that the entry exports, and of all those they mention),
 * whatever browsers call something, and whatever stands in the sources as a text: it may be the key of a JSON field.
 * @param entry the module whose exports are public.
 * @param files the sources of the bundle.
 * @param options the compiler's, as they are for the entry.
 */
export function internalNames(entry, files, options) {
  const program = ts.createProgram([entry, ...files], options);
  const known = new Set([...publicNames(program, entry), ...libraryNames(program), ...texts(program, files)]);
  const names = new Set();
  for (const file of files) {
    walk(program.getSourceFile(file), (node) => {
      if (!isMember(node) || !ts.isIdentifier(node.name)) return;
      const { text } = node.name;
      if (text.length >= MIN_LENGTH && !known.has(text)) names.add(text);
    });
  }
  return [...names].sort();
}

/** Shorter ones gain nothing. */
const MIN_LENGTH = 3;

/** Names of all members of the types that are exported, and of the types these mention. */
function publicNames(program, entry) {
  const checker = program.getTypeChecker();
  const names = new Set();
  const seen = new Set();
  const reach = (symbol) => {
    if (symbol === undefined || seen.has(symbol)) return;
    seen.add(symbol);
    if (symbol.flags & ts.SymbolFlags.Alias) return reach(checker.getAliasedSymbol(symbol));
    for (const declaration of symbol.declarations ?? []) if (isOurs(declaration)) look(declaration);
  };
  const look = (node) => {
    if (isPrivate(node) || ts.isBlock(node)) return;
    if (isMember(node) && (ts.isIdentifier(node.name) || ts.isStringLiteral(node.name)))
      names.add(node.name.text);
    // What has no type written next to it: its own words tell.
    if (ts.isTypeReferenceNode(node)) reach(checker.getSymbolAtLocation(node.typeName));
    else if (ts.isTypeQueryNode(node)) reach(checker.getSymbolAtLocation(node.exprName));
    else if (ts.isExpressionWithTypeArguments(node)) reach(checker.getSymbolAtLocation(node.expression));
    ts.forEachChild(node, look);
  };
  const module = checker.getSymbolAtLocation(program.getSourceFile(entry));
  for (const symbol of checker.getExportsOfModule(module)) reach(symbol);
  return names;
}

/** What the language and browsers have. */
function libraryNames(program) {
  const names = new Set();
  for (const file of program.getSourceFiles()) {
    if (!program.isSourceFileDefaultLibrary(file)) continue;
    walk(file, (node) => {
      if (isMember(node) && ts.isIdentifier(node.name)) names.add(node.name.text);
    });
  }
  return names;
}

function texts(program, files) {
  const found = new Set();
  for (const file of files) {
    walk(program.getSourceFile(file), (node) => {
      if (ts.isStringLiteralLike(node)) found.add(node.text);
    });
  }
  return found;
}

function walk(node, visit) {
  visit(node);
  ts.forEachChild(node, (child) => walk(child, visit));
}

const isOurs = (node) => !node.getSourceFile().isDeclarationFile;

const isPrivate = (node) =>
  ts.canHaveModifiers(node) &&
  ts.getModifiers(node)?.some(({ kind }) => kind === ts.SyntaxKind.PrivateKeyword) === true;

/** Whether a node gives a property its name. */
const isMember = (node) =>
  (ts.isPropertyDeclaration(node) ||
    ts.isMethodDeclaration(node) ||
    ts.isAccessor(node) ||
    ts.isPropertySignature(node) ||
    ts.isMethodSignature(node) ||
    ts.isPropertyAssignment(node) ||
    ts.isShorthandPropertyAssignment(node) ||
    (ts.isParameter(node) && isPrivate(node))) &&
  node.name !== undefined;

/** The compiler's options of a project. */
export function compilerOptionsOf(project) {
  const { config } = ts.readConfigFile(project, (path) => readFileSync(path, 'utf8'));
  return ts.parseJsonConfigFileContent(config, ts.sys, dirname(project), {}, join(project)).options;
}
