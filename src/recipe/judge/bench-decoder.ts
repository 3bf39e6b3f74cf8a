import type { PortValue } from '../../engine/index.ts'
import {
  type DecoderFeeds,
  decoderFeeds,
  type LatencyOptions,
  type LatencySubject,
  measureLatency,
} from '../../evaluate/index.ts'
import { UserError } from '../../platform/index.ts'
import type { LatencyReport } from '../../report/index.ts'

/** Tokens of the prompt that is read, and that the cache holds when the next token is written. */
const PROMPT_TOKENS = 64

/**
 * Reading a prompt and writing a token, timed apart, for models with a key/value cache; nothing for others, and a
 * warning where it cannot be told what such a model is to be fed or it does not run on that. The two have little in
 * common: one multiplies matrices, the other reads every weight for a single vector.
 */
export async function benchDecoder(
  models: readonly LatencySubject[],
  ports: readonly PortValue[],
  options: LatencyOptions,
): Promise<Pick<LatencyReport, 'decoding'> & { readonly warnings: readonly string[] }> {
  try {
    const feeds = decoderFeeds(ports, PROMPT_TOKENS)
    return { ...(feeds ? { decoding: await timedApart(models, feeds, options) } : {}), warnings: [] }
  } catch (error) {
    if (!(error instanceof UserError) || error.code !== 'bad-data') throw error
    return { warnings: [`${UNTIMED}: ${error.message}`] }
  }
}

const UNTIMED = `reading ${PROMPT_TOKENS} tokens and writing one were not timed apart`

async function timedApart(
  models: readonly LatencySubject[],
  feeds: DecoderFeeds,
  options: LatencyOptions,
): Promise<NonNullable<LatencyReport['decoding']>> {
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
