// Learned roundings of one block of a model (a layer, a residual block): see `learnRoundings`.

import { type Feeds, ortNode, type TensorValue } from '../../engine/index.ts'
import { type Model, type Tensor, tensorValues } from '../../ir/index.ts'
import {
  differentiate,
  hardCodes,
  type Loss,
  type ReconstructionBlock,
  type RoundableWeight,
  SOFT,
  softWeights,
  weightsOfCodes,
  withWeights,
} from '../../passes/index.ts'
import type { LearnedWeightsReport } from '../../report/index.ts'
import { mean } from '../../statistics/index.ts'
import { layoutOf, packWeights, type ReadBatches, stepGraph, train, unpackWeights } from '../../train/index.ts'

/** Steps for each block, by default. */
export const DEFAULT_STEPS = 500
const RATE = 0.05
/** How much the pull to whole codes counts beside an error that is 1 with nearest codes. */
const PULL = 0.3
/** Share of the steps before the pull sets in, and the ends between which its exponent falls. */
const FREE = 0.2
const [FIRST_EXPONENT, LAST_EXPONENT] = [20, 2]

/** A batch of rows on its way through the model: in float, and with everything rounded so far. */
export interface RowBatch {
  readonly feeds: Feeds
  readonly exact: TensorValue | null
  readonly rounded: TensorValue | null
}

type Way = 'exact' | 'rounded'

const target = (output: number) => `rounding/target${output}`

/** Outputs of a block for each batch. `model` is the block alone; `way` chooses which of its inputs it reads. */
export async function runBlock(
  model: Model,
  batches: readonly RowBatch[],
  way: Way,
  { input, outputs }: ReconstructionBlock,
): Promise<readonly (readonly TensorValue[])[]> {
  const session = await ortNode.open(model)
  try {
    const results: TensorValue[][] = []
    for (const batch of batches) {
      const values = await session.run(feedsFor(session.inputs, batch, input, way), outputs)
      results.push(outputs.map((name) => values[name]!))
    }
    return results
  } finally {
    await session.close()
  }
}

function feedsFor(
  inputs: readonly { readonly name: string }[],
  batch: RowBatch,
  input: string | null,
  way: Way,
): Feeds {
  return Object.fromEntries(
    inputs.flatMap(({ name }) => {
      const value = name === input ? batch[way] : batch.feeds[name]
      return value ? [[name, value]] : []
    }),
  )
}

interface LearnBlockOptions {
  readonly steps?: number | undefined
  readonly seed?: number | undefined
  readonly signal?: AbortSignal | undefined
  readonly onStep: (step: number, of: number) => void
  /** The model from where the block starts to its outputs, which tell whether learned codes are the better ones. */
  readonly rest: Rest
}

interface Rest {
  readonly model: Model
  readonly outputs: readonly string[]
  /** What the float model gives there for the batches that judge, which are the last ones. */
  readonly wanted: readonly (readonly TensorValue[])[]
}

/** The codes of a block, or why none can be learned. */
export type LearnedBlock =
  | { readonly refused: string }
  | {
      readonly codes: ReadonlyMap<string, Int8Array>
      readonly figures: Omit<LearnedWeightsReport['blocks'][number], 'weights'>
    }

/** How many of these batches judge: the last eighth, and one at least. */
export const judgingOf = (batches: number): number => Math.max(1, Math.floor(batches / 8))

/**
 * Learns the roundings of a block's weights from all batches but the last ones, which judge. They judge at the outputs of
 * the model: inside the block, an error that a pool behind it takes away counts as much as one that it lets through.
 *
 * @param alone The block as a model by itself, with its weights still in float.
 * @param wanted What it gives in float, by batch and output.
 */
export async function learnBlock(
  alone: Model,
  block: ReconstructionBlock,
  weights: readonly RoundableWeight[],
  batches: readonly RowBatch[],
  wanted: readonly (readonly TensorValue[])[],
  options: LearnBlockOptions,
): Promise<LearnedBlock> {
  const learnable = batches.length - judgingOf(batches.length)
  const nearest = nearestOf(weights)
  const before = await errorsOf(withWeights(alone, tensorsOf(weights, nearest)), block, batches, wanted)
  const plain = shareOf(before.slice(learnable))
  const figures = (learned: number, kept: 'learned' | 'nearest', steps: number) => ({
    nearest: plain,
    learned,
    kept,
    steps,
  })
  const atOutputs = async (codes: ReadonlyMap<string, Int8Array>) => {
    const { model, outputs, wanted: wantedThere } = options.rest
    const from = { ...block, outputs }
    return shareOf(
      await errorsOf(withWeights(model, tensorsOf(weights, codes)), from, batches.slice(learnable), wantedThere),
    )
  }
  if (before.every((outputs) => outputs.every(({ error }) => error === 0)))
    return { codes: nearest, figures: figures(0, 'nearest', 0) }
  const trained = await trainedCodes(alone, block, weights, { batches, wanted, learnable, before, ...options })
  if ('refused' in trained) return trained
  const { codes, steps } = trained
  const after = await errorsOf(withWeights(alone, tensorsOf(weights, codes)), block, batches, wanted)
  const learned = shareOf(after.slice(learnable))
  const outputs = { nearest: await atOutputs(nearest), learned: await atOutputs(codes) }
  const better = outputs.learned < outputs.nearest
  return {
    codes: better ? codes : nearest,
    figures: { ...figures(learned, better ? 'learned' : 'nearest', steps), outputs },
  }
}

