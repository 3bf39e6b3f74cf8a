import type { Dim } from '../model.ts'
import { SymbolArithmetic } from './symbol-arithmetic.ts'

/**
 * Integers that may depend on symbols: polynomials over names and over rounded quotients, written one way only
 * (`2*N+1`, `floor((H+1)/2)`), so that two dimensions are known equal exactly where their texts are equal.
 * Null is an unknown integer, and makes everything that it touches null.
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

/** `bindings` are symbols with known sizes. */
export function createSymbols(bindings: ReadonlyMap<string, number>): Symbols {
  const arithmetic = new SymbolArithmetic(bindings)
  const add = (a: Dim, b: Dim) => arithmetic.combine(a, b, 1)
  const subtract = (a: Dim, b: Dim) => arithmetic.combine(a, b, -1)
  const multiply = (a: Dim, b: Dim) => arithmetic.multiply(a, b)
  const divide = (a: Dim, b: Dim) => arithmetic.divide(a, b)
  return {
    add,
    multiply,
    divide,
    subtract: (a, b) => (a !== null && a === b ? 0 : subtract(a, b)),
    divideUp: (a, b) => divide(add(a, subtract(b, 1)), b),
    minimum: (a, b) => arithmetic.extreme(a, b, 'min'),
    maximum: (a, b) => arithmetic.extreme(a, b, 'max'),
    product: (dims) => dims.reduce<Dim>(multiply, 1),
    sum: (dims) => dims.reduce<Dim>(add, 0),
    divideExactly: (a, b) => arithmetic.divideExactly(a, b),
    isNonNegative: (a) => arithmetic.isNonNegative(a),
    read: (dim) => arithmetic.read(dim),
  }
}
