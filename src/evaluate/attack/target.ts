import type { Feeds, Session, TensorValue } from '../../engine/index.ts'
import { UserError } from '../../platform/index.ts'
import { numbersOf } from '../outputs/row-outputs.ts'

/** Losses that attacks climb; the names are those of the pass that writes them. */
export type AttackLoss = 'cross-entropy' | 'dlr-targeted' | 'margin'

/** A model that also gives the gradient of the sum of a loss over rows by the attacked input. */
export interface GradientSession {
  readonly session: Session
  readonly logits: string
  readonly places: string
  readonly gradient: string
  readonly labels: string
  readonly targets: string
}

/** What an attack needs of a model. Rows lie one behind the other, `width` numbers each. */
export interface Target {
  readonly classes: number
  readonly width: number
  /** [rows × classes] */
  logits(x: Float32Array): Promise<Float32Array>
  /** Null where the model has no gradient. */
  readonly ascent: ((loss: AttackLoss) => Promise<Ascent>) | null
}

/** One loss of the model and its gradient. */
export interface Ascent {
  at(x: Float32Array, labels: Int32Array, targets?: Int32Array): Promise<Slope>
  close(): Promise<void>
}

interface Slope {
  readonly logits: Float32Array
  /** One a row. */
  readonly losses: Float32Array
  /** In the shape of x. */
  readonly gradient: Float32Array
}

/** How rows become feeds. */
export interface InputPlan {
  readonly input: string
  readonly rowShape: readonly number[]
  /** Whether the input has an axis of rows; without one a run holds a single row. */
  readonly rowAxis: boolean
  /** Most rows in one run. */
  readonly batch: number
  /** Inputs that are the same for every row. */
  readonly constants: Feeds
}

/** Rows of a run: as many as are left, at most `batch`. */
async function inBatches(
  plan: InputPlan,
  x: Float32Array,
  width: number,
  run: (feeds: Feeds, from: number, count: number) => Promise<void>,
): Promise<void> {
  const rows = x.length / width
  for (let from = 0; from < rows; from += plan.batch) {
    const count = Math.min(plan.batch, rows - from)
    const dims = plan.rowAxis ? [count, ...plan.rowShape] : plan.rowShape
    const data = x.slice(from * width, (from + count) * width)
    await run({ ...plan.constants, [plan.input]: { dtype: 'float32', dims, data } }, from, count)
  }
}

/** The logits of one run, checked: one row of the same number of classes for each row. */
function classRows(value: TensorValue, output: string, count: number): { data: ArrayLike<number>; classes: number } {
  const data = numbersOf(value)
  const classes = data.length / count
  if (!Number.isInteger(classes) || classes < 2 || !value.dims.includes(classes))
    throw new UserError(
      'unsupported',
      `output "${output}" has shape [${value.dims.join(',')}]: no row of classes a row`,
      {
        where: output,
        hint: 'attacks need a classifier: one score a class for every row',
      },
    )
  return { data, classes }
}

/** The logits of any number of rows. */
export async function logitsOf(
  session: Session,
  output: string,
  plan: InputPlan,
  width: number,
  x: Float32Array,
): Promise<Float32Array> {
  let all: Float32Array | null = null
  const rows = x.length / width
  await inBatches(plan, x, width, async (feeds, from, count) => {
    const fetched = await session.run(feeds, [output])
    const { data, classes } = classRows(fetched[output]!, output, count)
    all ??= new Float32Array(rows * classes)
    all.set(data, from * classes)
  })
  return all ?? new Float32Array(0)
}

/** The score of each row, run by itself, where the output holds one number a row; else null. */
export async function oneScoreEach(
  session: Session,
  output: string,
  plan: InputPlan,
  width: number,
  x: Float32Array,
): Promise<readonly number[] | null> {
  const scores: number[] = []
  let alone = true
  await inBatches({ ...plan, batch: 1 }, x, width, async (feeds) => {
    if (!alone) return
    const data = numbersOf((await session.run(feeds, [output]))[output]!)
    alone = data.length === 1
    scores.push(data[0]!)
  })
  return alone ? scores : null
}

/** The slope of a gradient model over any number of rows. */
export function ascentOf(model: GradientSession, plan: InputPlan, width: number, close: () => Promise<void>): Ascent {
  const { session, logits, places, gradient } = model
  const wants = (name: string) => session.inputs.some((input) => input.name === name)
  const integers = (values: Int32Array, from: number, count: number): TensorValue => ({
    dtype: 'int64',
    dims: [count],
    data: BigInt64Array.from(values.subarray(from, from + count), BigInt),
  })
  return {
    async at(x, labels, targets) {
      const rows = x.length / width
      let all: Float32Array | null = null
      const losses = new Float32Array(rows)
      const slopes = new Float32Array(x.length)
      await inBatches(plan, x, width, async (feeds, from, count) => {
        const fetched = await session.run(
          {
            ...feeds,
            ...(wants(model.labels) ? { [model.labels]: integers(labels, from, count) } : {}),
            ...(targets && wants(model.targets) ? { [model.targets]: integers(targets, from, count) } : {}),
          },
          [logits, places, gradient],
        )
        const { data, classes } = classRows(fetched[logits]!, logits, count)
        all ??= new Float32Array(rows * classes)
        all.set(data, from * classes)
        losses.set(numbersOf(fetched[places]!), from)
        slopes.set(numbersOf(fetched[gradient]!), from * width)
      })
      return { logits: all ?? new Float32Array(0), losses, gradient: slopes }
    },
    close,
  }
}
