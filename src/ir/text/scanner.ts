/** Text that is not the notation: what was expected or found, with its place (both from 1). */
export class ModelSyntaxError extends SyntaxError {
  readonly line: number
  readonly column: number

  constructor(message: string, line: number, column: number) {
    super(`${line}:${column}: ${message}`)
    this.name = 'ModelSyntaxError'
    this.line = line
    this.column = column
  }
}

/** A literal as it stands in the text; numbers stay text so that no digit is lost before the type is known. */
export interface Literal {
  readonly kind: 'int' | 'float' | 'string' | 'bytes'
  readonly text: string
}

const WORD = /[A-Za-z_][A-Za-z0-9_]*/y
const NUMBER = /-?(?:\d+\.?\d*(?:[eE][+-]?\d+)?|(?:nan|inf|infinity)(?!\w))/iy
const STRING = /"[^"\\]*(?:\\[\s\S][^"\\]*)*"/y
const BYTES = /hex"([0-9a-fA-F]*)"/y
const NAN_BITS = /\(0x[0-9a-fA-F]+\)/y
const SPACE = /(?:\s|#(?!@)[^\n]*)*/y
const NOTE = /#@([^\n]*)/y

/** A cursor over the text: every read skips blanks and comments first. */
export class Scanner {
  readonly #text: string
  #at = 0

  constructor(text: string) {
    this.#text = text
  }

  fail(message: string, at = this.#at): never {
    const before = this.#text.slice(0, at).split('\n')
    throw new ModelSyntaxError(message, before.length, before.at(-1)!.length + 1)
  }

  /** Where the next token starts. */
  get position(): number {
    this.#match(SPACE)
    return this.#at
  }

  get atEnd(): boolean {
    return this.position >= this.#text.length
  }

  /** Goes back to a position that `position` gave. */
  seek(position: number): void {
    this.#at = position
  }

  /** The character that comes next, '' at the end. */
  peek(): string {
    return this.#text[this.position] ?? ''
  }

  /** Whether `symbol` comes next; consumed if so. */
  take(symbol: string): boolean {
    if (!this.#text.startsWith(symbol, this.position)) return false
    this.#at += symbol.length
    return true
  }

  expect(symbol: string): void {
    if (!this.take(symbol)) this.fail(`expected '${symbol}', found ${this.#found()}`)
  }

  peekWord(): string {
    const at = this.position
    WORD.lastIndex = at
    return WORD.exec(this.#text)?.[0] ?? ''
  }

  word(what: string): string {
    const word = this.peekWord()
    if (word === '') this.fail(`expected ${what}, found ${this.#found()}`)
    this.#at += word.length
    return word
  }

  /** An identifier or a quoted name, or undefined where neither comes. */
  optionalName(): string | undefined {
    if (this.peek() === '"') return this.string('a name')
    return this.peekWord() === '' ? undefined : this.word('a name')
  }

  name(what: string): string {
    return this.optionalName() ?? this.fail(`expected ${what}, found ${this.#found()}`)
  }

  string(what: string): string {
    const at = this.position
    const match = this.#match(STRING)
    if (match === undefined)
      this.fail(
        this.peek() === '"' ? 'string without its closing quote' : `expected ${what}, found ${this.#found()}`,
        at,
      )
    return match.slice(1, -1).replace(/\\([\s\S])/g, '$1')
  }

  /** The literal that comes next, or undefined. */
  literal(): Literal | undefined {
    if (this.peek() === '"') return { kind: 'string', text: this.string('a string') }
    const bytes = this.#match(BYTES)
    if (bytes !== undefined) return { kind: 'bytes', text: bytes.slice(4, -1) }
    const text = this.#match(NUMBER)
    if (text === undefined) return undefined
    const body = text.replace('-', '')
    if (/^\d+$/.test(body)) return { kind: 'int', text }
    if (/^\d/.test(body)) return { kind: 'float', text }
    return { kind: 'float', text: text.toLowerCase() + (this.#match(NAN_BITS) ?? '') }
  }

  /** A whole number, as it may stand for dimensions and versions. */
  integer(what: string): bigint {
    const at = this.position
    const literal = this.literal()
    if (literal?.kind !== 'int') this.fail(`expected ${what}, found ${this.#found(at)}`, at)
    return BigInt(literal.text)
  }

  /** What follows `#@` up to the end of the line, or undefined. */
  note(): string | undefined {
    this.#match(SPACE)
    return this.#match(NOTE)?.slice(2)
  }

  #match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at
    const match = pattern.exec(this.#text)
    if (!match) return undefined
    this.#at += match[0].length
    return match[0]
  }

  #found(at = this.position): string {
    if (at >= this.#text.length) return 'the end of the text'
    const word = /^[\w.-]+/.exec(this.#text.slice(at, at + 40))?.[0]
    return `'${word ?? this.#text[at]}'`
  }
}
