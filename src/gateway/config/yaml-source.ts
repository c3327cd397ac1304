import {
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  parseDocument,
  type YAMLError,
  type YAMLMap,
} from 'yaml';
import type { ConfigTree } from './config-tree.ts';
import { newMap } from './document-map.ts';
import { type Environment, interpolate } from './interpolation.ts';
import type { ConfigIssue, ConfigPath, Origin } from './issue.ts';
import { formatPath } from './issue.ts';

/** Largest configuration file, in UTF-16 units. */
export const MAX_FILE_LENGTH = 1024 * 1024;
/** Most uses of anchors in a file. */
const MAX_ALIASES = 100;
/** Most values in a file after its anchors are expanded. */
const MAX_VALUES = 50_000;
/** Deepest nesting. */
const MAX_DEPTH = 16;

/** What came of reading a file. */
export interface YamlResult {
  /** Whether the tree holds the whole file; otherwise checking it would only mislead. */
  readonly complete: boolean;
  /** What is wrong, in the order it was found. */
  readonly issues: readonly ConfigIssue[];
}

/**
 * Reads YAML 1.2 (one document, core schema, anchors and `<<` merges within bounds) into a tree, with the position of
 * every key and value, and with environment variables put into its strings.
 * Never throws.
 */
export function readYaml(
  text: string,
  source: string,
  environment: Environment,
  into: ConfigTree,
): YamlResult {
  if (text.length > MAX_FILE_LENGTH) {
    const message = `the file is larger than ${String(MAX_FILE_LENGTH / 1024)} KiB`;
    return { complete: false, issues: [{ source, path: '', message }] };
  }
  const lines = new LineCounter();
  // Keys are checked for repetition below: the parser's own check takes quadratic time.
  const document = parseDocument(text, {
    lineCounter: lines,
    prettyErrors: false,
    uniqueKeys: false,
    schema: 'core',
  });
  const problems = [...document.errors, ...document.warnings];
  if (problems.length > 0) return { complete: false, issues: syntaxIssues(problems, source, lines) };
  const reader = new TreeReader(text, source, lines, environment, into);
  reader.readRoot(document.contents);
  const { exceeded, issues } = reader;
  return exceeded === undefined ? { complete: true, issues } : { complete: false, issues: [exceeded] };
}

function syntaxIssues(problems: readonly YAMLError[], source: string, lines: LineCounter): ConfigIssue[] {
  const issue = (problem: YAMLError, message: string): ConfigIssue => {
    const { line, col } = lines.linePos(problem.pos[0]);
    return { source, line, column: col, path: '', message };
  };
  const tooDeep = problems.find((problem) => problem.code === 'RESOURCE_EXHAUSTION');
  if (tooDeep !== undefined) return [issue(tooDeep, 'nested too deeply')];
  return problems.map((problem) => issue(problem, firstLine(problem.message)));
}

function firstLine(text: string): string {
  const [line = ''] = text.split('\n');
  return line.replace(/[.:]$/, '');
}

type AnyNode = Node | null | undefined;

/** Copies the nodes of one document into a tree. */
class TreeReader {
  readonly issues: ConfigIssue[] = [];
  /** The first bound that was exceeded. */
  exceeded: ConfigIssue | undefined;
  readonly #text: string;
  readonly #source: string;
  readonly #lines: LineCounter;
  readonly #environment: Environment;
  readonly #tree: ConfigTree;
  readonly #anchors = new Map<string, Node>();
  #aliases = 0;
  #values = 0;

  constructor(text: string, source: string, lines: LineCounter, environment: Environment, tree: ConfigTree) {
    this.#text = text;
    this.#source = source;
    this.#lines = lines;
    this.#environment = environment;
    this.#tree = tree;
  }

