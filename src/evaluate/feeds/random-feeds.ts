import { isCacheFlag, looksLikeState, type TokenCounts, tokenInputOf } from '../../data/index.ts'
import {
  comingFrom,
  type Feeds,
  GRAPH_REFUSED,
  type PortValue,
  type Session,
  type TensorValue,
} from '../../engine/index.ts'
import { elementCount, encodeNumbers, INTEGER_RANGES, isFloating, type Model, settledSizes } from '../../ir/index.ts'
import { UserError } from '../../platform/index.ts'
import { type RandomSource, randomSource, standardNormal } from '../../statistics/index.ts'
import { besideFeed, cacheAxis, ROWS } from './decoder-feeds.ts'

export interface RandomFeedsOptions {
  readonly seed?: number | undefined
  /** Rows: the size of every row dimension. */
  readonly rows?: number | undefined
  /** Whole shapes by input name (`--shape x=1,3,224,224`). */
  readonly shapes?: Readonly<Record<string, readonly number[]>> | undefined
  /** Sizes by symbol, or by `input.axis` where a dimension has no symbol. */
  readonly sizes?: Readonly<Record<string, number>> | undefined
  /** Size of every dimension that nothing else settles. */
  readonly size?: number | undefined
  /** Axis and number of the channels of pictures whose every dimension is open; `size` where not given. */
  readonly channels?: readonly [axis: number, count: number] | undefined
  /** Valid values by input name, both ends included; wins over everything below. */
  readonly domains?: Readonly<Record<string, readonly [number, number]>> | undefined
  /** Integers of 32 and 64 bits are drawn from 0 to this: indices must not run past tables of unknown length. */
  readonly largestIndex?: number | undefined
  /** All of these are the largest one: what a model refuses of them is told at once, not by luck. */
  readonly largestOnly?: boolean | undefined
}

/**
 * Inputs drawn at random, the same for the same seed. Dimensions of one symbol get one size. Values: the declared
 * domain; else 8- and 16-bit integers over their whole range, wider ones as small indices, masks as ones, sample rates
 * 16000, booleans evenly; floats of rank 4 and 5 (images) uniform in [0, 1), states and caches normal with deviation
 * 0.1, other floats standard normal. Positions, masks and lengths of a decoder are those that belong to its tokens and
 * its cache; one that takes a flag for whether there is a cache goes on behind it with even seeds, and begins with odd ones.
 */
export function randomFeeds(inputs: readonly PortValue[], options: RandomFeedsOptions = {}): Feeds {
  const random = randomSource(options.seed ?? 0)
  // The generator's first numbers follow a small seed closely: two seeds would start alike.
  for (let i = 0; i < 32; i++) random.uniform()
  const begins = (options.seed ?? 0) % 2 !== 0 && inputs.some(isCacheFlag)
  const decoding = decodingSizes(inputs, options, begins)
  const feeds = Object.fromEntries(
    inputs.map((input) => {
      const beside =
        decoding && !options.shapes?.[input.name] ? besideFeed(input, decoding.rows, decoding.counts) : null
      if (beside) return [input.name, beside]
      const dims = dimsOf(input, options)
      if (decoding && isCacheFlag(input))
        return [input.name, { dtype: 'bool', dims, data: new Uint8Array(elementCount(dims)).fill(begins ? 0 : 1) }]
      return [input.name, { dtype: input.dtype, dims, data: elements(input, dims, random, options) }]
    }),
  )
  return comingFrom(RANDOM, feeds)
}

/**
 * Rows of a decoder, its tokens, and how many of its cache it goes on behind; null for a model without tokens or a
 * cache that grows.
 */
function decodingSizes(inputs: readonly PortValue[], options: RandomFeedsOptions, begins: boolean) {
  const tokens = tokenInputOf(inputs)
  const cache = inputs.find((input) => cacheAxis(input) !== null)
  if (!tokens || !cache) return null
  const [rows = 1, now = 1] = dimsOf(tokens, options)
  const counts: TokenCounts = { past: begins ? 0 : dimsOf(cache, options)[cacheAxis(cache)!]!, now }
  return { rows, counts }
}

