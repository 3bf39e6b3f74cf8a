import { type DType, elementCount, type NumericArray } from '../ir/index.ts'
import type { Cell, TableColumn } from './table.ts'

/** A value of a text format: a scalar, null where it is missing, or nested arrays of equal lengths. */
export type TextValue = string | number | bigint | boolean | null | undefined | readonly TextValue[] | ArrayBufferView

type Kind = 'bool' | 'int32' | 'int64' | 'uint64' | 'float64' | 'string'

/** What one column of a text format turned out to hold, row by row. */
export interface ColumnProfile {
  kind: Kind | null
  shape: (number | null)[] | null
  ranksDiffer: boolean
  missing: number
  /** Whether any value was a number. */
  numbers: boolean
  /** Whether an integer was beyond 2^53: a number of floating point would not tell it from its neighbours. */
  long: boolean
  /** Whether a text was none that people write numbers as. */
  words: boolean
  /** The first text, and where it stands. */
  text: string | null
  /** The first value that is no whole number or not there, and where it stands. */
  notWhole: string | null
  /** The first whole number that float32 rounds, and where it stands. */
  rounded: string | null
}

export const newProfile = (): ColumnProfile => ({
  kind: null,
  shape: null,
  ranksDiffer: false,
  missing: 0,
  numbers: false,
  long: false,
  words: false,
  text: null,
  notWhole: null,
  rounded: null,
})

const kindOf = (value: string | number | bigint | boolean): Kind => {
  if (typeof value === 'boolean') return 'bool'
  if (typeof value === 'string') return 'string'
  if (typeof value === 'bigint')
    return value >= 2n ** 63n ? 'uint64' : value >= -(2n ** 31n) && value < 2n ** 31n ? 'int32' : 'int64'
  if (!Number.isSafeInteger(value)) return 'float64'
  return value === (value | 0) ? 'int32' : 'int64'
}

/** A number as people write it: with a sign for money or per cent, a unit, or marks between thousands. */
const WRITTEN_NUMBER = /^\s*[^\w\s]{0,2}\s*\d[\d.,'’\s]*[^\d\s]{0,3}\s*$/

const WIDTH: Readonly<Record<Kind, number>> = { bool: 0, int32: 1, int64: 2, uint64: 3, float64: 4, string: 5 }

/** The narrowest kind that holds both; a bool among numbers, or text among anything, makes text. */
function widest(a: Kind | null, b: Kind): Kind {
  if (a === null || a === b) return b
  if (a === 'bool' || b === 'bool') return 'string'
  return WIDTH[a] > WIDTH[b] ? a : b
}

/** Shape of nested arrays; null where lengths differ within one value. */
export function shapeOf(value: TextValue): readonly number[] | null {
  if (ArrayBuffer.isView(value)) return [(value as NumericArray).length]
  if (!Array.isArray(value)) return []
  if (value.length === 0) return [0]
  const inner = shapeOf(value[0])
  if (!inner) return null
  for (const item of value) {
    const shape = shapeOf(item)
    if (!shape || shape.length !== inner.length || shape.some((dim, axis) => dim !== inner[axis])) return null
  }
  return [value.length, ...inner]
}

/** The elements of a value, however deep they are nested. */
export function* leaves(value: TextValue): Generator<string | number | bigint | boolean | null> {
  if (ArrayBuffer.isView(value)) yield* value as unknown as Iterable<number | bigint>
  else if (Array.isArray(value)) for (const item of value) yield* leaves(item)
  else yield (value ?? null) as string | number | bigint | boolean | null
}

/** Whether a whole number is none of those that float32 holds, as most beyond 2^24 are. */
function isRounded(leaf: string | number | bigint | boolean | null): boolean {
  if (typeof leaf === 'number') return Number.isInteger(leaf) && Math.fround(leaf) !== leaf
  return typeof leaf === 'bigint' && BigInt(Math.fround(Number(leaf))) !== leaf
}

/** Takes the value of the row at `where` into account; false where it is a ragged array. */
export function addToProfile(profile: ColumnProfile, value: TextValue, where: string): boolean {
  if (value === null || value === undefined) {
    profile.missing++
    profile.notWhole ??= `${where} has none`
    return true
  }
  const shape = shapeOf(value)
  if (!shape) return false
  for (const leaf of leaves(value)) {
    if (leaf === null || (typeof leaf === 'number' && !Number.isInteger(leaf)))
      profile.notWhole ??= `${where} has ${leaf ?? 'none'}`
    if (isRounded(leaf)) profile.rounded ??= `${where} has ${leaf}`
    if (leaf === null) profile.kind = widest(profile.kind, profile.kind === 'string' ? 'string' : 'float64')
    else profile.kind = widest(profile.kind, kindOf(leaf))
    if (typeof leaf === 'string') {
      profile.text ??= `${where} has ${JSON.stringify(leaf.slice(0, 40))}`
      profile.words ||= !Number.isNaN(Number(leaf)) || !WRITTEN_NUMBER.test(leaf)
    } else if (typeof leaf === 'number' || typeof leaf === 'bigint') profile.numbers = true
    if (typeof leaf === 'bigint') profile.long ||= !Number.isSafeInteger(Number(leaf))
  }
  if (!profile.shape) profile.shape = [...shape]
  else if (profile.shape.length !== shape.length) profile.ranksDiffer = true
  else profile.shape = profile.shape.map((dim, axis) => (dim === shape[axis] ? dim : null))
  return true
}

/** The column that a profile describes; a missing number is NaN and so makes a column of numbers float64. */
export function profiledColumn(name: string, profile: ColumnProfile): TableColumn {
  const kind = profile.kind ?? 'float64'
  const widened = profile.missing > 0 && kind !== 'string' ? (kind === 'bool' ? 'string' : 'float64') : kind
  // Long integers beside what is missing, or beside fractions, are names: floating point would make some of them equal.
  const dtype: DType = widened === 'float64' && profile.long && profile.shape?.length === 0 ? 'string' : widened
  const mixed = profile.text !== null && (profile.numbers || !profile.words) ? { textAmongNumbers: profile.text } : {}
  const broken = dtype === 'float64' && profile.notWhole !== null ? { notWhole: profile.notWhole } : {}
  const untyped = { rounded: profile.rounded }
  return { name, dtype, rowShape: profile.shape ?? [], untyped, ...mixed, ...broken }
}

/** One row's value as a cell of the column's type. */
export function toCell(value: TextValue, column: TableColumn): Cell {
  const missing = value === null || value === undefined
  const dims = missing ? column.rowShape.map((dim) => dim ?? 0) : shapeOf(value)!
  const count = elementCount(dims)
  if (column.dtype === 'string') {
    const data = missing ? new Array<string>(count).fill('') : Array.from(leaves(value), (leaf) => String(leaf ?? ''))
    return { dims, data }
  }
  if (column.dtype === 'uint64') return { dims, data: BigUint64Array.from(leaves(value), (leaf) => BigInt(leaf!)) }
  if (column.dtype === 'int64') return { dims, data: BigInt64Array.from(leaves(value), (leaf) => BigInt(leaf!)) }
  const Type = column.dtype === 'float64' ? Float64Array : column.dtype === 'int32' ? Int32Array : Uint8Array
  const data = new Type(count)
  if (missing) data.fill(Number.NaN)
  else {
    let at = 0
    for (const leaf of leaves(value)) data[at++] = leaf === null ? Number.NaN : Number(leaf)
  }
  return { dims, data }
}
