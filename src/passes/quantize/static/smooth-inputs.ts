/*
 * x = LayerNorm(h, g, b)  y = MatMul(x, w)   ⇒   x = LayerNorm(h, g / s, b / s)  y = MatMul(x, s · w)
 * The same function, with activations that need no codes for a few channels of outliers: a static int8 value has one
 * scale, and the greatest channel takes it. sⱼ = max|xⱼ|^α / max|wⱼ|^(1−α), over the rows j of all weights that read x;
 * α = 0.5 shares the difficulty, more moves more of it into the weights. The scales go into what makes x (a
 * normalization, a Mul, the columns of a product), so that nothing is added to the graph. Needs a `channels` report,
 * and ranges measured afterwards.
 * Where others read x as well, as the residual behind a LayerNorm does, or x is an output of the graph, they read it
 * multiplied by s again, one node more: only where the noise of the products falls by half.
 * Illegal: nothing in front of x can take the scales.
 * Source: G. Xiao et al., SmoothQuant, ICML 2023, equation 4 and section 4.
 */
import { inferTypes, magnitudes, makeNode, type Node, nodeLabel, tensorOf } from '../../../ir/index.ts'
import { exactly, number, optional, type Refusal, within } from '../../../report/index.ts'
import { GraphEditor, type Pass, type PassResult } from '../../../rewrite/index.ts'
import { edited } from '../drop-unread.ts'
import { KEEP_FLOAT, KEPT, keptAsAsked } from '../kept-as-asked.ts'
import { type ObservedChannels, peaksOf } from '../units/observed.ts'
import type { Around } from '../weights/channels-of-parts.ts'
import { type ScaledReader, scalable, scaleWeights } from '../weights/input-scales.ts'
import { noiseLeft } from '../weights/noise-left.ts'
import { scaleTaker } from '../weights/scale-taker.ts'
import { channelsFrom } from './evidence.ts'

export interface SmoothOptions {
  /** How much of the difficulty moves from activations into weights, 0 … 1; 0.5 by default. */
  readonly alpha?: number | undefined
  /** Node names, first outputs or operator names that stay as they are. */
  readonly keepFloat?: readonly string[] | undefined
}

export const smoothInputs: Pass<SmoothOptions> = {
  id: 'smoothInputs',
  summary: 'moves channels of outliers from activations into weights, so that both fit into 8 bits (SmoothQuant)',
  options: exactly<SmoothOptions>({ alpha: optional(within(number, 0, 1)), keepFloat: KEEP_FLOAT }),
  run(model, options, evidence): PassResult {
    const editor = new GraphEditor(model.graph)
    const types = inferTypes(model)
    const refused: Refusal[] = []
    let applied = 0
    for (const [name, seen] of channelsFrom(evidence)) {
      const readers = editor.consumers(name).map((node) => ({ node, product: scalable(node, name, editor) }))
      // Values that no matrix product reads are none of this pass's business.
      if (readers.every(({ product }) => 'refused' in product)) continue
      const reason = smooth(name, seen, readers, options, { editor, types })
      if (reason === undefined) applied++
      else refused.push({ node: nodeLabel(readers[0]!.node), reason })
    }
    return { model: edited(model, editor), report: { id: 'smoothInputs', applied, refused, options } }
  },
}

interface Reader {
  readonly node: Node
  readonly product: ReturnType<typeof scalable>
}

/** Moves the outliers of a value into the weights of the products that read it, or says why it does not. */
function smooth(
  name: string,
  seen: ObservedChannels,
  readers: readonly Reader[],
  { alpha = 0.5, keepFloat }: SmoothOptions,
  around: Around,
): string | undefined {
  const { editor } = around
  const kept = keptAsAsked(keepFloat)
  const taking = readers.flatMap(({ node, product }) => ('refused' in product || kept(node) ? [] : [{ node, product }]))
  if (taking.length === 0) return KEPT.refused
  const divide = scaleTaker(name, seen.mean.length, around)
  if (typeof divide === 'string') return divide
  const products = taking.map(({ product }) => product)
  const scales = smoothingScales(seen, products, alpha)
  if (!scales) return 'its channels are not those of the weights'
  const other = readers.find(({ node }) => !taking.some((reader) => reader.node === node))
  const apart = other !== undefined || editor.isOutput(name)
  if (apart && noiseLeft(seen, products)(scales) > WORTH_A_MUL) {
    const by = other ? `read by ${nodeLabel(other.node)} as well` : 'an output of the graph as well'
    return `its input is ${by}, and the noise would not fall by half, which a Mul for that must be worth`
  }
  divide(scales)
  const input = apart ? scaledApart(name, scales, editor) : name
  for (const { node } of taking) {
    const reader = { ...node, inputs: [input, ...node.inputs.slice(1)] }
    if (apart) editor.replace(node, reader)
    scaleWeights(apart ? reader : node, input, scales, editor)
  }
  return undefined
}

/**
 * How much of the noise that rounding makes of products must be left at most where somebody else reads their input,
 * so that it is multiplied back: one more kernel, which takes a few hundredths of the time of the products.
 */
const WORTH_A_MUL = 0.5

/** Lets what makes `value` make it divided, under another name, and gives whatever reads `value` what it was. */
function scaledApart(value: string, scales: Float32Array, editor: GraphEditor): string {
  const maker = editor.producer(value)!
  const divided = editor.freshName(`${value}_divided`)
  const factors = editor.addConstant(tensorOf('float32', [scales.length], scales), `${value}_scales`)
  const outputs = maker.outputs.map((name) => (name === value ? divided : name))
  const back = makeNode('Mul', [divided, factors], [value], { name: editor.freshName(`${value}_multiplied`) })
  editor.replace(maker, { ...maker, outputs }, back)
  return divided
}

/** One scale a channel; 1 where a channel or its weights are nothing but zeros. */
function smoothingScales(
  seen: ObservedChannels,
  products: readonly ScaledReader[],
  alpha: number,
): Float32Array | null {
  if (products.some(({ rows }) => rows !== seen.max.length)) return null
  const largest = products.map(({ values, rows, columns }) => magnitudes(values, [rows, columns], 0))
  return Float32Array.from(peaksOf(seen), (peak, channel) => {
    const weight = Math.max(...largest.map((rows) => rows[channel]!))
    return peak > 0 && weight > 0 ? peak ** alpha / weight ** (1 - alpha) : 1
  })
}
