import { DTYPES, type DType } from '../dtype.ts'

/** ONNX's text syntax calls two element types differently from us. */
const SPELLINGS: Partial<Record<DType, string>> = { float32: 'float', float64: 'double' }

const TYPE_NAME = new Map<DType, string>(
  (Object.keys(DTYPES) as DType[]).map((dtype) => [dtype, SPELLINGS[dtype] ?? dtype]),
)
const DTYPE_OF = new Map<string, DType>([...TYPE_NAME].map(([dtype, name]) => [name, dtype]))

/** `float` for float32, `double` for float64, else our name. */
export const typeName = (dtype: DType): string => TYPE_NAME.get(dtype)!

/** The element type that a word of the text syntax stands for. */
export const dtypeOfName = (word: string): DType | undefined => DTYPE_OF.get(word)

const CONTAINERS = new Set(['seq', 'map', 'optional', 'sparse_tensor'])

/** Words that open a type; a value with such a name is printed in quotes. */
export const opensType = (word: string): boolean => DTYPE_OF.has(word) || CONTAINERS.has(word)

/** Attribute kinds by their number in `AttributeProto.AttributeType`; the index is the number. */
export const ATTRIBUTE_KINDS = [
  'undefined',
  'float',
  'int',
  'string',
  'tensor',
  'graph',
  'floats',
  'ints',
  'strings',
  'tensors',
  'graphs',
  'sparse_tensor',
  'sparse_tensors',
  'type_proto',
  'type_protos',
] as const

const FLOAT_WORD = /^(nan|inf|infinity)$/i

/** Whether a bare word reads as a float literal, so that a name like it needs quotes. */
const isFloatWord = (word: string): boolean => FLOAT_WORD.test(word)

const IDENTIFIER = /^[A-Za-z_][A-Za-z0-9_]*$/

/** `"…"` with backslashes before quotes and backslashes only, as ONNX's parser reads them. */
export const quoted = (value: string): string => `"${value.replace(/[\\"]/g, '\\$&')}"`

/** A name as it is printed: bare where it reads as an identifier and as nothing else, in quotes otherwise. */
export function printedName(name: string): string {
  return IDENTIFIER.test(name) && !opensType(name) && !isFloatWord(name) && name !== 'hex' ? name : quoted(name)
}
