import { type DType, elementCount, type NumericArray } from '../ir/index.ts'
import { UserError } from '../platform/index.ts'
import { type InputWish, looksLikeState } from './assign-roles.ts'
import { castElements } from './cast-column.ts'
import { leaves, shapeOf, type TextValue } from './column-profile.ts'
import type { Column } from './dataset.ts'
import type { DatasetFile } from './dataset-file.ts'

/**
 * Values for inputs that are not per row, as a dataset.json writes them: a number, a text or nested arrays. They get the
 * type that the model takes; unknown there, whole numbers are int64 and others float32.
 *
 * @throws UserError `bad-data` for a value that is no tensor or does not fit the type.
 */
function constantColumn(name: string, value: unknown, input: InputWish | undefined, where: string): Column {
  const items = isTensor(value) ? Array.from(leaves(value)) : []
  const dims = isTensor(value) ? shapeOf(value) : null
  if (!dims || items.some((item) => item === null || typeof item === 'bigint'))
    throw new UserError(
      'bad-data',
      `The constant "${name}" in "${where}" is no number, text or even nested arrays of them.`,
      {
        where,
        hint: 'Write it like "sr": 16000 or "scale": [[1, 2], [3, 4]].',
      },
    )
  if (items.some((item) => typeof item === 'string')) return { dtype: 'string', dims, data: items.map(String) }
  const numbers = Float64Array.from(items as number[])
  const whole = items.every((item) => typeof item === 'boolean' || Number.isSafeInteger(item))
  const dtype: DType = input?.dtype ?? (whole ? 'int64' : 'float32')
  const isInteger = /int|bool/.test(dtype)
  if (isInteger && !whole)
    throw new UserError(
      'bad-data',
      `The constant "${name}" in "${where}" is not whole, but the input takes ${dtype}.`,
      { where, hint: 'Write whole numbers, without a point.' },
    )
  return { dtype, dims, data: castElements(numbers, 'float64', dtype, `the constant "${name}"`, where) }
}

const isTensor = (value: unknown): value is TextValue =>
  Array.isArray(value) ? value.every(isTensor) : ['number', 'string', 'boolean'].includes(typeof value)

/**
 * The starting value of a state: a single number fills the input's shape, sizes that the model leaves open being 1, or 0
 * for the length of a cache. A state of zeros whose open sizes the engine's caller can tell from its name is left to it
 * (null).
 */
function stateColumn(name: string, value: unknown, input: InputWish | undefined, where: string): Column | null {
  if (Array.isArray(value)) return constantColumn(name, value, input, where)
  if (value === 0 && looksLikeState(name)) return null
  if (!input?.shape) return constantColumn(name, value, input, where)
  const scalar = constantColumn(name, value, input, where)
  const dims = input.shape.map((dim) => (typeof dim === 'number' ? dim : dim && /past|cache/i.test(dim) ? 0 : 1))
  const filled = (scalar.data as NumericArray).slice(0, 1)
  const data = new (filled.constructor as Float32ArrayConstructor)(elementCount(dims))
  data.fill(filled[0] as number)
  return { dtype: scalar.dtype, dims, data }
}

/** All constants and starting values that a dataset.json gives. */
export function constantsOf(
  file: DatasetFile,
  inputs: readonly InputWish[] | undefined,
  path: string,
): Record<string, Column> {
  const constants: Record<string, Column> = {}
  const wish = (name: string) => inputs?.find((input) => input.name === name)
  for (const [name, value] of Object.entries(file.constants))
    constants[name] = constantColumn(name, value, wish(name), path)
  for (const [name, value] of Object.entries(file.state)) {
    const column = stateColumn(name, value, wish(name), path)
    if (column) constants[name] = column
  }
  return constants
}
