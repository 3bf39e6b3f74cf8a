import { type Attribute, ints, intsAttribute, type Node, type Shape, stringAttribute } from '../../ir/index.ts'

/** Places of one axis, `step` apart: first, first + step, … A single one has the step 0. */
export interface Places {
  readonly axis: number
  readonly first: number
  readonly count: number
  readonly step: number
}

/** The places at both ends and between them, `step` apart. */
export function placesBetween(axis: number, first: number, last: number, step: number): Places {
  return first === last ? { axis, first, count: 1, step: 0 } : { axis, first, count: (last - first) / step + 1, step }
}

export const lastOf = ({ first, count, step }: Places): number => first + (count - 1) * step

export const samePlaces = (a: Places, b: Places): boolean =>
  a.axis === b.axis && a.first === b.first && a.count === b.count && a.step === b.step

/** The fewest evenly spaced places that hold both; undefined along two axes. */
export function bothPlaces(a: Places, b: Places): Places | undefined {
  if (a.axis !== b.axis) return undefined
  const step = commonDivisor(commonDivisor(a.step, b.step), Math.abs(a.first - b.first))
  return placesBetween(a.axis, Math.min(a.first, b.first), Math.max(lastOf(a), lastOf(b)), step)
}

/** What a convolution reads for some places of its output, and its attributes over those places alone. */
export interface ReadByConv {
  readonly places: Places
  readonly attributes: ReadonlyMap<string, Attribute>
}

/**
 * Of a window of k taps d apart at every s-th place, places t apart read x at multiples of gcd(s·t, d): over these the
 * taps are d/gcd apart and the windows s·t/gcd. Padding counts what of them lies outside. Undefined where it cannot be
 * told, or where all that is read is padding.
 */
export function readByConv(
  conv: Node,
  places: Places,
  shapes: readonly (Shape | null | undefined)[],
): ReadByConv | undefined {
  const [input, weights] = shapes
  const spatial = (input?.length ?? 0) - 2
  const at = places.axis - 2
  const [length, taps] = [input?.[places.axis], weights?.[places.axis]]
  if (at < 0 || typeof length !== 'number' || typeof taps !== 'number') return undefined
  if (stringAttribute(conv, 'auto_pad', 'NOTSET') !== 'NOTSET') return undefined
  const pads = [...intsAttribute(conv, 'pads', Array<number>(2 * spatial).fill(0))]
  const strides = [...intsAttribute(conv, 'strides', Array<number>(spatial).fill(1))]
  const dilations = [...intsAttribute(conv, 'dilations', Array<number>(spatial).fill(1))]

  const jump = places.step * strides[at]!
  const apart = taps === 1 ? 0 : dilations[at]!
  const step = commonDivisor(jump, apart)
  const first = places.first * strides[at]! - pads[at]!
  const last = first + (places.count - 1) * jump + (taps - 1) * apart
  const before = first < 0 ? Math.ceil(-first / (step || 1)) : 0
  const after = last >= length ? Math.ceil((last - length + 1) / (step || 1)) : 0
  const [inFirst, inLast] = [first + before * step, last - after * step]
  if (inFirst > inLast || inFirst < 0 || inLast >= length) return undefined
  pads[at] = before
  pads[at + spatial] = after
  strides[at] = step === 0 || jump === 0 ? 1 : jump / step
  dilations[at] = step === 0 || apart === 0 ? 1 : apart / step
  const attributes = new Map(conv.attributes)
  attributes.set('pads', ints(pads)).set('strides', ints(strides)).set('dilations', ints(dilations))
  return { places: placesBetween(places.axis, inFirst, inLast, step), attributes }
}

/** Of 0 and n it is n. */
function commonDivisor(a: number, b: number): number {
  return b === 0 ? a : commonDivisor(b, a % b)
}
