import type { Dataset } from '../../data/index.ts'
import { type Feeds, ortNode, type TensorValue } from '../../engine/index.ts'
import { feedsOf } from '../../evaluate/index.ts'
import { inferTypes, type Model, type Tensor, tensorValues } from '../../ir/index.ts'
import {
  blockModel,
  differentiate,
  hardCodes,
  type Loss,
  type ReconstructionBlock,
  type RoundableWeight,
  type RoundableWeights,
  reconstructionBlocks,
  SOFT,
  softWeights,
  weightsOfCodes,
  withWeights,
} from '../../passes/index.ts'
import { UserError } from '../../platform/index.ts'
import type { LearnedWeightsReport, TensorRef } from '../../report/index.ts'
import type { Evidence } from '../../rewrite/index.ts'
import { layoutOf, packWeights, type ReadBatches, stepGraph, train, unpackWeights } from '../../train/index.ts'
import { type Meter, noMeter } from '../meter.ts'
import { TensorStore } from '../tensor-refs.ts'
import { readRows } from '../train/learning-rows.ts'

export interface LearnedRoundingOptions {
  /** The model with values rounded as the integer model will round them, where it will; the model itself unless said. */
  readonly rounded?: Model
  /** Rows to learn from: the first so many of `indices`, or of the set (256). */
  readonly samples?: number | undefined
  readonly indices?: readonly number[] | undefined
  /** Steps for each part of the model (500). */
  readonly steps?: number | undefined
  readonly seed?: number | undefined
  readonly signal?: AbortSignal | undefined
  readonly meter?: Meter | undefined
  readonly onProgress?: ((text: string) => void) | undefined
}

/** Rows in a step; each part of the model sees the same ones together. */
const BATCH = 32
export const DEFAULT_SAMPLES = 256
const DEFAULT_STEPS = 500
/** What learning takes, in runs of the model on one row: each part there and back, which is three times as much. */
export const LEARNING_RUNS = 3 * BATCH * DEFAULT_STEPS
const RATE = 0.05
/** How much the pull to whole codes counts beside an error that is 1 with nearest codes. */
const PULL = 0.3
/** Share of the steps in which the codes are still free, and what the exponent falls from and to. */
const FREE = 0.2
const [FIRST_EXPONENT, LAST_EXPONENT] = [20, 2]

/** A batch of rows on its way through the model: in float, and with everything rounded so far. */
interface Part {
  readonly feeds: Feeds
  readonly exact: TensorValue | null
  readonly held: TensorValue | null
}

const target = (output: number) => `rounding/target${output}`

/**
 * Learns for each weight whether it is rounded up or down, so that the parts of the model (layers, residual blocks) keep
 * giving what they gave in float, each on what the rounded parts before it hand on. Needs some hundred rows without
 * labels. Codes that are no better than the nearest ones, on an eighth of the rows that nothing was learned from, are
 * dropped. Source: Nagel et al. 2020 (AdaRound), Li et al. 2021 (BRECQ).
 *
 * @throws UserError `bad-data` where there are fewer than two rows.
 */
export async function learnRoundings(
  model: Model,
  { weights, left }: RoundableWeights,
  data: Dataset,
  options: LearnedRoundingOptions = {},
): Promise<Evidence> {
  const { onProgress: say = () => {}, signal } = options
  const types = inferTypes(model)
  const byName = new Map(weights.map((weight) => [weight.name, weight]))
  const blocks = reconstructionBlocks(model, new Set(byName.keys()))
  let parts = await readParts(model, data, options)
  let rounded = options.rounded ?? model
  const held = new TensorStore()
  const found: Record<string, { codes: TensorRef; scales?: TensorRef }> = {}
  const report: LearnedWeightsReport['blocks'][number][] = []
  const reached = new Set(blocks.flatMap((block) => block.weights))
  const tick = (options.meter ?? noMeter)('learned roundings')
  const unlearned = weights
    .filter(({ name }) => !reached.has(name))
    .map(({ node }) => ({ name: node, reason: 'no float output depends on it alone' }))
  for (const [i, block] of blocks.entries()) {
    signal?.throwIfAborted()
    const own = block.weights.map((name) => byName.get(name)!)
    const exactOutputs = await runAll(blockModel(model, block, types), parts, 'exact', block)
    const part = blockModel(rounded, block, types)
    const settings = {
      ...options,
      onStep: (step: number, of: number) => {
        say(`rounding part ${i + 1} of ${blocks.length}: step ${step} of ${of}`)
        tick(i + step / of, blocks.length)
      },
    }
    const learned = await learnBlock(part, block, own, parts, exactOutputs, settings)
    if ('refused' in learned) unlearned.push(...own.map(({ node }) => ({ name: node, reason: learned.refused })))
    else {
      report.push({ weights: block.weights, ...learned.figures })
      for (const { name, dims, scales } of own)
        found[name] = {
          codes: held.keep(learned.codes.get(name)!, dims),
          ...(scales ? { scales: held.keep(scales, [scales.length]) } : {}),
        }
    }
    const codes = 'refused' in learned ? nearestOf(own) : learned.codes
    rounded = withWeights(rounded, tensorsOf(own, codes))
    if (i === blocks.length - 1) break
    const outputs = await runAll(blockModel(rounded, block, types), parts, 'held', block)
    parts = parts.map(({ feeds }, p) => ({ feeds, exact: exactOutputs[p]![0]!, held: outputs[p]![0]! }))
  }
  return {
    report: {
      kind: 'learned-weights',
      version: 1,
      samples: Math.min(options.samples ?? DEFAULT_SAMPLES, options.indices?.length ?? data.rows),
      dataDigest: await data.digest(),
      weights: found,
      blocks: report,
      left: [...left.map(({ node, reason }) => ({ name: node, reason })), ...unlearned],
    },
    tensors: held.tensors,
  }
}

