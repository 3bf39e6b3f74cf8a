import { elementCount, type Model } from '../../../ir/index.ts'
import type { Evidence } from '../../../rewrite/index.ts'
import type { StaticInt8Options } from '../static/quantize-static-int8.ts'
import { mostCode } from '../units/plan-options.ts'
import { formWriter } from './form-writer.ts'
import { type RoundedValue, roundValues } from './round-values.ts'
import { roundableStatic } from './roundable-weights.ts'

/** Weights that are rounded under learned scales. */
export interface TunedWeight {
  readonly name: string
  /** The initializer whose exponential multiplies the scales. */
  readonly logScales: string
  /** The scales before learning, one a channel. */
  readonly scales: Float32Array
}

/** A float model that rounds as the integer one will, so that its scales and weights can learn. */
export interface TuningForm {
  readonly model: Model
  readonly values: readonly RoundedValue[]
  readonly weights: readonly TunedWeight[]
  /** What the gradient of each logarithm of a scale is multiplied with, by its initializer. */
  readonly factors: ReadonlyMap<string, number>
}

/**
 * The float model as static int8 with these options will see it, in a form that learns: values as in `roundValues`, and
 *
 *     w  ⇒  s·Round(Clip(w / s, −q, q)),  s = s₀·exp(t), one a channel
 *
 * with rounding straight-through; q is 127, or 7 for weights of 4 bits. Gradients of scales are divided by √(n·Q): n
 * numbers share the scale, Q is the largest code. Source: Esser et al. 2020, "Learned Step Size Quantization", section
 * 2.2. `elements` holds the numbers of one row of each value.
 */
export function tuningForm(
  model: Model,
  options: StaticInt8Options,
  evidence: readonly Evidence[],
  elements: (value: string) => number,
): TuningForm {
  const largest = mostCode(options)
  const rounded = roundValues(model, options, evidence, true)
  const roundable = roundableStatic(model, options, evidence).weights
  const { nodes: before, initializers, constant, op } = formWriter(rounded.model.graph)
  const factors = new Map<string, number>()
  for (const { name, logScale } of rounded.values)
    if (logScale) factors.set(logScale, 1 / Math.sqrt(Math.max(1, elements(name)) * 255))
  const readAs = new Map<string, string>()
  const weights: TunedWeight[] = []
  const most = constant('tuning/most', [], Float32Array.of(largest))
  const least = constant('tuning/least', [], Float32Array.of(-largest))
  for (const { name, dims, unit, scales } of roundable) {
    if (!scales) continue
    const id = `tuning/${name}`
    const logScales = constant(`${id}/log_scale`, unit.dims, new Float32Array(scales.length))
    const start = constant(`${id}/start`, unit.dims, scales)
    const scale = op('Mul', [start, op('Exp', [logScales], `${id}/factor`)], `${id}/scale`)
    const cut = op('Clip', [op('Div', [name, scale], `${id}/ratio`), least, most], `${id}/cut`)
    readAs.set(name, op('Mul', [op('Round', [cut], `${id}/code`), scale], `${id}/rounded`))
    factors.set(logScales, 1 / Math.sqrt((elementCount(dims) / scales.length) * largest))
    weights.push({ name, logScales, scales })
  }
  const nodes = rounded.model.graph.nodes.map((node) =>
    node.inputs.some((name) => readAs.has(name))
      ? { ...node, inputs: node.inputs.map((name) => readAs.get(name) ?? name) }
      : node,
  )
  const graph = { ...rounded.model.graph, nodes: [...before, ...nodes], initializers }
  return { model: { ...rounded.model, graph }, values: rounded.values, weights, factors }
}
