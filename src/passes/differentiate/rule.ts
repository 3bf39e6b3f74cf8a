import type { Graph, Node } from '../../ir/index.ts'
import { sumTo } from './broadcast.ts'
import type { GradientWriter } from './gradient-writer.ts'
import { Refused } from './refused.ts'

/** One node on the way back. */
export interface GradientCall {
  readonly node: Node
  readonly write: GradientWriter
  /** The gradient of the loss by each output, in the output's shape; undefined where nothing flows back through it. */
  readonly gradients: readonly (string | undefined)[]
  /** Whether anybody asks for the gradient by this input. */
  wants(input: number): boolean
  /** An optional output of the node, which is added to it where it has none. */
  output(index: number): string
  /** Whether a value moves with one whose gradient is asked for: what inner graphs read beside the node's inputs. */
  moves(value: string): boolean
  /** Adds to the gradient by a value that an inner graph reads. */
  contribute(value: string, gradient: string): void
  /** The way back through an inner graph. */
  within(graph: Graph, way: InnerWay): WayWithin
  /** Whether rounding counts as the identity (else its gradient is zero). */
  readonly straightThrough: boolean
}

/** What an inner graph is asked for: the gradients by its values `wrt`. */
export interface InnerWay {
  /** Values of the inner graph, each with the value that holds its gradient. */
  readonly from: ReadonlyMap<string, string>
  readonly wrt: readonly string[]
  /** What the names that are made begin with. */
  readonly prefix: string
}

/** The gradients through an inner graph. */
export interface WayWithin {
  /** The inner graph with the nodes of the gradients behind its own. */
  readonly graph: Graph
  /** By value, the value that holds its gradient. */
  readonly gradients: ReadonlyMap<string, string>
  /** Values without a gradient, and why. */
  readonly tainted: ReadonlyMap<string, string>
}

/**
 * Gives the gradient of the loss by each input, in the input's shape, in the order of the node's inputs; undefined for
 * inputs for which none is wanted or which carry none. Throws `Refused` for a form of the operator that it does not
 * know.
 */
export type GradientRule = (call: GradientCall) => Contributions

/** The names of the gradients by each input; undefined where there is none. */
export type Contributions = readonly (string | undefined)[]

/** The gradient by the only, or first, output. */
export function gradientOf(call: GradientCall): string {
  const [g] = call.gradients
  if (g === undefined) throw new Refused('its gradient flows through a secondary output')
  return g
}

/** What the rule of an elementwise operator sees of one input: `x` is that input, `y` the output. */
export interface Element {
  readonly write: GradientWriter
  readonly g: string
  readonly x: string
  readonly y: string
  readonly node: Node
  readonly inputs: readonly string[]
  readonly input: number
}

/**
 * y = f(x₀, x₁, …) element by element, with broadcasting. `partial` gives g · ∂f/∂xᵢ in the shape of the output (or of
 * the input where the two are equal); it is summed to the shape of the input here.
 */
export const elementwise =
  (partial: (element: Element) => string | undefined): GradientRule =>
  (call) => {
    const { node, write } = call
    const g = gradientOf(call)
    const y = node.outputs[0]!
    return node.inputs.map((x, input) => {
      if (!call.wants(input)) return undefined
      const local = partial({ write, g, x, y, node, inputs: node.inputs, input })
      return local === undefined ? undefined : sumTo(write, local, write.shape(y), x)
    })
  }

/** y = f(x) element by element, one input. */
export const unary =
  (derivative: (element: Element) => string): GradientRule =>
  (call) => {
    const [x, y] = [call.node.inputs[0]!, call.node.outputs[0]!]
    if (!call.wants(0)) return []
    return [
      derivative({ write: call.write, g: gradientOf(call), x, y, node: call.node, inputs: call.node.inputs, input: 0 }),
    ]
  }
