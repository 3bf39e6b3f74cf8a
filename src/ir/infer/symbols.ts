import type { Dim } from '../model.ts'

/**
 * Integers that may depend on symbols: polynomials over names and over rounded quotients, written one way only
 * (`2*N+1`, `floor((H+1)/2)`), so that two dimensions are known equal exactly where their texts are equal.
 * Null is an integer that nobody knows, and makes everything that it touches null.
 */
export interface Symbols {
  add(a: Dim, b: Dim): Dim
  subtract(a: Dim, b: Dim): Dim
  multiply(a: Dim, b: Dim): Dim
  /** Rounded down. */
  divide(a: Dim, b: Dim): Dim
  /** Rounded up. */
  divideUp(a: Dim, b: Dim): Dim
  minimum(a: Dim, b: Dim): Dim
  maximum(a: Dim, b: Dim): Dim
  product(dims: readonly Dim[]): Dim
  sum(dims: readonly Dim[]): Dim
  /** The quotient where the division is known to leave no rest, else null. */
  divideExactly(a: Dim, b: Dim): Dim
  /** Whether the value cannot be negative, given that no symbol is. */
  isNonNegative(a: Dim): boolean
  /** A dimension as a file states it, in canonical writing, bound symbols replaced. */
  read(dim: Dim): Dim
}

/** Coefficients by monomial: the monomial's atoms sorted and joined with '*', '' for the constant. */
type Polynomial = ReadonlyMap<string, number>

/** Beyond this many terms a text tells nobody anything. */
const MAX_TERMS = 8
const MAX_TEXT = 120

/** `bindings` are symbols with known sizes. */
export function createSymbols(bindings: ReadonlyMap<string, number> = new Map()): Symbols {
  const polynomials = new Map<string, Polynomial>()
  /** What stands inside `floor((…)/k)`. */
  const quotients = new Map<string, readonly [Polynomial, number]>()
  /** Quotients, minima and maxima that may be below zero. */
  const signed = new Set<string>()

  const read = (dim: Dim): Dim => {
    if (typeof dim !== 'string') return dim
    const bound = bindings.get(dim)
    if (bound !== undefined) return bound
    return write(parse(dim))
  }

  const parse = (text: string): Polynomial => {
    const known = polynomials.get(text)
    if (known) return known
    const polynomial = parseSum(text, bindings) ?? new Map([[text, 1]])
    polynomials.set(text, polynomial)
    return polynomial
  }

  const poly = (dim: number | string): Polynomial => (typeof dim === 'number' ? constant(dim) : parse(dim))

  const write = (polynomial: Polynomial): Dim => {
    const text = written(polynomial)
    if (typeof text === 'string') polynomials.set(text, polynomial)
    return text
  }

  const combine = (a: Dim, b: Dim, factor: number): Dim => {
    if (a === null || b === null) return null
    if (typeof a === 'number' && typeof b === 'number') return a + factor * b
    if (b === 0) return a
    return write(plus(poly(a), poly(b), factor))
  }

  const multiply = (a: Dim, b: Dim): Dim => {
    if (a === 0 || b === 0) return 0
    if (a === null || b === null) return null
    if (typeof a === 'number' && typeof b === 'number') return a * b
    if (a === 1) return b
    return b === 1 ? a : write(times(poly(a), poly(b)))
  }

  const atom = (text: string, nonNegative: boolean): Dim => {
    if (!nonNegative) signed.add(text)
    return text.length > MAX_TEXT ? null : write(new Map([[text, 1]]))
  }

  const divide = (a: Dim, b: Dim): Dim => {
    if (a === null || b === null || b === 0) return null
    if (typeof a === 'number' && typeof b === 'number') return Math.floor(a / b)
    if (b === 1) return a
    if (a === b) return 1
    const exact = divideExactly(a, b)
    if (exact !== null) return exact
    return typeof b === 'number' && b > 0
      ? floored(poly(a), b)
      : atom(`floor(${bracketed(a)}/${bracketed(b)})`, isNonNegative(a) && isNonNegative(b))
  }

  /** Whole multiples leave the quotient; a quotient of a quotient becomes one. */
  const floored = (a: Polynomial, k: number): Dim => {
    const whole = new Map<string, number>()
    const rest = new Map<string, number>()
    for (const [monomial, factor] of a) {
      const out = monomial === '' || factor % k === 0 ? Math.floor(factor / k) : 0
      if (out !== 0) whole.set(monomial, out)
      if (factor !== out * k) rest.set(monomial, factor - out * k)
    }
    const extra = rest.get('') ?? 0
    if (rest.size === (extra === 0 ? 0 : 1)) return write(whole)
    const [[first, factor] = ['', 0]] = [...rest].filter(([monomial]) => monomial !== '')
    const inner = rest.size === (extra === 0 ? 1 : 2) && factor === 1 ? quotients.get(first) : undefined
    if (inner) return combine(write(whole), floored(plus(inner[0], constant(extra), inner[1]), inner[1] * k), 1)
    const text = written(rest)
    if (text === null) return null
    const quotient = `floor(${bracketed(text)}/${k})`
    quotients.set(quotient, [rest, k])
    return combine(write(whole), atom(quotient, isSumNonNegative(rest)), 1)
  }

  const divideExactly = (a: Dim, b: Dim): Dim => {
    if (a === null || b === null || b === 0) return null
    if (a === 0) return 0
    if (a === b) return 1
    const divisor = [...poly(b)]
    if (divisor.length !== 1) return null
    const [[monomial, factor] = ['', 0]] = divisor
    const result = new Map<string, number>()
    for (const [term, coefficient] of poly(a)) {
      const rest = without(term, monomial)
      if (rest === null || coefficient % factor !== 0) return null
      result.set(rest, coefficient / factor)
    }
    return write(result)
  }

  const isSumNonNegative = (a: Polynomial): boolean =>
    [...a].every(([monomial, factor]) => factor >= 0 && !atomsOf(monomial).some((each) => signed.has(each)))

  const isNonNegative = (a: Dim): boolean => (typeof a === 'number' ? a >= 0 : a !== null && isSumNonNegative(poly(a)))

  const extreme = (a: Dim, b: Dim, name: 'min' | 'max'): Dim => {
    if (a === null || b === null) return null
    const difference = combine(a, b, -1)
    const aIsMore = isNonNegative(difference)
    if (aIsMore || isNonNegative(combine(b, a, -1))) return aIsMore === (name === 'max') ? a : b
    const [first, second] = [isNonNegative(a), isNonNegative(b)]
    const nonNegative = name === 'max' ? first || second : first && second
    return atom(`${name}(${[a, b].map(String).sort().join(',')})`, nonNegative)
  }

  return {
    read,
    multiply,
    divide,
    divideExactly,
    isNonNegative,
    add: (a, b) => combine(a, b, 1),
    subtract: (a, b) => (a !== null && a === b ? 0 : combine(a, b, -1)),
    divideUp: (a, b) => divide(combine(a, combine(b, 1, -1), 1), b),
    minimum: (a, b) => extreme(a, b, 'min'),
    maximum: (a, b) => extreme(a, b, 'max'),
    product: (dims) => dims.reduce<Dim>(multiply, 1),
    sum: (dims) => dims.reduce<Dim>((a, b) => combine(a, b, 1), 0),
  }
}

