import { type Dataset, spreadRows } from '../../data/index.ts'
import { ortNode, type Session } from '../../engine/index.ts'
import { GramSums, openProducts, sampleWindows } from '../../evaluate/index.ts'
import {
  channelGroups,
  channelReaders,
  macsAfter,
  type ReaderEvidence,
  spareChannels,
  type Unread,
  WINDOWS_PER_WEIGHT,
} from '../../passes/index.ts'
import type { Refusal } from '../../report/index.ts'
import { type Metered, noMeter } from '../meter.ts'
import { losslessSteps } from '../simplify.ts'
import { advanceAll, type Trail } from '../trail.ts'
import { cutChannels } from '../train/cut-student.ts'
import { rowTypes } from '../train/proof-rows.ts'
import { putWeights, type TrainedTrail } from '../train/trained-trail.ts'

/** What all fits together may take, a fit taking the third power of its inputs: some seconds. */
const FITTING = 5e9
/** Rows that windows are taken from. */
const ROWS = 32
/** Windows more than a fit must have, since some rows may have fewer. */
const RESERVE = 1.25
/** Share of the multiply-accumulates that must go for it to be worth a candidate. */
const WORTH = 0.05

/** What the rows say about what a model's products read: enough to fit their weights anew. */
interface ReadWindows {
  readonly trail: Trail
  /** By the weight that reads. */
  readonly evidence: ReadonlyMap<string, ReaderEvidence | Unread>
  readonly data: Dataset
  readonly rows: number
}

/** What is left of a model within a noise; null where hardly any work is saved. */
export type WithoutSpare = (noise: number) => Promise<Spared | null>

/** A model without the channels that others make up for. */
export interface Spared extends TrainedTrail {
  /** Channels that went, of so many, and the share of the multiply-accumulates that is left. */
  readonly gone: number
  readonly of: number
  readonly work: number
  /** Whose channels stay whole without a fit that holds, and why. */
  readonly whole: readonly Refusal[]
}

/** Looks at what the products of a model read on some rows; null where no channel of it can go. */
export async function readWindows(
  trail: Trail,
  data: Dataset,
  options: Metered & {
    readonly indices: readonly number[]
    readonly seed: number
  },
): Promise<ReadWindows | null> {
  const indices = spreadRows(data, options.indices, ROWS)
  const { readers } = channelReaders(trail.model, channelGroups(trail.model))
  let work = 0
  const wanted = readers
    .map(({ weight, value, windows, width, taps, bias }) => {
      const size = width * taps
      return {
        id: weight,
        value,
        windows,
        size,
        centred: bias !== null,
        count: Math.ceil(RESERVE * WINDOWS_PER_WEIGHT * size),
      }
    })
    .sort((a, b) => a.size - b.size)
  const asked = wanted.filter(({ size }) => (work += size ** 3) <= FITTING)
  if (asked.length === 0 || indices.length < 2) return null
  // In this process, as for ranges: inner values would be long on their way between two.
  const session = await ortNode.open(trail.model)
  const products = await openProducts()
  try {
    const tick = (options.meter ?? noMeter)('windows')
    const samples = await sampleWindows(session, data, asked, {
      ...options,
      indices,
      onRow: (done, of) => {
        options.onProgress?.(`looking at what products read: row ${done} of ${of}`)
        tick(done, of)
      },
    })
    const evidence = new Map<string, ReaderEvidence | Unread>(
      wanted.map(({ id, size }) => [id, { unread: `fitting its ${size} inputs anew would take too long` }]),
    )
    for (const { id, size, centred } of asked) {
      const sample = samples.get(id)
      const read = sample
        ? { ...(await momentsOf(sample.fit, size, centred, products)), held: sample.held }
        : { unread: 'what it reads is not handed out as finite float32 numbers' }
      evidence.set(id, read)
    }
    return { trail, evidence, data, rows: indices.length }
  } finally {
    await products.close()
    await session.close()
  }
}

async function momentsOf(
  values: Float32Array,
  size: number,
  centred: boolean,
  products: Session,
): Promise<Omit<ReaderEvidence, 'held'>> {
  const windows = values.length / size
  const mean = new Float64Array(size)
  if (centred) {
    for (const [i, value] of values.entries()) mean[i % size]! += value / windows
    for (let i = 0; i < values.length; i++) values[i]! -= mean[i % size]!
  }
  const sums = new GramSums(products, 1, size)
  await sums.add(values)
  await sums.finish()
  return { mean, h: sums.gram.map((sum) => sum / windows), windows }
}

/**
 * The model without the channels that others make up for, within a noise at whatever reads them (see `spareChannels`).
 */
export function withoutSpare({ trail, evidence, data, rows }: ReadWindows): WithoutSpare {
  const channels = channelGroups(trail.model, rowTypes(trail.model, data))
  const all = macsAfter(channels, new Map())
  const spare = spareChannels(trail.model, channels, evidence)
  return async (noise) => {
    const { removal, weights, whole } = spare(noise)
    const work = macsAfter(channels, removal) / all
    if (work > 1 - WORTH) return null
    const put = await putWeights(trail, weights, { dataDigest: await data.digest(), rows, left: whole })
    const cut = await cutChannels(put.trail, removal)
    return {
      trail: await advanceAll(cut, losslessSteps),
      tensors: put.tensors,
      gone: [...removal.values()].reduce((sum, { size }) => sum + size, 0),
      of: channels.groups.reduce((sum, group) => sum + group.channels.length, 0),
      work,
      whole,
    }
  }
}
