import { type Dataset, spreadRows } from '../../data/index.ts'
import { ortNode } from '../../engine/index.ts'
import { feedsOf } from '../../evaluate/index.ts'
import { inferTypes, type Model } from '../../ir/index.ts'
import {
  blockModel,
  type ReconstructionBlock,
  type RoundableWeight,
  type RoundableWeights,
  reconstructionBlocks,
  withWeights,
} from '../../passes/index.ts'
import { UserError } from '../../platform/index.ts'
import type { TensorRef } from '../../report/index.ts'
import type { Evidence } from '../../rewrite/index.ts'
import { type Metered, noMeter } from '../meter.ts'
import { TensorStore } from '../tensor-refs.ts'
import { readRows } from '../train/learning-rows.ts'
import {
  DEFAULT_STEPS,
  judgingOf,
  type LearnedBlock,
  learnBlock,
  nearestOf,
  type RowBatch,
  runBlock,
  tensorsOf,
} from './learned-block.ts'

export interface LearnedRoundingOptions extends Metered {
  /** The model with its values rounded as the integer model will round them; the model itself by default. */
  readonly rounded?: Model
  /** Number of rows to learn from, spread evenly over `indices` or the whole set; 256 by default. */
  readonly samples?: number | undefined
  readonly indices?: readonly number[] | undefined
  /** Steps for each part of the model; 500 by default. */
  readonly steps?: number | undefined
  readonly seed?: number | undefined
}

/** Rows in a step; each block of the model sees the same ones together. */
const BATCH = 32
export const DEFAULT_SAMPLES = 256
/** Cost of learning, in runs of the model on one row: a step there and back costs three runs. */
export const LEARNING_RUNS = 3 * BATCH * DEFAULT_STEPS

/**
 * Learns for each weight whether it is rounded up or down. The model is taken part by part (layers, residual blocks); each
 * part learns to give what it gave in float, from the inputs that the rounded parts before it hand on. Some hundred rows
 * are needed, without labels. An eighth of them is not learned from but judges: codes that leave the model's outputs no
 * nearer than the usual ones are dropped. Source: Nagel et al. 2020 (AdaRound), Li et al. 2021 (BRECQ).
 *
 * @throws UserError `bad-data` where there are fewer than two rows.
 */
export async function learnRoundings(
  model: Model,
  { weights, left }: RoundableWeights,
  data: Dataset,
  options: LearnedRoundingOptions,
): Promise<Evidence> {
  const blocks = reconstructionBlocks(model, new Set(weights.map(({ name }) => name)))
  const batches = await readBatches(model, data, options)
  const learned = await learnBlocks(model, blocks, weights, batches, options)
  const reached = new Set(blocks.flatMap((block) => block.weights))
  const unreached = weights.filter(({ name }) => !reached.has(name))
  const store = new TensorStore()
  const found: Record<string, { codes: TensorRef; scales?: TensorRef }> = {}
  for (const result of learned)
    if ('codes' in result)
      for (const { name, dims, scales } of result.weights)
        found[name] = {
          codes: store.keep(result.codes.get(name)!, dims),
          ...(scales ? { scales: store.keep(scales, [scales.length]) } : {}),
        }
  return {
    report: {
      kind: 'learned-weights',
      version: 1,
      samples: Math.min(options.samples ?? DEFAULT_SAMPLES, options.indices?.length ?? data.rows),
      dataDigest: await data.digest(),
      weights: found,
      blocks: learned.flatMap((result) =>
        'codes' in result ? [{ weights: result.weights.map(({ name }) => name), ...result.figures }] : [],
      ),
      left: [
        ...left.map(({ node, reason }) => ({ name: node, reason })),
        ...unreached.map(({ node }) => ({ name: node, reason: 'no float output depends on it alone' })),
        ...learned.flatMap((result) =>
          'refused' in result ? result.weights.map(({ node }) => ({ name: node, reason: result.refused })) : [],
        ),
      ],
    },
    tensors: store.tensors,
  }
}

/** Learns the blocks in order; each reads what the rounded ones before it give. */
async function learnBlocks(
  model: Model,
  blocks: readonly ReconstructionBlock[],
  weights: readonly RoundableWeight[],
  read: readonly RowBatch[],
  options: LearnedRoundingOptions,
): Promise<readonly (LearnedBlock & { readonly weights: readonly RoundableWeight[] })[]> {
  const { onProgress: say = () => {}, signal } = options
  const outputs = blocks.at(-1)?.outputs
  if (!outputs) return []
  const types = inferTypes(model)
  const byName = new Map(weights.map((weight) => [weight.name, weight]))
  const whole = { input: null, outputs, weights: [] }
  const judging = read.slice(-judgingOf(read.length))
  const wanted = await runBlock(blockModel(model, whole, types), judging, 'exact', whole)
  const tick = (options.meter ?? noMeter)('learned roundings')
  const results: (LearnedBlock & { readonly weights: readonly RoundableWeight[] })[] = []
  let [batches, rounded] = [read, options.rounded ?? model]
  for (const [i, block] of blocks.entries()) {
    signal?.throwIfAborted()
    const own = block.weights.map((name) => byName.get(name)!)
    const exactOutputs = await runBlock(blockModel(model, block, types), batches, 'exact', block)
    const learned = await learnBlock(blockModel(rounded, block, types), block, own, batches, exactOutputs, {
      ...options,
      rest: { model: blockModel(rounded, { ...block, outputs }, types), outputs, wanted },
      onStep: (step, of) => {
        say(`rounding part ${i + 1} of ${blocks.length}: step ${step} of ${of}`)
        tick(i + step / of, blocks.length)
      },
    })
    results.push({ ...learned, weights: own })
    rounded = withWeights(rounded, tensorsOf(own, 'codes' in learned ? learned.codes : nearestOf(own)))
    if (i === blocks.length - 1) break
    const handedOn = await runBlock(blockModel(rounded, block, types), batches, 'rounded', block)
    batches = batches.map(({ feeds }, b) => ({ feeds, exact: exactOutputs[b]![0]!, rounded: handedOn[b]![0]! }))
  }
  return results
}

async function readBatches(model: Model, data: Dataset, options: LearnedRoundingOptions): Promise<readonly RowBatch[]> {
  const rows = spreadRows(data, options.indices, options.samples ?? DEFAULT_SAMPLES)
  if (rows.length < 2)
    throw new UserError('bad-data', `there is ${rows.length} row to learn roundings from`, {
      where: data.path,
      hint: 'some hundred rows that look like production are enough; labels are not needed',
    })
  const session = await ortNode.open(model)
  try {
    const batches: RowBatch[] = []
    // Eight batches at least where there are as many rows, so that the last eighth can judge.
    for await (const read of readRows(data, session.inputs, rows, Math.min(BATCH, Math.ceil(rows.length / 8))))
      batches.push({ feeds: feedsOf(read, session.inputs, data), exact: null, rounded: null })
    return batches
  } finally {
    await session.close()
  }
}
