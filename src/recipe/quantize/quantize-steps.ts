import {
  KERNEL_REPAIRS,
  LAYOUT_REPAIRS,
  RECURRENT_ONLY,
  SATURATING_REPAIRS,
  type StaticInt8Options,
} from '../../passes/index.ts'
import type { PassRun, Report, Scheme } from '../../report/index.ts'
import { BLOCK } from '../../rewrite/index.ts'
import type { Step, Trail } from '../trail.ts'
import { layoutSteps } from './layout-steps.ts'
import type { QuantizeOptions } from './quantize-options.ts'
import { weightOptions } from './weight-choices.ts'

/** The pass of each scheme. */
const PASS_OF: Readonly<Record<Scheme, string>> = {
  'static-int8': 'quantizeStaticInt8',
  'dynamic-int8': 'quantizeDynamicInt8',
  'weight-int8': 'quantizeWeights',
  'weight-int4': 'quantizeWeights',
  float16: 'convertFloat16',
}

/** The steps that quantize by this scheme, given its evidence: the scheme's own pass, and what mends its kernels. */
export function quantizeSteps(options: QuantizeOptions, evidence: readonly Report[]): readonly [Step, ...Step[]] {
  const step = quantizeStep(options, evidence)
  const { scheme, target, recurrent, saturates, block = BLOCK, fill = [] } = options
  const codes = options.pass?.target ?? target
  const held = heldWeights({ ...options, scheme: 'dynamic-int8' }).target ?? codes
  const layers: Step[] =
    scheme === 'static-int8' && recurrent
      ? [{ pass: PASS_OF['dynamic-int8'], options: { ...RECURRENT_ONLY, ...(held ? { target: held } : {}) } }]
      : []
  // These are about the native kernels; in WebAssembly they gain nothing.
  const repairs = target === 'web' ? [] : scheme === 'static-int8' ? KERNEL_REPAIRS : LAYOUT_REPAIRS
  const exact = codes !== 'portable' && !saturates
  const allowed = exact ? repairs : repairs.filter((pass) => !SATURATING_REPAIRS.includes(pass))
  return [step, ...layers, ...fill, ...layoutSteps(allowed, block)]
}

/** What the scheme's own pass said. */
export function quantizationRun({ runs }: Trail, scheme: Scheme): PassRun {
  const run = runs.findLast(({ id }) => id === PASS_OF[scheme])
  if (!run) throw new Error(`internal: nothing ran for ${scheme}`)
  return run
}

/**
 * How weights stand where products saturate. Static integers: so small that none does with what calibration saw, which
 * loses next to nothing against full range where sums are exact (a super-resolution network keeps 39.4 of 39.4 dB, where
 * full range is left with 36.7, and weights for any codes with 34.2). Dynamic ones, whose scales let every value reach the
 * last code: so small that none does with any.
 */
function heldWeights({
  scheme,
  target,
  saturates,
  pass,
}: QuantizeOptions): Pick<StaticInt8Options, 'within16' | 'target'> {
  if (!saturates || target === 'portable' || pass?.target !== undefined) return {}
  if (scheme === 'static-int8') return { within16: 'seen' }
  return scheme === 'dynamic-int8' ? { target: 'portable' } : {}
}

/** The scheme's own pass. */
export function quantizeStep(options: QuantizeOptions, evidence: readonly Report[]): Step {
  const { scheme, keepFloat, target, curves } = options
  const bits = scheme === 'weight-int8' ? { bits: 8 } : scheme === 'weight-int4' ? { bits: 4 } : {}
  return {
    pass: PASS_OF[scheme],
    options: {
      ...bits,
      ...(scheme.startsWith('weight') ? weightOptions(options) : {}),
      ...(keepFloat?.length ? { keepFloat } : {}),
      ...(target && target !== 'native' ? { target } : {}),
      ...(evidence.some(({ kind }) => kind === 'channels') ? { correctBias: true } : {}),
      // Said in the recipe, so that older recipes keep their bytes.
      ...(scheme === 'static-int8' ? { rounding: options.rounding === 'learned' ? 'learned' : 'sums' } : {}),
      ...(scheme === 'dynamic-int8' || scheme === 'static-int8' ? { tables: 'stored' } : {}),
      ...(scheme === 'static-int8' && curves ? { curves } : {}),
      ...heldWeights(options),
      ...options.pass,
    },
    ...(evidence.length > 0 ? { evidence: evidence.map((report) => ({ report })) } : {}),
  }
}
