import { besideTokens, isCacheFlag, looksLikeState, type TokenCounts, tokenInputOf } from '../../data/index.ts'
import type { Feeds, PortValue, TensorValue } from '../../engine/index.ts'
import { arrayTypeOf, elementCount, encodeNumbers, fitsShape, isFloating, type NumericArray } from '../../ir/index.ts'
import { UserError } from '../../platform/index.ts'

/** What a decoder is fed when it reads a prompt, and when it writes one token behind it. */
export interface DecoderFeeds {
  readonly promptTokens: number
  readonly prefill: Feeds
  readonly decode: Feeds
}

/** Small token numbers, which every vocabulary has, that repeat. */
const tokenAt = (place: number) => 3 + (place % 13)

/**
 * Feeds of a language model with a key/value cache: `prefill` is a prompt of `promptTokens` on an empty cache, `decode`
 * one token on a cache of that many. Null where the model has no tokens or no cache among its inputs. Caches, and what an
 * encoder gives (of `promptTokens` places), hold zeros, for the time does not depend on them.
 *
 * @throws UserError for a decoder with an input of which nothing is known.
 */
export function decoderFeeds(inputs: readonly PortValue[], promptTokens: number): DecoderFeeds | null {
  if (!isDecoder(inputs)) return null
  return {
    promptTokens,
    prefill: feedsFor(inputs, { past: 0, now: promptTokens }, promptTokens),
    decode: feedsFor(inputs, { past: promptTokens, now: 1 }, promptTokens),
  }
}

/** Whether a model reads tokens behind those of a cache that grows. */
const isDecoder = (inputs: readonly PortValue[]): boolean =>
  tokenInputOf(inputs) !== undefined && inputs.some((input) => cacheAxis(input) !== null)

/** Of an encoder, in what a decoder takes: its outputs, their mask, and the keys and values made of them. */
const ENCODER = /encoder/i
/** What the axis of rows is called. */
export const ROWS = /batch|^n$|^b$/i

/**
 * The axis along which a cache of keys and values grows with the tokens, whatever an exporter calls its size: of four or
 * more axes (`[rows, heads, past, width]`, `[2, rows, heads, past, width]`), the one that is open beside the rows. Null
 * for any other input, and where several are open. Caches of an encoder's outputs do not grow.
 */
export function cacheAxis({ name, shape }: PortValue): number | null {
  if (!/past|cache/i.test(name) || ENCODER.test(name) || !shape || shape.length < 4) return null
  const open = shape.flatMap((dim, axis) => (typeof dim === 'number' ? [] : [axis]))
  const named = open.find((axis) => ROWS.test(`${shape[axis] ?? ''}`))
  const rows = named ?? (open.length > 1 || open[0] === 0 ? open[0] : undefined)
  const others = open.filter((axis) => axis !== rows)
  return others.length === 1 ? others[0]! : null
}

/**
 * What an input holds that follows from the number of tokens (positions, masks, lengths), the same for all `rows`; null
 * for others, and where its shape is not that of such an input.
 */
export function besideFeed(input: PortValue, rows: number, counts: TokenCounts): TensorValue | null {
  const cell = besideTokens(input.name, counts)
  if (!cell || input.dtype === 'string') return null
  const whole = input.shape?.length === cell.dims.length
  if (!whole && input.shape && input.shape.length !== cell.dims.length + 1) return null
  // A length of shape [1] is one for all rows.
  const times = whole || (cell.dims.length === 0 && input.shape?.[0] === 1) ? 1 : rows
  const values = Array.from({ length: times }, () => Array.from(cell.data as BigInt64Array, Number)).flat()
  const dims = whole ? cell.dims : [times, ...cell.dims]
  return fitting(input, { dtype: input.dtype, dims, data: encodeNumbers(input.dtype, Float64Array.from(values)) })
}

function feedsFor(inputs: readonly PortValue[], counts: TokenCounts, encoded: number): Feeds {
  const tokens = tokenInputOf(inputs)
  const feeds: Record<string, TensorValue> = {}
  for (const input of inputs) {
    const feed = input === tokens ? numbers(input, [1, counts.now], tokenAt) : feedFor(input, counts, encoded)
    if (!feed)
      throw new UserError('bad-data', `what the input "${input.name}" holds for ${counts.now} tokens is not known`, {
        where: input.name,
      })
    feeds[input.name] = feed
  }
  return feeds
}

/** What an input beside the tokens holds; null where nothing is known of it. */
function feedFor(input: PortValue, counts: TokenCounts, encoded: number): TensorValue | null {
  const { name, dtype, shape } = input
  const zeros = (open: (axis: number) => number): TensorValue => {
    const dims = (shape ?? []).map((dim, axis) => (typeof dim === 'number' ? dim : open(axis)))
    return { dtype, dims, data: new (arrayTypeOf(dtype))(elementCount(dims)) as NumericArray }
  }
  if (isCacheFlag(input)) return numbers(input, [1], () => (counts.past > 0 ? 1 : 0))
  const growing = cacheAxis(input)
  if (growing !== null) return zeros((axis) => (axis === growing ? counts.past : 1))
  if (name === 'encoder_attention_mask') return numbers(input, [1, encoded], () => 1)
  if (isFloating(dtype) && ENCODER.test(name)) return zeros((axis) => (axis === 0 ? 1 : encoded))
  if (isFloating(dtype) && looksLikeState(name)) return zeros(() => 1)
  return besideFeed(input, 1, counts)
}

function numbers(input: PortValue, dims: readonly number[], at: (place: number) => number): TensorValue | null {
  const values = Float64Array.from({ length: elementCount(dims) }, (_, place) => at(place))
  return fitting(input, { dtype: input.dtype, dims, data: encodeNumbers(input.dtype, values) })
}

/** The value, where it has the sizes that the input fixes. */
const fitting = ({ shape }: PortValue, value: TensorValue): TensorValue | null =>
  fitsShape(value.dims, shape) ? value : null
