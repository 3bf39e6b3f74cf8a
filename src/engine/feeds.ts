import {
  arrayTypeOf,
  type DType,
  elementCount,
  fitsShape,
  type NumericArray,
  type Shape,
  shapeText,
} from '../ir/index.ts'
import { UserError } from '../platform/index.ts'
import type { Feeds, PortValue, TensorValue } from './session.ts'

/** `float32[batch,3,?]`: how messages write a type. */
export function typeText(dtype: DType, shape: Shape | null): string {
  return shape === null ? dtype : `${dtype}${shapeText(shape)}`
}

/** The sizes of what a run is fed, by input: those that its other shapes follow from. */
export const shapesOf = (feeds: Feeds): Readonly<Record<string, readonly number[]>> =>
  Object.fromEntries(Object.entries(feeds).map(([name, { dims }]) => [name, dims]))

/**
 * Checks names, dtypes, ranks, fixed dimensions and element counts of `feeds` against the inputs of a session. Throws
 * a UserError (`bad-data`) that names the input and says what it should be. Symbols are not compared between inputs:
 * exporters name unrelated dimensions alike.
 */
export function checkFeeds(inputs: readonly PortValue[], feeds: Feeds): void {
  const known = new Map(inputs.map((input) => [input.name, input]))
  for (const name of Object.keys(feeds)) {
    if (known.has(name)) continue
    throw new UserError('bad-data', `The model has no input "${name}".`, {
      where: name,
      hint: `Its inputs are ${inputs.map((input) => `${input.name} ${typeText(input.dtype, input.shape)}`).join(', ')}.`,
    })
  }
  for (const input of inputs) {
    const value = feeds[input.name]
    const problem = value === undefined ? 'is missing' : problemOf(input, value)
    if (problem === null) continue
    throw new UserError('bad-data', `Input "${input.name}" ${problem}.`, {
      where: input.name,
      hint: `It should be ${typeText(input.dtype, input.shape)}.`,
    })
  }
}

function problemOf(input: PortValue, value: TensorValue): string | null {
  if (value.dtype !== input.dtype) return `is ${typeText(value.dtype, value.dims)}`
  if (!fitsShape(value.dims, input.shape)) return `is ${typeText(value.dtype, value.dims)}`
  if (value.data.length !== elementCount(value.dims))
    return `says ${typeText(value.dtype, value.dims)} but holds ${value.data.length} elements`
  const isText = Array.isArray(value.data)
  if (isText !== (value.dtype === 'string')) return `holds ${isText ? 'strings' : 'numbers'} as ${value.dtype}`
  if (!isText && !(value.data instanceof arrayTypeOf(value.dtype)))
    return `holds ${value.data.constructor.name} as ${value.dtype} (expected ${arrayTypeOf(value.dtype).name})`
  return null
}

/** A value with its own memory. */
export function copyValue(value: TensorValue): TensorValue {
  return { dtype: value.dtype, dims: [...value.dims], data: (value.data as NumericArray).slice() }
}
