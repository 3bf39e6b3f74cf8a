import { DTYPES, type DType } from '../../ir/index.ts'
import { invalid } from '../serve-error.ts'

/** The names of element types in the Open Inference Protocol. */
const NAMES = {
  bool: 'BOOL',
  uint8: 'UINT8',
  uint16: 'UINT16',
  uint32: 'UINT32',
  uint64: 'UINT64',
  int8: 'INT8',
  int16: 'INT16',
  int32: 'INT32',
  int64: 'INT64',
  float16: 'FP16',
  float32: 'FP32',
  float64: 'FP64',
  bfloat16: 'BF16',
  string: 'BYTES',
} as const satisfies Partial<Record<DType, string>>

type Datatype = (typeof NAMES)[keyof typeof NAMES]

const byName = new Map<string, DType>(Object.entries(NAMES).map(([dtype, name]) => [name, dtype as DType]))

/** `FP32` of `float32`. Types that no runtime hands over have no name here. */
export const datatypeOf = (dtype: DType): Datatype => NAMES[dtype as keyof typeof NAMES]

/** @throws ServeError for a name that the protocol does not know. */
export function dtypeOf(datatype: unknown, input: string): DType {
  const dtype = typeof datatype === 'string' ? byName.get(datatype) : undefined
  if (dtype === undefined) {
    const given = typeof datatype === 'string' ? ` '${datatype.slice(0, 40)}'` : ''
    throw invalid(
      `inference input '${input}' has an unknown datatype${given}; it is one of ${[...byName.keys()].join(', ')}`,
    )
  }
  return dtype
}

/** Bytes of an element; 0 for strings, whose sizes differ. */
export const elementBytes = (dtype: DType): number => DTYPES[dtype].bits / 8

/** A port's shape as the protocol says it: −1 for what may vary; a value of unknown rank has one dimension of −1. */
export const protocolShape = (shape: readonly (number | string | null)[] | null): readonly number[] =>
  shape === null ? [-1] : shape.map((dim) => (typeof dim === 'number' ? dim : -1))
