import { CLOSE_DB } from '../../evaluate/index.ts'
import type { QuantizationReport, Scheme } from '../../report/index.ts'

/** Layers that are named: the noisiest tell where to begin. */
const NAMED = 3

/** What helps a scheme that is too coarse for a model. */
const ADVICE: Readonly<Record<Scheme, string>> = {
  'static-int8':
    'whet optimize with data finds what must stay in float; or --equalise 1 (channels that differ much in size, as in depthwise networks), --smooth 0.5 (outlier channels, as in transformers), --calibration least-noise, --keep-float with the noisiest nodes, or --scheme dynamic-int8',
  'dynamic-int8': '--keep-float with the noisiest nodes, or --scheme weight-int8, which leaves activations in float',
  'weight-int8': '--accuracy-level 0, a smaller --group, or --keep-float with the noisiest nodes',
  'weight-int4':
    'a smaller --group, --rounding gptq or learned with data, --keep-float with the noisiest nodes, or --scheme weight-int8',
  float16: '--keep-float with the noisiest nodes',
}

/** That the outputs are noisier than `close` allows, where, and what to do; nothing where they are not. */
export function noiseWarning({
  scheme,
  sqnrDb,
  sqnrSamples,
  layers,
}: Pick<QuantizationReport, 'scheme' | 'sqnrDb' | 'sqnrSamples' | 'layers'>): readonly string[] {
  if (sqnrDb === null || sqnrDb >= CLOSE_DB) return []
  const seen =
    sqnrSamples === undefined
      ? ''
      : ` on the ${sqnrSamples} ${sqnrSamples === 1 ? 'sample' : 'samples'} that were looked at`
  const noisy = layers.flatMap((layer) => (layer.sqnrDb === null ? [] : [{ ...layer, sqnrDb: layer.sqnrDb }]))
  // A loop or a split has a layer for each of its outputs, the noisiest first.
  const once = noisy.filter(({ name }, i) => noisy.findIndex((layer) => layer.name === name) === i)
  const noisiest = once.filter((layer) => layer.sqnrDb < CLOSE_DB).slice(0, NAMED)
  const where =
    noisiest.length === 0
      ? ''
      : ` (the noisiest: ${noisiest.map((layer) => `${layer.name}: ${layer.sqnrDb.toFixed(1)} dB`).join(', ')})`
  return [
    `the outputs keep ${sqnrDb.toFixed(1)} dB${seen}, and ${CLOSE_DB} dB are what a model that stays close keeps${where}; whet compare tells what it costs; what helps: ${ADVICE[scheme]}`,
  ]
}