const RANDOM = {
  where: 'random inputs',
  hint: 'Such values do not fit what the model computes: give rows that it is made for with --data.',
}

/** Rows, sizes and index ranges that a session accepts, found by trial; spread into `randomFeeds` with other seeds. */
export type FeasibleFeeds = {
  readonly [K in 'rows' | 'size' | 'sizes' | 'largestIndex']-?: NonNullable<RandomFeedsOptions[K]>
} & Pick<RandomFeedsOptions, 'channels'>

/** Common input sizes: images first where an input looks like one, sequence lengths first elsewhere. */
const IMAGE_SIZES = [224, 320, 32, 48, 640, 256, 64, 416, 512, 28]
const SEQUENCE_SIZES = [16, 32, 8, 128, 1, 64, 512, 256, 224, 320, 576, 1024, 16000]
const INDICES = [15, 1, 0]
/** Channels of a picture that says nothing of them: colours or gray, before or behind its height and width. */
const CHANNELS = [{ channels: [1, 3] }, { channels: [1, 1] }, { channels: [3, 3] }, { channels: [3, 1] }, {}] as const

/**
 * Finds inputs that the session runs on: tries sizes for the dimensions that are free, and smaller indices where it
 * refuses larger ones. Indices are tried at their largest, too, so that those of every other seed are accepted as well.
 * Sizes that the weights of its `model` settle are not left to trial where the model is at hand.
 *
 * @throws UserError `bad-argument` with the runtime's own complaint where nothing fits: the user must name shapes.
 */
export async function feasibleFeeds(
  session: Session,
  options: RandomFeedsOptions = {},
  model?: Model,
): Promise<{ readonly feeds: Feeds; readonly settings: FeasibleFeeds }> {
  const indexed = session.inputs.some((input) => /^u?int(32|64)$/.test(input.dtype))
  let complaint: UserError | null = null
  for (const settings of settingsToTry(session.inputs, options, model)) {
    const feeds = randomFeeds(session.inputs, { ...options, ...settings })
    try {
      if (indexed && settings.largestIndex > 0)
        await session.run(randomFeeds(session.inputs, { ...options, ...settings, largestOnly: true }))
      await session.run(feeds)
      return { feeds, settings }
    } catch (error) {
      if (!(error instanceof UserError) || error.code !== 'bad-data') throw error
      complaint ??= error
    }
  }
  throw new UserError(
    'bad-argument',
    `No random inputs were found that the model accepts. ${complaint?.message ?? ''}`.trim(),
    {
      where: session.inputs.map((input) => input.name).join(', '),
      hint:
        complaint?.hint === GRAPH_REFUSED
          ? GRAPH_REFUSED
          : `Name the shapes, as in --shape ${session.inputs[0]?.name ?? 'x'}=1,3,224,224, or give data.`,
      cause: complaint,
    },
  )
}

/** What random inputs are tried with, the likeliest first. */
function* settingsToTry(
  inputs: readonly PortValue[],
  options: RandomFeedsOptions,
  model: Model | undefined,
): Generator<FeasibleFeeds> {
  const images = inputs.some((input) => isImage(input))
  const indexed = inputs.some((input) => /^u?int(32|64)$/.test(input.dtype))
  const open = inputs.some((input) => freeAxes(input, options))
  const settled = open && model ? settledSizes(model) : {}
  // A size of a branch that is not taken may be another one: all sizes are tried behind those.
  for (const known of Object.keys(settled).length > 0 ? [settled, {}] : [{}]) {
    const sizes = { ...known, ...options.sizes }
    const left = { ...options, sizes }
    const free = inputs.some((input) => freeAxes(input, left))
    const forms = inputs.some((input) => isOpenPicture(input, left)) && !options.channels ? CHANNELS : [{}]
    for (const rows of options.rows === undefined ? [2, 1] : [options.rows])
      for (const largestIndex of options.largestIndex === undefined && indexed ? INDICES : [options.largestIndex ?? 15])
        for (const size of options.size === undefined && free
          ? images
            ? IMAGE_SIZES
            : SEQUENCE_SIZES
          : [options.size ?? 1])
          for (const form of forms) yield { rows, largestIndex, size, sizes, ...form }
  }
}

