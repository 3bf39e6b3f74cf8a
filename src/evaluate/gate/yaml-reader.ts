import { isMap, isScalar, isSeq, LineCounter, type Node, type Pair, parseDocument, type YAMLMap } from 'yaml'
import { didYouMean, sizeOf, UserError } from '../../platform/index.ts'

/** One key of a map with its value and where it stands. */
export interface Entry {
  readonly key: string
  readonly value: Node | null
  readonly line: number
}

/** Reads a YAML file strictly: every problem is a UserError that names the file, the line and what to write instead. */
export class YamlReader {
  readonly #file: string
  readonly #lines = new LineCounter()
  readonly root: Node | null

  constructor(text: string, file: string) {
    this.#file = file
    const document = parseDocument(text, { lineCounter: this.#lines })
    const problem = document.errors[0]
    if (problem)
      throw this.error(
        `not valid YAML: ${problem.message.split('\n')[0]!.replace(/:$/, '')}`,
        this.#lines.linePos(problem.pos[0]).line,
        'docs/comparing.md shows a gate file',
      )
    this.root = document.contents
  }

  error(message: string, line: number, hint?: string): UserError {
    return new UserError('bad-argument', message, {
      where: `${this.#file}:${line}`,
      ...(hint === undefined ? {} : { hint }),
    })
  }

  /** The entries of a map; with `known`, any other key is an error that names the nearest one. */
  entries(node: Node | null, what: string, line: number, known?: readonly string[]): readonly Entry[] {
    if (node === null || (isScalar(node) && node.value === null)) return []
    if (!isMap(node)) throw this.error(`${what} must be a map of keys to values`, line)
    return (node as YAMLMap).items.map((pair) => this.#entry(pair as Pair<Node, Node | null>, what, known))
  }

  #entry({ key, value }: Pair<Node, Node | null>, what: string, known: readonly string[] | undefined): Entry {
    const line = key.range ? this.#lines.linePos(key.range[0]).line : 1
    const name = isScalar(key) ? String(key.value) : ''
    if (known && !known.includes(name)) {
      const hint = `${didYouMean(name, known)}it takes ${known.join(', ')}`
      throw this.error(`${what} has no key "${name}"`, line, hint)
    }
    return { key: name, value, line }
  }

  /** A number within (above, most]; sizes may be written `5MB` or `1.5 GiB`. */
  number({ key, value, line }: Entry, what: string, { above = 0, most = Infinity, size = false } = {}): number {
    const given = isScalar(value) ? value.value : null
    const number = size && typeof given === 'string' ? sizeOf(given) : given
    if (typeof number !== 'number' || !Number.isFinite(number) || number <= above || number > most)
      throw this.error(
        `${what}${what ? '.' : ''}${key} must be a number above ${above}${Number.isFinite(most) ? ` and at most ${most}` : ''}, got ${value === null ? 'nothing' : String(value)}`,
        line,
        size ? 'for example 5MB, or 5000000' : undefined,
      )
    return number
  }

  /** A list of texts or numbers; one alone may stand without brackets. */
  list({ key, value, line }: Entry): readonly (string | number)[] {
    const items = isSeq(value) ? value.items : [value]
    const read = items.map((item) => (isScalar(item) ? item.value : null))
    if (read.length > 0 && read.every((item) => typeof item === 'string' || typeof item === 'number')) return read
    throw this.error(`${key} must be a list, as [a, b]`, line)
  }

  text({ key, value, line }: Entry): string {
    if (isScalar(value) && typeof value.value === 'string' && value.value !== '') return value.value
    throw this.error(`${key} must be a text`, line)
  }

  choice<const C extends string>({ key, value, line }: Entry, choices: readonly C[]): C {
    const found = isScalar(value) ? choices.find((choice) => choice === value.value) : undefined
    if (found !== undefined) return found
    throw this.error(`${key} must be ${choices.join(' or ')}, got ${value === null ? 'nothing' : String(value)}`, line)
  }
}
