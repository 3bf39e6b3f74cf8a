import type { IsolatedPlacement } from '../../engine/index.ts'
import { noCache } from '../evidence/evidence-cache.ts'
import { saturatesOn } from '../evidence/processor.ts'
import type { RunsOn } from '../runs-on.ts'
import type { QuantizeOptions } from './quantize-options.ts'

/** Whether a scheme multiplies unsigned codes with signed ones. */
const MULTIPLIES: readonly string[] = ['static-int8', 'dynamic-int8']

/** Whether products of codes saturate where a model of these options shall run, as far as that matters to it. */
export async function saturatesHere(
  place: RunsOn,
  { scheme, target, saturates, pass, cache = noCache }: QuantizeOptions,
  placement?: IsolatedPlacement,
): Promise<boolean> {
  if (!MULTIPLIES.includes(scheme) || target === 'portable' || pass?.target !== undefined) return false
  return saturates ?? saturatesOn(place, cache, placement)
}