  readRoot(contents: AnyNode): void {
    if (contents === null || contents === undefined || (isScalar(contents) && contents.value === null))
      return;
    this.#tree.locate([], this.origin(contents));
    if (isMap(contents)) this.fillMap(this.#tree.root, contents, [], false);
    else
      this.complain(
        [],
        contents,
        'must be a map of sections: common, listeners, sessions, login, peers, upstreams, routes',
      );
  }

  private read(node: AnyNode, path: ConfigPath): unknown {
    this.#values += 1;
    if (node === null || node === undefined) return null;
    if (this.#values > MAX_VALUES) this.exceed(path, node, `more than ${String(MAX_VALUES)} values`);
    if (path.length >= MAX_DEPTH) this.exceed(path, node, `nested deeper than ${String(MAX_DEPTH)} levels`);
    if (this.exceeded !== undefined) return null;
    if (isAlias(node)) return this.read(this.target(node, node.source, path), path);
    const value = this.readPlain(node, path);
    if (node.anchor !== undefined) this.#anchors.set(node.anchor, node);
    return value;
  }

  private readPlain(node: Node, path: ConfigPath): unknown {
    // What is written as nothing stands nowhere: then the key is the place to look at.
    const key = this.#tree.keyOrigin(path);
    this.#tree.locate(path, isEmpty(node) ? key : this.origin(node), key);
    if (isMap(node)) {
      const map = newMap();
      this.fillMap(map, node, path, false);
      return map;
    }
    if (isSeq(node)) return node.items.map((item, index) => this.read(item as Node, [...path, index]));
    const value = isScalar(node) ? node.value : undefined;
    if (typeof value === 'string') return this.readText(value, node, path);
    if (value === null || typeof value === 'number' || typeof value === 'boolean') return value;
    this.complain(path, node, 'this kind of value is not supported');
    return null;
  }

  private readText(value: string, node: Node, path: ConfigPath): string {
    const { text, changed, problems } = interpolate(value, this.#environment);
    if (changed) this.#tree.markText(path);
    for (const { at, message } of problems) {
      const [start, end] = node.range ?? [0, 0];
      const found = this.#text.indexOf(at, start);
      this.complain(path, node, message, this.originAt(found >= 0 && found < end ? found : start));
    }
    return text;
  }

  private fillMap(map: Record<string, unknown>, node: YAMLMap, path: ConfigPath, onlyMissing: boolean): void {
    const merges: AnyNode[] = [];
    const seen = new Set<string>();
    for (const pair of node.items) {
      const keyNode = pair.key as Node;
      const value = pair.value as AnyNode;
      if (!isScalar(keyNode)) {
        this.complain(path, keyNode, 'a key must be plain text');
        continue;
      }
      const key =
        typeof keyNode.value === 'string' ? keyNode.value : (keyNode.source ?? String(keyNode.value));
      if (seen.has(key)) {
        const message = `the key ${JSON.stringify(key)} stands twice in this map`;
        this.issues.push({ ...this.origin(keyNode), path: formatPath([...path, key]), message });
        continue;
      }
      seen.add(key);
      if (key === '<<' && path.length > 0) {
        merges.push(value);
        continue;
      }
      if (onlyMissing && Object.hasOwn(map, key)) continue;
      this.#tree.locate([...path, key], this.origin(keyNode));
      map[key] = this.read(value, [...path, key]);
    }
    for (const merge of merges) this.merge(map, merge, path);
  }

  /** `<<: *anchor` or a list of them: gives the map the keys that it does not have yet. */
  private merge(map: Record<string, unknown>, node: AnyNode, path: ConfigPath): void {
    const sources = isSeq(node) ? (node.items as Node[]) : [node];
    for (const source of sources) {
      const target = isAlias(source) ? this.target(source, source.source, path) : source;
      if (target === null && isAlias(source)) continue;
      if (!isMap(target)) {
        this.complain(path, source, '"<<" takes the name of a map, or a list of them');
        continue;
      }
      this.fillMap(map, target, path, true);
    }
  }

  private target(alias: Node, name: string, path: ConfigPath): Node | null {
    this.#aliases += 1;
    if (this.#aliases > MAX_ALIASES) {
      this.exceed(path, alias, `more than ${String(MAX_ALIASES)} uses of anchors`);
      return null;
    }
    const found = this.#anchors.get(name);
    if (found === undefined)
      this.complain(path, alias, `there is no finished anchor "${name}" before this place`);
    return found ?? null;
  }

  private complain(
    path: ConfigPath,
    node: AnyNode,
    message: string,
    origin: Origin = this.origin(node),
  ): void {
    this.issues.push({ ...origin, path: formatPath(path), message });
    this.#tree.markBroken(path);
  }

  private exceed(path: ConfigPath, node: AnyNode, message: string): void {
    this.exceeded ??= { ...this.origin(node), path: formatPath(path), message };
  }

  private origin(node: AnyNode): Origin {
    return this.originAt(node?.range?.[0] ?? 0);
  }

  private originAt(offset: number): Origin {
    const { line, col } = this.#lines.linePos(offset);
    return { source: this.#source, line, column: col };
  }
}

function isEmpty(node: Node): boolean {
  const [start, end] = node.range ?? [0, 0];
  return isScalar(node) && start === end;
}
