import type { Dataset } from '../../data/index.ts'
import type { Feeds, PortValue } from '../../engine/index.ts'
import { elementCount, isFloating } from '../../ir/index.ts'
import { UserError } from '../../platform/index.ts'
import { listed } from '../../report/index.ts'
import { feedsOf, rowsPerRun } from '../feeds/feeds.ts'
import { requireOpenRows } from '../feeds/fixed-rows.ts'
import { numbersOf } from '../outputs/row-outputs.ts'
import type { InputPlan } from './target.ts'

/** The rows to attack, in memory, and how a model is fed with them. */
export interface AttackRows {
  readonly x: Float32Array
  readonly labels: Int32Array
  /** Places in the data set. */
  readonly rows: readonly number[]
  /** Elements of a row. */
  readonly width: number
  readonly plan: InputPlan
  /** Lowest and highest element. */
  readonly extent: readonly [number, number]
}

interface RowOptions {
  readonly label: string
  readonly indices?: readonly number[] | undefined
  readonly batch: number
}

/**
 * Reads the rows of the one input that differs from row to row, and the labels.
 *
 * @throws UserError for a model with several such inputs or one that is not float32, rows of different shapes, elements
 * that are not finite, and labels that are no whole numbers from 0.
 */
export async function readRows(inputs: readonly PortValue[], data: Dataset, options: RowOptions): Promise<AttackRows> {
  const input = attackedInput(inputs, data)
  const parts: Float32Array[] = []
  const labels: number[] = []
  const rows: number[] = []
  let shape: readonly number[] | null = null
  let constants: Feeds = {}
  requireOpenRows(inputs, data)
  const batch = rowsPerRun(inputs, data, options.batch)
  let rowAxis = true
  let [least, most] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]
  const fields = data.fields.map(({ name }) => name).filter((name) => inputs.some((each) => each.name === name))
  for await (const part of data.read({
    batch: 1,
    fields: [...new Set([...fields, options.label])],
    indices: options.indices,
  })) {
    const row = part.indices[0]!
    const where = `${data.path}, row ${row}`
    const { [input.name]: value, ...others } = feedsOf(part, inputs, data)
    const numbers = numbersOf(value!)
    const own = input.shape && input.shape.length === value!.dims.length ? value!.dims.slice(1) : value!.dims
    rowAxis = value!.dims[0] === 1 && own.length < value!.dims.length
    const rowShape = rowAxis ? own : value!.dims
    shape ??= rowShape
    if (shape.join() !== rowShape.join())
      throw new UserError('bad-data', `rows have different shapes: [${shape}] and [${rowShape}]`, {
        where,
        hint: 'attacks work on rows of one shape; resize them',
      })
    constants = others
    const values = Float32Array.from(numbers)
    for (const each of values) {
      if (!Number.isFinite(each))
        throw new UserError('bad-data', `row ${row} holds ${each}`, {
          where,
          hint: 'leave out rows that are not finite',
        })
      if (each < least) least = each
      if (each > most) most = each
    }
    parts.push(values)
    rows.push(row)
    labels.push(labelOf(part.columns[options.label]?.data ?? [], options.label, where))
  }
  if (!shape)
    throw new UserError('bad-data', 'there are no rows to attack', {
      where: data.path,
      hint: 'give data with at least one row',
    })
  const width = elementCount(shape)
  const x = new Float32Array(parts.length * width)
  for (const [i, part] of parts.entries()) x.set(part, i * width)
  const plan = { input: input.name, rowShape: shape, rowAxis, batch: rowAxis ? batch : 1, constants }
  return { x, labels: Int32Array.from(labels), rows, width, plan, extent: [least, most] }
}

/** The model's one floating input that the data gives row by row. */
function attackedInput(inputs: readonly PortValue[], data: Dataset): PortValue {
  const varying = inputs.filter(
    ({ name }) => !(name in data.constants) && data.fields.some((field) => field.name === name),
  )
  const [input] = varying.length > 0 ? varying : inputs
  if (varying.length > 1)
    throw new UserError(
      'unsupported',
      `the model takes ${listed(varying.map(({ name }) => `"${name}"`))} for every row`,
      {
        where: varying[1]!.name,
        hint: 'attacks change one input; the others must be constants of the data set',
      },
    )
  if (input?.dtype !== 'float32')
    throw new UserError('unsupported', `input "${input?.name ?? '?'}" is ${input?.dtype ?? 'missing'}, not float32`, {
      where: input?.name ?? 'model',
      hint:
        input && isFloating(input.dtype)
          ? 'attacks change float32: give the float32 model that this one was made of'
          : 'attacks change numbers a little: text, token numbers and bytes have no little',
    })
  return input
}

function labelOf(values: ArrayLike<unknown>, field: string, where: string): number {
  const value = values[0]
  const label = typeof value === 'string' && value.trim() === '' ? Number.NaN : Number(value ?? Number.NaN)
  if (values.length === 1 && Number.isInteger(label) && label >= 0) return label
  const shown = values.length > 1 ? `a label of ${values.length} values` : `label "${String(value)}"`
  throw new UserError('bad-data', `${shown} in "${field}" is no class number`, {
    where,
    hint: 'labels are whole numbers from 0, the place of the right class in the output, or one-hot vectors',
  })
}