const constant = (value: number): Polynomial => new Map(value === 0 ? [] : [['', value]])

function plus(a: Polynomial, b: Polynomial, factor = 1): Polynomial {
  const sum = new Map(a)
  for (const [monomial, coefficient] of b) {
    const total = (sum.get(monomial) ?? 0) + factor * coefficient
    if (total === 0) sum.delete(monomial)
    else sum.set(monomial, total)
  }
  return sum
}

function times(a: Polynomial, b: Polynomial): Polynomial {
  let product: Polynomial = new Map()
  for (const [left, p] of a)
    for (const [right, q] of b) {
      const atoms = [...atomsOf(left), ...atomsOf(right)].sort()
      product = plus(product, new Map([[atoms.join('*'), p * q]]))
    }
  return product
}

/** The atoms of a monomial: split at '*' outside brackets. */
function atomsOf(monomial: string): string[] {
  if (monomial === '') return []
  if (!monomial.includes('(')) return monomial.split('*')
  const atoms = ['']
  let depth = 0
  for (const char of monomial) {
    if (char === '(') depth++
    if (char === ')') depth--
    if (char === '*' && depth === 0) atoms.push('')
    else atoms[atoms.length - 1] += char
  }
  return atoms
}

/** The monomial without the atoms of `divisor`, or null where it lacks one. */
function without(monomial: string, divisor: string): string | null {
  const left = atomsOf(monomial)
  for (const atom of atomsOf(divisor)) {
    const at = left.indexOf(atom)
    if (at < 0) return null
    left.splice(at, 1)
  }
  return left.join('*')
}

const bracketed = (dim: number | string): string => {
  const text = String(dim)
  return /^[\w.]+$|^(floor|min|max)\([^()]*\)$/.test(text) ? text : `(${text})`
}

function written(polynomial: Polynomial): Dim {
  if (polynomial.size === 0) return 0
  if (polynomial.size === 1 && polynomial.has('')) return polynomial.get('')!
  if (polynomial.size > MAX_TERMS) return null
  const order = [...polynomial].sort(([a], [b]) => (a === '' ? 1 : b === '' ? -1 : a < b ? -1 : 1))
  let text = ''
  for (const [monomial, factor] of order) {
    const size = Math.abs(factor)
    const term = monomial === '' ? String(size) : size === 1 ? monomial : `${size}*${monomial}`
    text += factor < 0 ? `-${term}` : text === '' ? term : `+${term}`
  }
  return text.length > MAX_TEXT ? null : text
}

const TERM = /^\s*([+-]?)\s*((?:\d+|[A-Za-z_][\w.]*)(?:\s*\*\s*(?:\d+|[A-Za-z_][\w.]*))*)\s*(?=[+-]|$)/

/** Sums of products of names and numbers, as exporters write them into files (`past + 1`); null for anything else. */
function parseSum(text: string, bindings: ReadonlyMap<string, number>): Polynomial | null {
  let sum: Polynomial = new Map()
  let rest = text
  for (let first = true; first || rest !== ''; first = false) {
    const match = TERM.exec(rest)
    if (!match || (!first && match[1] === '')) return null
    let product: Polynomial = constant(match[1] === '-' ? -1 : 1)
    for (const part of match[2]!.split('*')) {
      const word = part.trim()
      const value = /^\d/.test(word) ? Number(word) : bindings.get(word)
      product = times(product, value === undefined ? new Map([[word, 1]]) : constant(value))
    }
    sum = plus(sum, product)
    rest = rest.slice(match[0].length)
  }
  return sum
}