/**
 * Whether a dimension counts rows: the first one unless its symbol speaks of a length; any whose symbol says so; and the
 * only free one of a state (`[layers, ?, width]`).
 */
export function isRowAxis(input: PortValue, axis: number): boolean {
  const dim = input.shape?.[axis]
  if (typeof dim === 'number' || axis === cacheAxis(input)) return false
  if (typeof dim === 'string' && ROWS.test(dim)) return true
  if (typeof dim === 'string' && /seq|len|time|frame|past|width|height/i.test(dim)) return false
  if (axis === 0) return true
  return looksLikeState(input.name) && input.shape?.filter((other) => typeof other !== 'number').length === 1
}

const isImage = (input: PortValue) =>
  isFloating(input.dtype) && !looksLikeState(input.name) && (input.shape?.length === 4 || input.shape?.length === 5)

const freeAxes = (input: PortValue, { shapes, sizes }: RandomFeedsOptions) =>
  shapes?.[input.name] === undefined &&
  (input.shape ?? []).some(
    (dim, axis) =>
      typeof dim !== 'number' && !isRowAxis(input, axis) && sizes?.[dim ?? `${input.name}.${axis}`] === undefined,
  )

/** Whether nothing is known of a picture but that it is one. */
const isOpenPicture = (input: PortValue, { shapes, sizes }: RandomFeedsOptions): boolean =>
  isImage(input) &&
  input.shape?.length === 4 &&
  shapes?.[input.name] === undefined &&
  input.shape.every(
    (dim, axis) => axis === 0 || (typeof dim !== 'number' && sizes?.[dim ?? `${input.name}.${axis}`] === undefined),
  )

function dimsOf(input: PortValue, options: RandomFeedsOptions): readonly number[] {
  const { shapes, sizes, rows = 1, size = 16 } = options
  const given = shapes?.[input.name]
  const [channelAxis, channels] = (isOpenPicture(input, options) && options.channels) || []
  if (given) return given
  return (input.shape ?? [rows]).map((dim, axis) => {
    if (typeof dim === 'number') return dim
    const named = sizes?.[dim ?? `${input.name}.${axis}`]
    return named ?? (axis === channelAxis ? channels! : isRowAxis(input, axis) ? rows : size)
  })
}

function elements(
  input: PortValue,
  dims: readonly number[],
  random: RandomSource,
  { domains, largestIndex = 15, largestOnly = false }: RandomFeedsOptions,
): TensorValue['data'] {
  const count = elementCount(dims)
  const { dtype } = input
  if (dtype === 'string') return Array.from({ length: count }, () => WORDS[random.below(WORDS.length)] as string)
  const index = () => (largestOnly ? largestIndex : random.below(largestIndex + 1))
  const draw = drawer(input, domains?.[input.name], random, index)
  // The encoder rounds to the type's own precision, float16 included.
  const drawn = new Float64Array(count)
  for (let i = 0; i < count; i++) drawn[i] = draw()
  return encodeNumbers(dtype, drawn)
}

const WORDS = ['', 'a', 'the', 'red', 'seven', 'Straße', '42', 'x y']

function drawer(
  { dtype, name, shape }: PortValue,
  domain: readonly [number, number] | undefined,
  random: RandomSource,
  index: () => number,
): () => number {
  if (isFloating(dtype)) {
    if (domain) return () => domain[0] + (domain[1] - domain[0]) * random.uniform()
    if (looksLikeState(name)) return () => 0.1 * standardNormal(random)
    // 24 bits: float32 would round the largest of 32 bits up to 1.
    if (shape?.length === 4 || shape?.length === 5) return () => Math.floor(random.uniform() * 2 ** 24) / 2 ** 24
    return () => standardNormal(random)
  }
  if (domain) return () => domain[0] + random.below(Math.floor(domain[1]) - Math.ceil(domain[0]) + 1)
  if (/mask/i.test(name)) return () => 1
  if (/^sr$|sample_?rate/i.test(name)) return () => 16000
  if (dtype === 'bool') return () => random.below(2)
  const [low, high] = INTEGER_RANGES[dtype] ?? [0, 1]
  if (high <= 65535) return () => low + random.below(high - low + 1)
  return index
}