async function readParts(model: Model, data: Dataset, options: LearnedRoundingOptions): Promise<readonly Part[]> {
  const rows = (options.indices ?? Array.from({ length: data.rows }, (_, i) => i)).slice(
    0,
    options.samples ?? DEFAULT_SAMPLES,
  )
  if (rows.length < 2)
    throw new UserError('bad-data', `there is ${rows.length} row to learn roundings from`, {
      where: data.path,
      hint: 'some hundred rows that look like production are enough; labels are not needed',
    })
  const session = await ortNode.open(model)
  try {
    const parts: Part[] = []
    // Some parts at least, so that one of them can judge.
    for await (const read of readRows(data, session.inputs, rows, Math.min(BATCH, Math.ceil(rows.length / 8))))
      parts.push({ feeds: feedsOf(read, session.inputs, data), exact: null, held: null })
    return parts
  } finally {
    await session.close()
  }
}

/** What the block gives for each part, from the exact or the rounded way. */
async function runAll(
  model: Model,
  parts: readonly Part[],
  way: 'exact' | 'held',
  { input, outputs }: ReconstructionBlock,
): Promise<readonly (readonly TensorValue[])[]> {
  const session = await ortNode.open(model)
  try {
    const results: TensorValue[][] = []
    for (const part of parts) {
      const values = await session.run(feedsFor(session.inputs, part, input, way), outputs)
      results.push(outputs.map((name) => values[name]!))
    }
    return results
  } finally {
    await session.close()
  }
}

function feedsFor(
  inputs: readonly { readonly name: string }[],
  part: Part,
  input: string | null,
  way: 'exact' | 'held',
): Feeds {
  return Object.fromEntries(
    inputs.flatMap(({ name }) => {
      const value = name === input ? part[way] : part.feeds[name]
      return value ? [[name, value]] : []
    }),
  )
}

type BlockResult =
  | { readonly refused: string }
  | {
      readonly codes: ReadonlyMap<string, Int8Array>
      readonly figures: Omit<LearnedWeightsReport['blocks'][number], 'weights'>
    }

async function learnBlock(
  part: Model,
  block: ReconstructionBlock,
  weights: readonly RoundableWeight[],
  parts: readonly Part[],
  wanted: readonly (readonly TensorValue[])[],
  options: LearnedRoundingOptions & { readonly onStep: (step: number, of: number) => void },
): Promise<BlockResult> {
  const judged = Math.max(1, Math.floor(parts.length / 8))
  const learnable = parts.length - judged
  const nearest = nearestOf(weights)
  const before = await errorsOf(withWeights(part, tensorsOf(weights, nearest)), block, parts, wanted)
  const plain = shareOf(before.slice(learnable))
  const figures = (learned: number, kept: 'learned' | 'nearest', steps: number) => ({
    ...{ nearest: plain, learned, kept, steps },
  })
  if (before.every((outputs) => outputs.every(({ error }) => error === 0)))
    return { codes: nearest, figures: figures(0, 'nearest', 0) }
  const soft = softWeights(part, weights)
  const terms = block.outputs.map((output, o): { loss: Loss; weight: number } => {
    const mean = before.reduce((sum, outputs) => sum + outputs[o]!.error / outputs[o]!.count, 0) / before.length
    return {
      loss: { kind: 'mse', output, target: target(o) },
      weight: 1 / Math.max(mean, 1e-30) / block.outputs.length,
    }
  })
  const made = differentiate(soft.model, {
    loss: { kind: 'sum', terms: [...terms, { loss: { kind: 'output', output: SOFT.pull }, weight: 1 }] },
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
  const read: ReadBatches = async function* batches(rows) {
    for (const row of rows) {
      yield {
        rows: 1,
        feeds: {
          ...feedsFor(part.graph.inputs, parts[row]!, block.input, 'held'),
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
  const after = await errorsOf(withWeights(part, tensorsOf(weights, codes)), block, parts, wanted)
  const learned = shareOf(after.slice(learnable))
  const better = learned < plain
  return {
    codes: better ? codes : nearest,
    figures: figures(learned, better ? 'learned' : 'nearest', trained.steps),
  }
}

const nearestOf = (weights: readonly RoundableWeight[]) => new Map(weights.map(({ name, nearest }) => [name, nearest]))

const tensorsOf = (weights: readonly RoundableWeight[], codes: ReadonlyMap<string, Int8Array>) =>
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
  /** Sums of squares over all elements: of the difference, and of what was wanted. */
  readonly error: number
  readonly power: number
  readonly count: number
}

/** How far the block is from what it shall give, by part and output. */
async function errorsOf(
  model: Model,
  block: ReconstructionBlock,
  parts: readonly Part[],
  wanted: readonly (readonly TensorValue[])[],
): Promise<readonly (readonly OutputError[])[]> {
  const given = await runAll(model, parts, 'held', block)
  return given.map((outputs, part) =>
    outputs.map(({ data }, output) => {
      const exact = wanted[part]![output]!.data as Float32Array
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
    const [error, power] = [0, 0].map((_zero, i) =>
      errors.reduce((sum, part) => sum + (i === 0 ? part[output]!.error : part[output]!.power), 0),
    ) as [number, number]
    return power > 0 ? error / power : 0
  })
  return outputs.reduce((sum, share) => sum + share, 0) / outputs.length
}
