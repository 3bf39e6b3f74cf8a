import { type Attribute, float, intAttribute, type Node } from '../../ir/index.ts'
import type { GradientWriter } from './gradient-writer.ts'
import { Refused } from './refused.ts'
import type { GradientCall } from './rule.ts'
import type { ValueFacts } from './value-facts.ts'

type Activation = (write: GradientWriter, x: string) => string

/** What one step of a cell is made of; every product has the shape [batch, …]. */
interface CellCall {
  readonly write: GradientWriter
  readonly states: readonly string[]
  /** W·x + bias of all gates, side by side. */
  readonly gated: string
  readonly hidden: number
  /** R, turned: [hidden, gates · hidden]. */
  readonly recurrent: string
  /** The bias of the product with R. */
  readonly bias: string | undefined
  /** LSTM: what the states add to the gates i, o, f. */
  readonly peepholes: readonly string[] | undefined
  readonly activations: readonly Activation[]
  readonly clip: (value: string) => string
  /** GRU: whether the reset gate scales the product with R, or the state before it. */
  readonly resetsProduct: boolean
  /** LSTM: whether what is not let in is what is kept. */
  readonly coupled: boolean
  readonly one: () => string
}

/** The next states. */
export type CellStep = (cell: CellCall) => readonly string[]

interface Kind {
  readonly gates: number
  readonly states: number
  readonly activations: readonly string[]
  readonly step: CellStep
}

const product = ({ write, bias }: CellCall, state: string, weights: string): string => {
  const made = write.op('MatMul', [state, weights])
  return bias === undefined ? made : write.add(made, bias)
}

const parts = ({ write, hidden }: CellCall, value: string, count: number) =>
  write.ops('Split', [value, write.ints(Array.from({ length: count }, () => hidden))], count, {
    axis: { type: 'int', value: -1n },
  })

const rnn: CellStep = (cell) => {
  const [h] = cell.states as [string]
  const [f] = cell.activations as [Activation]
  return [f(cell.write, cell.clip(cell.write.add(cell.gated, product(cell, h, cell.recurrent))))]
}

/** Gates in the order z, r, h: h′ = n + z·(h − n). */
const gru: CellStep = (cell) => {
  const { write, clip, gated, hidden } = cell
  const [h] = cell.states as [string]
  const [f, g] = cell.activations as [Activation, Activation]
  const [xz, xr, xn] = parts(cell, gated, 3) as [string, string, string]
  const gate = (ofInput: string, ofState: string) => f(write, clip(write.add(ofInput, ofState)))
  let z: string
  let ofState: string
  if (cell.resetsProduct) {
    const [hz, hr, hn] = parts(cell, product(cell, h, cell.recurrent), 3) as [string, string, string]
    z = gate(xz, hz)
    ofState = write.mul(gate(xr, hr), hn)
  } else {
    const sizes = write.ints([hidden, hidden, hidden])
    const along = { axis: { type: 'int', value: -1n } } as const
    const columns = write.ops('Split', [cell.recurrent, sizes], 3, along)
    const biases = cell.bias === undefined ? [] : write.ops('Split', [cell.bias, sizes], 3, along)
    const by = (i: number, state: string) => product({ ...cell, bias: biases[i] }, state, columns[i]!)
    z = gate(xz, by(0, h))
    ofState = by(2, write.mul(gate(xr, by(1, h)), h))
  }
  const n = g(write, clip(write.add(xn, ofState)))
  return [write.add(n, write.mul(z, write.sub(h, n)))]
}

/** Gates in the order i, o, f, c. */
const lstm: CellStep = (cell) => {
  const { write, clip, peepholes } = cell
  const [h, c] = cell.states as [string, string]
  const [f, g, out] = cell.activations as [Activation, Activation, Activation]
  const [xi, xo, xf, xc] = parts(cell, write.add(cell.gated, product(cell, h, cell.recurrent)), 4) as [
    string,
    string,
    string,
    string,
  ]
  const seen = (value: string, i: number, state: string) =>
    f(write, clip(peepholes ? write.add(value, write.mul(state, peepholes[i]!)) : value))
  const into = seen(xi, 0, c)
  const kept = cell.coupled ? write.sub(cell.one(), into) : seen(xf, 2, c)
  const next = write.add(write.mul(kept, c), write.mul(into, g(write, clip(xc))))
  return [write.mul(seen(xo, 1, next), out(write, next)), next]
}

