/*
 * y = MatMul(x, w)   ⇒   y = MatMul(Mul(x, 1 / s), s · w)
 * y = MatMul(x, w)   ⇒   y = Add(MatMul(Mul(x, 1 / s), s · w), MatMul(Gather(x, c), Gather(w, c))), with 1 / s and s 0 for c
 * The same function, with activations whose one scale no channel of outliers takes: sⱼ = max(1, rⱼ / r₍ₖ₎), with rⱼ the
 * reach of channel j and r₍ₖ₎ the k-th largest of them, for the k of which least noise is foretold. Channels below that
 * stay as they are: SmoothQuant's scales raise small channels too, and weights pay for it (an ALBERT in dynamic integers
 * keeps 18.2 dB as it is, 21.1 with the best powers, and 23.3 so). Where dividing leaves much, as in front of the second
 * product of a feed-forward layer, whose one huge channel meets huge weights, the largest few channels c are multiplied
 * by themselves in float. Needs a `channels` report.
 * For integers that are taken anew in each run: the Mul, a hundredth of the time of the products, stands in float in front
 * of their codes, whatever made x and whatever else reads it; a normalization that makes x for them alone has 1 / s in
 * its factors instead. Products of tied weights, and all that read what these read, share their scales, so that the
 * weights stay tied.
 * Illegal: weights that something else reads, values whose channels were not looked at.
 * Source: after G. Xiao et al., SmoothQuant, ICML 2023, section 4; X. Wei et al., Outlier Suppression+, EMNLP 2023;
 * T. Dettmers et al., LLM.int8(), NeurIPS 2022, section 3.2.
 */
import { inferTypes, makeNode, type Node, nodeLabel, tensorOf } from '../../../ir/index.ts'
import { exactly, type Refusal } from '../../../report/index.ts'
import { GraphEditor, type Pass, type PassResult } from '../../../rewrite/index.ts'
import { edited } from '../drop-unread.ts'
import { KEEP_FLOAT, keptAsAsked } from '../kept-as-asked.ts'
import {
  FEWEST_WEIGHTS,
  type ProductNode,
  type WeightedProduct,
  weightedProducts,
  weightsKey,
} from '../products/weighted-product.ts'
import { channelsFrom } from '../static/evidence.ts'
import { type ObservedChannels, peaksOf } from '../units/observed.ts'
import type { Around } from '../weights/channels-of-parts.ts'
import { readingWeights, scaledWeights } from '../weights/input-scales.ts'
import { noiseLeft } from '../weights/noise-left.ts'
import { isNormalization, scaleTaker } from '../weights/scale-taker.ts'
import { multipliedApart } from './multiplied-apart.ts'

export interface DivideOutliersOptions {
  /** Node names, first outputs or operator names that stay as they are. */
  readonly keepFloat?: readonly string[] | undefined
}

/** Ranks of the channel that none shall stand above, among those that are coded. */
const RANKS = [1, 2, 4, 8, 16, 32, 64]
/** How much of the noise of the products must be left at most to be worth a Mul. */
const WORTH_A_MUL = 0.7
/** How many of the largest channels may be multiplied apart. */
const APART = [0, 1, 2, 4, 8]
/**
 * What an Add of an output and what a multiplication in float take, in multiplications of integers (EPYC with VNNI), and
 * the share of the time of products that ten decibels less of their own noise are worth.
 */
const [ADDED, IN_FLOAT, TEN_DECIBELS] = [32, 4, 0.2]

export const divideOutliers: Pass<DivideOutliersOptions> = {
  id: 'divideOutliers',
  summary:
    'divides channels of outliers in front of products, or multiplies them apart in float, for integers taken in each run',
  options: exactly<DivideOutliersOptions>({ keepFloat: KEEP_FLOAT }),
  run(model, options, evidence): PassResult {
    const editor = new GraphEditor(model.graph)
    const around = { editor, types: inferTypes(model) }
    const seen = channelsFrom(evidence)
    const refused: Refusal[] = []
    let applied = 0
    const products = weightedProducts(model.graph.nodes, keptAsAsked(options.keepFloat), editor)
    for (const group of tiedGroups(products)) {
      const scales = scalesFor(group, seen, editor)
      if (typeof scales === 'string') refused.push({ node: nodeLabel(group[0]!.node), reason: scales })
      else applied += divide(group, scales, around)
    }
    return { model: edited(model, editor), report: { id: 'divideOutliers', applied, refused, options } }
  },
}

/** These products, those together that read one value or multiply by the same weights. */
function tiedGroups(products: readonly ProductNode[]): readonly (readonly ProductNode[])[] {
  const groups = new Map<string, readonly ProductNode[]>()
  for (const one of products) {
    const names = [`value ${one.node.inputs[0]}`, `weights ${one.node.inputs[1]}`]
    const joined = [...new Set(names.flatMap((name) => groups.get(name) ?? []))]
    const group = [...joined, one]
    for (const { node } of group) {
      groups.set(`value ${node.inputs[0]}`, group)
      groups.set(`weights ${node.inputs[1]}`, group)
    }
  }
  return [...new Set(groups.values())]
}

