import type { Feeds, PortValue, TensorValue } from '../engine/index.ts'
import { arrayTypeOf, elementCount, type NumericArray } from '../ir/index.ts'

/** What a decoder is fed when it reads a prompt, and when it writes one token behind it. */
export interface DecoderFeeds {
  readonly promptTokens: number
  readonly prefill: Feeds
  readonly decode: Feeds
}

const TOKENS = /^(input_ids|tokens|token_ids|ids)$/
const CACHE = /past/i

/**
 * Feeds of a language model with a key/value cache: `prefill` is a prompt of `promptTokens` on an empty cache, `decode`
 * one token on a cache of that many. Null where the model has no tokens or no cache among its inputs, or an input that
 * is neither. Token numbers are small ones that repeat; caches hold zeros, for the time does not depend on them.
 */
export function decoderFeeds(inputs: readonly PortValue[], promptTokens: number): DecoderFeeds | null {
  const tokens = inputs.find(({ name, dtype }) => TOKENS.test(name) && /^int(32|64)$/.test(dtype))
  const caches = inputs.filter(({ name, shape }) => CACHE.test(name) && shape?.length === 4)
  if (!tokens || caches.length === 0) return null
  const prefill = feedsFor(inputs, 0, promptTokens)
  const decode = feedsFor(inputs, promptTokens, 1)
  return prefill && decode ? { promptTokens, prefill, decode } : null
}

function feedsFor(inputs: readonly PortValue[], past: number, now: number): Feeds | null {
  const feeds: Record<string, TensorValue> = {}
  for (const input of inputs) {
    const { name, dtype, shape } = input
    const whole = (dims: readonly number[], at: (i: number) => number): TensorValue => {
      const data = new (arrayTypeOf(dtype))(elementCount(dims)) as NumericArray
      const wide = data instanceof BigInt64Array || data instanceof BigUint64Array
      for (let i = 0; i < data.length; i++) (data as unknown as (number | bigint)[])[i] = wide ? BigInt(at(i)) : at(i)
      return { dtype, dims, data }
    }
    if (TOKENS.test(name)) feeds[name] = whole([1, now], (i) => 3 + (i % 61))
    else if (name === 'position_ids') feeds[name] = whole([1, now], (i) => past + i)
    else if (name === 'attention_mask') feeds[name] = whole([1, past + now], () => 1)
    else if (/use_cache/.test(name)) feeds[name] = whole([1], () => (past > 0 ? 1 : 0))
    else if (CACHE.test(name) && shape?.length === 4) {
      // Rows come first; of the others, the one that is open is how many tokens the cache holds.
      const open = shape
        .map((dim, axis) => (axis > 0 && typeof dim !== 'number' ? axis : -1))
        .filter((axis) => axis > 0)
      if (open.length !== 1) return null
      const dims = shape.map((dim, axis) => (axis === open[0] ? past : typeof dim === 'number' ? dim : 1))
      feeds[name] = whole(dims, () => 0)
    } else return null
  }
  return feeds
}