const KINDS: Readonly<Record<string, Kind>> = {
  RNN: { gates: 1, states: 1, activations: ['Tanh'], step: rnn },
  GRU: { gates: 3, states: 1, activations: ['Sigmoid', 'Tanh'], step: gru },
  LSTM: { gates: 4, states: 2, activations: ['Sigmoid', 'Tanh', 'Tanh'], step: lstm },
}

export const isRecurrent = (node: Node): Kind | undefined => (node.domain === '' ? KINDS[node.opType] : undefined)

/** What was not written out before (`writeOutRecurrent`) is of a form that is not known. */
const notWrittenOut = ({ node, write }: GradientCall): never => {
  throw new Refused(unknownForm(node, write) ?? 'it stands in an inner graph')
}
export const recurrent = { RNN: notWrittenOut, GRU: notWrittenOut, LSTM: notWrittenOut }

/** Activations of ONNX's list by the operators of the same name, with how many numbers of the lists each takes. */
const ACTIVATIONS: Readonly<Record<string, { readonly opType: string; readonly numbers: number }>> = {
  relu: { opType: 'Relu', numbers: 0 },
  sigmoid: { opType: 'Sigmoid', numbers: 0 },
  softplus: { opType: 'Softplus', numbers: 0 },
  softsign: { opType: 'Softsign', numbers: 0 },
  tanh: { opType: 'Tanh', numbers: 0 },
  elu: { opType: 'Elu', numbers: 1 },
  leakyrelu: { opType: 'LeakyRelu', numbers: 1 },
  thresholdedrelu: { opType: 'ThresholdedRelu', numbers: 1 },
  hardsigmoid: { opType: 'HardSigmoid', numbers: 2 },
}

function namesOf(node: Node): readonly string[] {
  const own = isRecurrent(node)!.activations
  const given = node.attributes.get('activations')
  const names = given?.type === 'strings' ? given.value.map(String) : [...own, ...own]
  return names.map((name) => name.toLowerCase())
}

/** Why a recurrent layer cannot be written out; null where it can. */
export function unknownForm(node: Node, facts: Pick<ValueFacts, 'shape'>): string | null {
  if (intAttribute(node, 'layout', 0) !== 0) return 'its batch comes first'
  if (typeof facts.shape(node.inputs[2]!)?.at(-1) !== 'number') return 'how many units it has is not known'
  const strange = namesOf(node).find((name) => !Object.hasOwn(ACTIVATIONS, name))
  return strange === undefined ? null : `its activation is "${strange}"`
}

/** The activations of one direction; their numbers are listed for all that take any, in order. */
export function activationsOf(node: Node, direction: number): readonly Activation[] {
  const each = isRecurrent(node)!.activations.length
  const lists = { alpha: numbersOf(node, 'activation_alpha'), beta: numbersOf(node, 'activation_beta') }
  const taken = { alpha: 0, beta: 0 }
  const all = namesOf(node).map((name): Activation => {
    const { opType, numbers } = ACTIVATIONS[name]!
    const attributes: Record<string, Attribute> = {}
    for (const key of (['alpha', 'beta'] as const).slice(0, numbers)) {
      const value = lists[key][taken[key]++]
      if (value !== undefined) attributes[key] = float(value)
    }
    return (write, x) => write.op(opType, [x], attributes)
  })
  return all.slice(direction * each, (direction + 1) * each)
}

function numbersOf(node: Node, name: string): readonly number[] {
  const attribute = node.attributes.get(name)
  return attribute?.type === 'floats' ? attribute.value : []
}