/** The scales of least noise for all products of a group, or why there are none. */
function scalesFor(
  group: readonly ProductNode[],
  seen: ReadonlyMap<string, ObservedChannels>,
  editor: GraphEditor,
): Float32Array | string {
  const nodes = new Set(group.map(({ node }) => node))
  const { rows } = group[0]!.product
  const values = [...new Set(group.map(({ node }) => node.inputs[0]!))].map((name) => seen.get(name))
  const known = values.filter((channels) => channels?.max.length === rows)
  if (known.length < values.length || group.some(({ product }) => product.rows !== rows))
    return 'its channels were not looked at'
  const other = group.flatMap(({ node }) => editor.consumers(node.inputs[1]!)).find((reader) => !nodes.has(reader))
  if (other) return `its weights are also read by ${nodeLabel(other)}`
  const weights = [...new Map(group.map(({ product }) => [weightsKey(product), product])).values()]
  return quietestScales(together(known as readonly ObservedChannels[]), weights) ?? NO_OUTLIERS
}

const NO_OUTLIERS = 'no channels stand out so far that a Mul would pay'

/** The scales of least noise, infinite for channels that are multiplied apart; undefined where none are worth it. */
function quietestScales(
  channels: Pick<ObservedChannels, 'min' | 'max' | 'mean'>,
  weights: readonly WeightedProduct[],
): Float32Array | undefined {
  const peaks = peaksOf(channels)
  const sorted = peaks.toSorted((a, b) => b - a)
  const leftWith = noiseLeft(channels, weights)
  let best: { readonly scales: Float32Array; readonly left: number } | undefined
  for (const apart of APART) {
    // So few that they stay in float.
    if (weights.some(({ columns }) => apart * columns >= FEWEST_WEIGHTS)) break
    const above = sorted[apart - 1] ?? Number.POSITIVE_INFINITY
    // Where others reach as far, as behind a limit, these few do not stand out.
    if ((sorted[apart] ?? above) === above) continue
    const share = (ADDED + IN_FLOAT * apart) / peaks.length
    let least = apart === 0 ? WORTH_A_MUL : 10 ** (-share / TEN_DECIBELS) * (best?.left ?? 1)
    for (const rank of RANKS) {
      const level = sorted[apart + rank - 1] ?? 0
      if (!(level > 0 && level < above)) continue
      const scales = Float32Array.from(peaks, (peak) =>
        peak >= above ? Number.POSITIVE_INFINITY : Math.max(1, peak / level),
      )
      const left = leftWith(scales)
      if (left < least) [best, least] = [{ scales, left }, left]
    }
  }
  return best?.scales
}

/** What was seen of several values, as if they were one. */
function together(all: readonly ObservedChannels[]): Pick<ObservedChannels, 'min' | 'max' | 'mean'> {
  const over = (key: 'min' | 'max' | 'mean', join: (...numbers: number[]) => number) =>
    all[0]![key].map((_, i) => join(...all.map((one) => one[key][i]!)))
  const mean = (...numbers: number[]) => numbers.reduce((sum, one) => sum + one, 0) / numbers.length
  return { min: over('min', Math.min), max: over('max', Math.max), mean: over('mean', mean) }
}

/** Lets the products of a group read their values divided; gives how many values these are. */
function divide(group: readonly ProductNode[], scales: Float32Array, around: Around): number {
  const { editor } = around
  const nodes = new Set(group.map(({ node }) => node))
  const [values, weights] = [new Map<string, string>(), new Map<string, string>()]
  const apart = multipliedApart(scales, editor)
  let factors: string | undefined
  for (const { node, product } of group) {
    const [value] = node.inputs as [string]
    const before: Node[] = []
    if (!values.has(value) && isDividedInFront(value, scales, nodes, around)) values.set(value, value)
    if (!values.has(value)) {
      factors ??= editor.addConstant(reciprocals(scales), `${group[0]!.node.inputs[0]}_factors`)
      const divided = editor.freshName(`${value}_divided`)
      before.push(makeNode('Mul', [value, factors], [divided], { name: divided }))
      values.set(value, divided)
    }
    const weight = weights.get(weightsKey(product)) ?? scaledWeights({ node, product }, scales, editor)
    weights.set(weightsKey(product), weight)
    const coded = readingWeights(node, values.get(value)!, weight)
    editor.replace(node, ...before, ...(apart?.({ node, product }, coded) ?? [coded]))
  }
  return values.size
}

const reciprocals = (scales: Float32Array) =>
  tensorOf(
    'float32',
    [scales.length],
    scales.map((scale) => 1 / scale),
  )

/**
 * Divides a value in the factors of the normalization that makes it for these products alone; false where none does.
 */
function isDividedInFront(value: string, scales: Float32Array, products: ReadonlySet<Node>, around: Around): boolean {
  const { editor } = around
  // What is multiplied apart reads it as it was.
  if (scales.includes(Number.POSITIVE_INFINITY)) return false
  const maker = editor.producer(value)
  const readers = editor.consumers(value)
  if (!maker || !isNormalization(maker) || editor.isOutput(value)) return false
  if (!readers.every((node) => products.has(node) && node.inputs.lastIndexOf(value) === 0)) return false
  const divideFactors = scaleTaker(value, scales.length, around)
  if (typeof divideFactors === 'string') return false
  divideFactors(scales)
  return true
}