interface TrainCodesOptions extends LearnBlockOptions {
  readonly batches: readonly RowBatch[]
  readonly wanted: readonly (readonly TensorValue[])[]
  /** How many of the batches, the first ones, are learned from. */
  readonly learnable: number
  /** The errors that nearest codes make. */
  readonly before: readonly (readonly OutputError[])[]
}

/** Trains how far each weight is rounded up, and rounds that to whole codes at the end. */
async function trainedCodes(
  alone: Model,
  block: ReconstructionBlock,
  weights: readonly RoundableWeight[],
  { batches, wanted, learnable, before, ...options }: TrainCodesOptions,
): Promise<{ readonly refused: string } | { readonly codes: ReadonlyMap<string, Int8Array>; readonly steps: number }> {
  const soft = softWeights(alone, weights)
  const made = differentiate(soft.model, {
    loss: {
      kind: 'sum',
      terms: [...errorTerms(block, before), { loss: { kind: 'output', output: SOFT.pull }, weight: 1 }],
    },
    wrt: [...soft.variables.values()],
    keepOutputs: false,
  })
  if (made.gradients.size < soft.variables.size)
    return { refused: made.report.refused[0]?.reason ?? 'its roundings cannot be differentiated' }
  const layout = layoutOf(soft.model, made.gradients.keys())
  const step = stepGraph(made, layout, layoutOf(soft.model, []), { kind: 'adamw', decay: 0 })
  const epochs = Math.max(1, Math.ceil((options.steps ?? DEFAULT_STEPS) / learnable))
  const total = epochs * learnable
  let done = 0
  const read: ReadBatches = async function* steps(rows) {
    for (const row of rows) {
      yield {
        rows: 1,
        feeds: {
          ...feedsFor(alone.graph.inputs, batches[row]!, block.input, 'rounded'),
          ...pulls(done, total),
          ...targetsOf(wanted[row]!),
        },
      }
      done++
    }
  }
  const trained = await train(step, {
    epochs,
    rows: Array.from({ length: learnable }, (_, row) => row),
    read,
    start: { weights: packWeights(soft.model, layout), statistics: new Float32Array(0) },
    open: () => ortNode.open(step.model),
    run: 'learned rounding',
    batch: 1,
    rate: RATE,
    seed: options.seed ?? 0,
    signal: options.signal,
    onStep: ({ step: now, of }) => options.onStep(now, of),
  })
  const variables = unpackWeights(trained.weights, layout)
  const codes = new Map(
    weights.map((weight) => [
      weight.name,
      hardCodes(weight, tensorValues(variables.get(soft.variables.get(weight.name)!)!) as Float32Array),
    ]),
  )
  return { codes, steps: trained.steps }
}

/** The error at each output, weighted so that nearest codes (`before`) give a total of 1. */
const errorTerms = (block: ReconstructionBlock, before: readonly (readonly OutputError[])[]) =>
  block.outputs.map((output, o): { loss: Loss; weight: number } => {
    const mean = before.reduce((sum, outputs) => sum + outputs[o]!.error / outputs[o]!.count, 0) / before.length
    return {
      loss: { kind: 'mse', output, target: target(o) },
      weight: 1 / Math.max(mean, 1e-30) / block.outputs.length,
    }
  })

export const nearestOf = (weights: readonly RoundableWeight[]) =>
  new Map(weights.map(({ name, nearest }) => [name, nearest]))

export const tensorsOf = (weights: readonly RoundableWeight[], codes: ReadonlyMap<string, Int8Array>) =>
  new Map(weights.map((weight): [string, Tensor] => [weight.name, weightsOfCodes(weight, codes.get(weight.name)!)]))

const number = (value: number): TensorValue => ({ dtype: 'float32', dims: [], data: Float32Array.of(value) })

/** The pull of step `done`: none at first, then with an exponent that falls, so that ever more codes become whole. */
function pulls(done: number, total: number): Feeds {
  const way = (done / total - FREE) / (1 - FREE)
  const exponent = LAST_EXPONENT + (FIRST_EXPONENT - LAST_EXPONENT) * (1 - Math.max(0, way))
  return { [SOFT.exponent]: number(exponent), [SOFT.weight]: number(way < 0 ? 0 : PULL) }
}

const targetsOf = (values: readonly TensorValue[]): Feeds =>
  Object.fromEntries(values.map((value, output) => [target(output), value]))

interface OutputError {
  /** Sums of squares over all elements: of the difference, and of the float output. */
  readonly error: number
  readonly power: number
  readonly count: number
}

/** How far the block is from its float outputs, by batch and output. */
async function errorsOf(
  model: Model,
  block: ReconstructionBlock,
  batches: readonly RowBatch[],
  wanted: readonly (readonly TensorValue[])[],
): Promise<readonly (readonly OutputError[])[]> {
  const given = await runBlock(model, batches, 'rounded', block)
  return given.map((outputs, batch) =>
    outputs.map(({ data }, output) => {
      const exact = wanted[batch]![output]!.data as Float32Array
      let [error, power] = [0, 0]
      for (const [i, value] of (data as Float32Array).entries()) {
        error += (value - exact[i]!) ** 2
        power += exact[i]! ** 2
      }
      return { error, power, count: exact.length }
    }),
  )
}

/** Power of the error over power of the output, the mean of the outputs. */
function shareOf(errors: readonly (readonly OutputError[])[]): number {
  const outputs = errors[0]!.map((_, output) => {
    let [error, power] = [0, 0]
    for (const batch of errors) {
      error += batch[output]!.error
      power += batch[output]!.power
    }
    return power > 0 ? error / power : 0
  })
  return mean(outputs)
}
