import type { PortValue } from '../../engine/index.ts'
import { decoderFeeds, type LatencyOptions, type LatencySubject, measureLatency } from '../../evaluate/index.ts'
import type { LatencyReport } from '../../report/index.ts'

/** Tokens of the prompt that is read, and that the cache holds when the next token is written. */
const PROMPT_TOKENS = 64

/**
 * Reading a prompt and writing a token, timed apart, for models with a key/value cache; undefined for others. The two
 * have little in common: one multiplies matrices, the other reads every weight for a single vector.
 */
export async function benchDecoder(
  models: readonly LatencySubject[],
  ports: readonly PortValue[],
  options: LatencyOptions,
): Promise<LatencyReport['decoding']> {
  const feeds = decoderFeeds(ports, PROMPT_TOKENS)
  if (!feeds) return undefined
  const seconds = (options.maxSeconds ?? 10) / 2
  const prefill = (await measureLatency(models, feeds.prefill, { ...options, maxSeconds: seconds })).report
  const decode = (await measureLatency(models, feeds.decode, { ...options, maxSeconds: seconds })).report
  const phase = ({ p50Ms, p90Ms, p99Ms }: LatencyReport['models'][number], tokens: number) => ({
    p50Ms,
    p90Ms,
    p99Ms,
    tokensPerSecond: (1000 * tokens) / p50Ms,
  })
  return {
    promptTokens: PROMPT_TOKENS,
    models: prefill.models.map((model, i) => ({
      path: model.path,
      prefill: phase(model, PROMPT_TOKENS),
      decode: phase(decode.models[i]!, 1),
    })),
    ratios: { prefill: prefill.ratios, decode: decode.ratios },
  }
}
