import { type Dataset, spreadRows } from '../../data/index.ts'
import { ortNode } from '../../engine/index.ts'
import { feedsOf } from '../../evaluate/index.ts'
import { inferTypes, type Model } from '../../ir/index.ts'
import { blockModel, type RoundableWeights, reconstructionBlocks, withWeights } from '../../passes/index.ts'
import { UserError } from '../../platform/index.ts'
import type { LearnedWeightsReport, TensorRef } from '../../report/index.ts'
import type { Evidence } from '../../rewrite/index.ts'
import { type Metered, noMeter } from '../meter.ts'
import { TensorStore } from '../tensor-refs.ts'
import { readRows } from '../train/learning-rows.ts'
import { DEFAULT_STEPS, judgingOf, learnBlock, nearestOf, type RowBatch, runBlock, tensorsOf } from './learned-block.ts'

export interface LearnedRoundingOptions extends Metered {
  /** The model with values rounded as the integer model will round them, where it will; the model itself unless said. */
  readonly rounded?: Model
  /** Rows to learn from: so many of `indices`, or of the set, spread over all of them (256). */
  readonly samples?: number | undefined
  readonly indices?: readonly number[] | undefined
  /** Steps for each part of the model (500). */
  readonly steps?: number | undefined
  readonly seed?: number | undefined
}

/** Rows in a step; each block of the model sees the same ones together. */
const BATCH = 32
export const DEFAULT_SAMPLES = 256
/** What learning takes, in runs of the model on one row: each block there and back, which is three times as much. */
export const LEARNING_RUNS = 3 * BATCH * DEFAULT_STEPS

/**
 * Learns for each weight whether it is rounded up or down, so that the parts of the model (layers, residual blocks) keep
 * giving what they gave in float, each on what the rounded parts before it hand on. Needs some hundred rows without
 * labels. Codes with which the model's outputs are no nearer than with the usual ones, on an eighth of the rows that
 * nothing was learned from, are dropped. Source: Nagel et al. 2020 (AdaRound), Li et al. 2021 (BRECQ).
 *
 * @throws UserError `bad-data` where there are fewer than two rows.
 */
export async function learnRoundings(
  model: Model,
  { weights, left }: RoundableWeights,
  data: Dataset,
  options: LearnedRoundingOptions,
): Promise<Evidence> {
  const { onProgress: say = () => {}, signal } = options
  const types = inferTypes(model)
  const byName = new Map(weights.map((weight) => [weight.name, weight]))
  const blocks = reconstructionBlocks(model, new Set(byName.keys()))
  let batches = await readBatches(model, data, options)
  let rounded = options.rounded ?? model
  const store = new TensorStore()
  const found: Record<string, { codes: TensorRef; scales?: TensorRef }> = {}
  const report: LearnedWeightsReport['blocks'][number][] = []
  // All parts lie in front of these.
  const outputs = blocks.at(-1)?.outputs ?? []
  const ends = { input: null, outputs, weights: [] }
  const judging = blocks.length === 0 ? [] : batches.slice(-judgingOf(batches.length))
  const wanted = judging.length === 0 ? [] : await runBlock(blockModel(model, ends, types), judging, 'exact', ends)
  const reached = new Set(blocks.flatMap((block) => block.weights))
  const tick = (options.meter ?? noMeter)('learned roundings')
  const unlearned = weights
    .filter(({ name }) => !reached.has(name))
    .map(({ node }) => ({ name: node, reason: 'no float output depends on it alone' }))
  for (const [i, block] of blocks.entries()) {
    signal?.throwIfAborted()
    const own = block.weights.map((name) => byName.get(name)!)
    const exactOutputs = await runBlock(blockModel(model, block, types), batches, 'exact', block)
    const rest = { model: blockModel(rounded, { ...block, outputs }, types), outputs, wanted }
    const settings = {
      ...options,
      rest,
      onStep: (step: number, of: number) => {
        say(`rounding part ${i + 1} of ${blocks.length}: step ${step} of ${of}`)
        tick(i + step / of, blocks.length)
      },
    }
    const learned = await learnBlock(blockModel(rounded, block, types), block, own, batches, exactOutputs, settings)
    if ('refused' in learned) unlearned.push(...own.map(({ node }) => ({ name: node, reason: learned.refused })))
    else {
      report.push({ weights: block.weights, ...learned.figures })
      for (const { name, dims, scales } of own)
        found[name] = {
          codes: store.keep(learned.codes.get(name)!, dims),
          ...(scales ? { scales: store.keep(scales, [scales.length]) } : {}),
        }
    }
    const codes = 'refused' in learned ? nearestOf(own) : learned.codes
    rounded = withWeights(rounded, tensorsOf(own, codes))
    if (i === blocks.length - 1) break
    const handedOn = await runBlock(blockModel(rounded, block, types), batches, 'rounded', block)
    batches = batches.map(({ feeds }, b) => ({ feeds, exact: exactOutputs[b]![0]!, rounded: handedOn[b]![0]! }))
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
    tensors: store.tensors,
  }
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
    // Some batches at least, so that one of them can judge.
    for await (const read of readRows(data, session.inputs, rows, Math.min(BATCH, Math.ceil(rows.length / 8))))
      batches.push({ feeds: feedsOf(read, session.inputs, data), exact: null, rounded: null })
    return batches
  } finally {
    await session.close()
  }
}
