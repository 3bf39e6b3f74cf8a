import type { Dim } from '../model.ts'

/** Coefficients by monomial: the monomial's atoms sorted and joined with '*', '' for the constant. */
export type Polynomial = ReadonlyMap<string, number>

/** Beyond this many terms a text tells nobody anything. */
const MAX_TERMS = 8
export const MAX_TEXT = 120

export const constant = (value: number): Polynomial => new Map(value === 0 ? [] : [['', value]])

/** `a + factor·b`. */
export function plus(a: Polynomial, b: Polynomial, factor = 1): Polynomial {
  const sum = new Map(a)
  for (const [monomial, coefficient] of b) {
    const total = (sum.get(monomial) ?? 0) + factor * coefficient
    if (total === 0) sum.delete(monomial)
    else sum.set(monomial, total)
  }
  return sum
}

/** `a·b`. */
export function times(a: Polynomial, b: Polynomial): Polynomial {
  let product: Polynomial = new Map()
  for (const [left, p] of a)
    for (const [right, q] of b) {
      const atoms = [...atomsOf(left), ...atomsOf(right)].sort()
      product = plus(product, new Map([[atoms.join('*'), p * q]]))
    }
  return product
}

/** The atoms of a monomial: split at '*' outside brackets. */
export function atomsOf(monomial: string): string[] {
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
export function without(monomial: string, divisor: string): string | null {
  const left = atomsOf(monomial)
  for (const atom of atomsOf(divisor)) {
    const at = left.indexOf(atom)
    if (at < 0) return null
    left.splice(at, 1)
  }
  return left.join('*')
}

export const bracketed = (dim: number | string): string => {
  const text = String(dim)
  return /^[\w.]+$|^(floor|min|max)\([^()]*\)$/.test(text) ? text : `(${text})`
}

/**
 * The polynomial as a dimension: a number, its text with the constant last, or null where that would be too long to
 * tell anything.
 */
export function written(polynomial: Polynomial): Dim {
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
export function parseSum(text: string, bindings: ReadonlyMap<string, number>): Polynomial | null {
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
