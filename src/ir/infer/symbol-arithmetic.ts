import type { Dim } from '../model.ts'
import {
  atomsOf,
  bracketed,
  constant,
  MAX_TEXT,
  type Polynomial,
  parseSum,
  plus,
  times,
  without,
  written,
} from './polynomials.ts'

/** The arithmetic behind `createSymbols`; it remembers what the texts that it wrote stand for. */
export class SymbolArithmetic {
  readonly #bindings: ReadonlyMap<string, number>
  readonly #polynomials = new Map<string, Polynomial>()
  /** What stands inside `floor((…)/k)`. */
  readonly #quotients = new Map<string, readonly [Polynomial, number]>()
  /** Quotients, minima and maxima that may be below zero. */
  readonly #signed = new Set<string>()

  constructor(bindings: ReadonlyMap<string, number>) {
    this.#bindings = bindings
  }

  read(dim: Dim): Dim {
    if (typeof dim !== 'string') return dim
    return this.#bindings.get(dim) ?? this.#write(this.#parse(dim))
  }

  /** a + factor · b */
  combine(a: Dim, b: Dim, factor: number): Dim {
    if (a === null || b === null) return null
    if (typeof a === 'number' && typeof b === 'number') return a + factor * b
    if (b === 0) return a
    return this.#write(plus(this.#poly(a), this.#poly(b), factor))
  }

  multiply(a: Dim, b: Dim): Dim {
    if (a === 0 || b === 0) return 0
    if (a === null || b === null) return null
    if (typeof a === 'number' && typeof b === 'number') return a * b
    if (a === 1) return b
    return b === 1 ? a : this.#write(times(this.#poly(a), this.#poly(b)))
  }

  divide(a: Dim, b: Dim): Dim {
    if (a === null || b === null || b === 0) return null
    if (typeof a === 'number' && typeof b === 'number') return Math.floor(a / b)
    if (b === 1) return a
    if (a === b) return 1
    const exact = this.divideExactly(a, b)
    if (exact !== null) return exact
    return typeof b === 'number' && b > 0
      ? this.#floored(this.#poly(a), b)
      : this.#atom(`floor(${bracketed(a)}/${bracketed(b)})`, this.isNonNegative(a) && this.isNonNegative(b))
  }

  divideExactly(a: Dim, b: Dim): Dim {
    if (a === null || b === null || b === 0) return null
    if (a === 0) return 0
    if (a === b) return 1
    const divisor = [...this.#poly(b)]
    if (divisor.length !== 1) return null
    const [[monomial, factor] = ['', 0]] = divisor
    const result = new Map<string, number>()
    for (const [term, coefficient] of this.#poly(a)) {
      const rest = without(term, monomial)
      if (rest === null || coefficient % factor !== 0) return null
      result.set(rest, coefficient / factor)
    }
    return this.#write(result)
  }

  isNonNegative(a: Dim): boolean {
    return typeof a === 'number' ? a >= 0 : a !== null && this.#isSumNonNegative(this.#poly(a))
  }

  extreme(a: Dim, b: Dim, name: 'min' | 'max'): Dim {
    if (a === null || b === null) return null
    const aIsMore = this.isNonNegative(this.combine(a, b, -1))
    if (aIsMore || this.isNonNegative(this.combine(b, a, -1))) return aIsMore === (name === 'max') ? a : b
    const [first, second] = [this.isNonNegative(a), this.isNonNegative(b)]
    const nonNegative = name === 'max' ? first || second : first && second
    return this.#atom(`${name}(${[a, b].map(String).sort().join(',')})`, nonNegative)
  }

  #parse(text: string): Polynomial {
    const known = this.#polynomials.get(text)
    if (known) return known
    const polynomial = parseSum(text, this.#bindings) ?? new Map([[text, 1]])
    this.#polynomials.set(text, polynomial)
    return polynomial
  }

  #poly(dim: number | string): Polynomial {
    return typeof dim === 'number' ? constant(dim) : this.#parse(dim)
  }

  #write(polynomial: Polynomial): Dim {
    const text = written(polynomial)
    if (typeof text === 'string') this.#polynomials.set(text, polynomial)
    return text
  }

  #atom(text: string, nonNegative: boolean): Dim {
    if (!nonNegative) this.#signed.add(text)
    return text.length > MAX_TEXT ? null : this.#write(new Map([[text, 1]]))
  }

  /** Whole multiples leave the quotient; a quotient of a quotient becomes one. */
  #floored(a: Polynomial, k: number): Dim {
    const [whole, rest] = wholeAndRest(a, k)
    const extra = rest.get('') ?? 0
    if (rest.size === (extra === 0 ? 0 : 1)) return this.#write(whole)
    const [[first, factor] = ['', 0]] = [...rest].filter(([monomial]) => monomial !== '')
    const inner = rest.size === (extra === 0 ? 1 : 2) && factor === 1 ? this.#quotients.get(first) : undefined
    if (inner) {
      const one = this.#floored(plus(inner[0], constant(extra), inner[1]), inner[1] * k)
      return this.combine(this.#write(whole), one, 1)
    }
    const text = written(rest)
    if (text === null) return null
    const quotient = `floor(${bracketed(text)}/${k})`
    this.#quotients.set(quotient, [rest, k])
    return this.combine(this.#write(whole), this.#atom(quotient, this.#isSumNonNegative(rest)), 1)
  }

  #isSumNonNegative(a: Polynomial): boolean {
    return [...a].every(
      ([monomial, factor]) => factor >= 0 && !atomsOf(monomial).some((each) => this.#signed.has(each)),
    )
  }
}

/** What a division by k takes out whole, and the rest, which stays inside of the quotient. */
function wholeAndRest(a: Polynomial, k: number): readonly [whole: Polynomial, rest: Polynomial] {
  const whole = new Map<string, number>()
  const rest = new Map<string, number>()
  for (const [monomial, factor] of a) {
    const out = monomial === '' || factor % k === 0 ? Math.floor(factor / k) : 0
    if (out !== 0) whole.set(monomial, out)
    if (factor !== out * k) rest.set(monomial, factor - out * k)
  }
  return [whole, rest]
}
