/*
 * x = LayerNorm(h, g, b)  y = MatMul(x, w)   ⇒   x = LayerNorm(h, g / s, b / s)  y = MatMul(x, s · w)
 * The same function, with activations that need no codes for a few channels of outliers: a static int8 value has one
 * scale, and the greatest channel takes it. sⱼ = max|xⱼ|^α / max|wⱼ|^(1−α), over the rows j of all weights that read x;
 * α = 0.5 shares the difficulty, more moves more of it into the weights. The scales go into what makes x (a
 * normalization, a Mul, the columns of a product), so that nothing is added to the graph. Needs a `channels` report,
 * and ranges measured afterwards.
 * Illegal: somebody else reads x, or it is an output of the graph; nothing in front of it can take the scales.
 * Source: G. Xiao et al., SmoothQuant, ICML 2023, equation 4 and section 4.
 */
import { inferTypes, nodeLabel } from '../../../ir/index.ts'
import type { Refusal } from '../../../report/index.ts'
import { GraphEditor, type Pass, type PassResult } from '../../../rewrite/index.ts'
import { dropUnread } from '../drop-unread.ts'
import { KEPT, keptAsAsked } from '../kept-as-asked.ts'
import type { ObservedChannels } from '../units/plan-options.ts'
import { type ScaledReader, scalable, scaleWeights } from '../weights/input-scales.ts'
import { scaleTaker } from '../weights/scale-taker.ts'
import { channelsFrom } from './quantize-static-int8.ts'

export interface SmoothOptions {
  /** How much of the difficulty moves from activations into weights, 0 … 1; 0.5 unless said. */
  readonly alpha?: number | undefined
  /** Node names, first outputs or operator names that stay as they are. */
  readonly keepFloat?: readonly string[] | undefined
}

export const smoothInputs: Pass<SmoothOptions> = {
  id: 'smoothInputs',
  summary: 'moves channels of outliers from activations into weights, so that both fit into 8 bits (SmoothQuant)',
  run(model, options, evidence): PassResult {
    const { alpha = 0.5 } = options
    const editor = new GraphEditor(model.graph)
    const types = inferTypes(model)
    const kept = keptAsAsked(options.keepFloat)
    const refused: Refusal[] = []
    let applied = 0
    for (const [name, seen] of channelsFrom(evidence)) {
      const readers = editor.consumers(name)
      const products = readers.map((node) => scalable(node, name, editor))
      const [first] = readers
      // Values that no matrix product reads are none of this pass's business.
      if (!first || !products.some((product) => !('refused' in product))) continue
      const refuse = (reason: string) => refused.push({ node: nodeLabel(first), reason })
      const odd = products.find((product) => 'refused' in product)
      const maker = scaleTaker(name, seen.mean.length, editor, types)
      if (editor.isOutput(name)) refuse('its input is an output of the graph')
      else if (readers.some(kept)) refuse(KEPT.refused)
      else if (odd && 'refused' in odd) refuse(odd.refused)
      else if (typeof maker === 'string') refuse(maker)
      else {
        const scales = smoothing(seen, products as readonly ScaledReader[], alpha)
        if (!scales) {
          refuse('its channels are not those of the weights')
          continue
        }
        maker(scales)
        for (const node of editor.consumers(name)) scaleWeights(node, name, scales, editor)
        applied++
      }
    }
    const report = { id: 'smoothInputs', applied, refused, options }
    if (applied === 0) return { model, report }
    return { model: dropUnread(model, { ...model, graph: editor.finish() }), report }
  },
}

/** One scale a channel; 1 where a channel or its weights are nothing but zeros. */
function smoothing(
  { min, max }: ObservedChannels,
  products: readonly ScaledReader[],
  alpha: number,
): Float32Array | null {
  if (products.some(({ rows }) => rows !== max.length)) return null
  const weights = new Float64Array(max.length)
  for (const { values, columns } of products)
    for (let i = 0; i < values.length; i++) {
      const row = Math.floor(i / columns)
      const size = Math.abs(values[i]!)
      if (size > weights[row]!) weights[row] = size
    }
  return Float32Array.from(max, (high, channel) => {
    const reach = Math.max(Math.abs(high), Math.abs(min[channel]!))
    const weight = weights[channel]!
    return reach > 0 && weight > 0 ? reach ** alpha / weight ** (1 - alpha) : 1
  })
}
