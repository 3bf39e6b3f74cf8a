import { channelBlock, type IsolatedPlacement, limitsAreFaster, machine, productsSaturate } from '../../engine/index.ts'
import type { Model } from '../../ir/index.ts'
import type { StaticInt8Options } from '../../passes/index.ts'
import type { ChannelBlock, ProcessorReport, Target } from '../../report/index.ts'
import { BLOCK } from '../../rewrite/index.ts'
import { LEAN } from '../lean.ts'
import type { RunsOn } from '../runs-on.ts'
import type { EvidenceCache } from './evidence-cache.ts'

/**
 * Whether products of codes saturate in 16 bits there (see `productsSaturate`), as the runtime said it in this process,
 * or in another one by the cache: asking takes 0.3 s of processor time, 0.03 where a process is there already.
 */
export async function saturatesOn(
  { runtime, open }: RunsOn,
  cache: EvidenceCache,
  placement?: IsolatedPlacement,
): Promise<boolean> {
  const { saturates } = await kept(cache, runtime, 'whether products saturate', async () => ({
    saturates: await productsSaturate(runtime, (model) => open(model, LEAN, placement)),
  }))
  return saturates!
}

/** What is asked and kept in the same way: channels of a block (see `channelBlock`) where this model shall run. */
export async function blockOn(
  target: Target,
  { graph }: Model,
  cache: EvidenceCache,
  placement?: IsolatedPlacement,
): Promise<ChannelBlock> {
  // Only this machine is known, and only convolutions are computed in blocks.
  if (target !== 'native' || !graph.nodes.some(({ opType }) => opType === 'Conv')) return BLOCK
  const { block } = await kept(cache, machine().runtime, 'channels of a block', async () => ({
    block: await channelBlock(placement),
  }))
  return block!
}

/**
 * How gates of HardSwish stand in static integers of this model (see `PlanOptions.curves`): as was measured to take less
 * time on this machine, kernel against kernel.
 */
export async function curvesOn(
  target: Target,
  { graph }: Model,
  cache: EvidenceCache,
): Promise<StaticInt8Options['curves']> {
  if (target !== 'native' || !graph.nodes.some(({ opType }) => opType === 'HardSwish')) return undefined
  const { limits } = await kept(cache, machine().runtime, 'limits beside a table', async () => ({
    limits: await limitsAreFaster(),
  }))
  return limits ? 'limits' : undefined
}

type Answer = Pick<ProcessorReport, 'saturates' | 'block' | 'limits'>

function kept(
  cache: EvidenceCache,
  runtime: string,
  measure: string,
  ask: () => Promise<Answer>,
): Promise<ProcessorReport> {
  const { cpu, node } = machine()
  const place = { cpu, runtime }
  // WebAssembly is computed as this Node does it.
  return cache.get({ measure, ...place, node }, async () => ({
    kind: 'processor',
    version: 1,
    ...place,
    ...(await ask()),
  }))
}
