import {
  type Call,
  floatOf,
  floatsOf,
  input,
  intOf,
  type Kernel,
  type Kernels,
  made,
  optionalInput,
  stringsOf,
  textOf,
} from './call.ts'
import { activations } from './elementwise.ts'
import { transposed } from './layout.ts'
import { EvaluationError, type Nd, numbersOf } from './value.ts'

type Fn = (x: number) => number

/** One direction of a recurrent layer with its weights as flat rows of gates. */
interface Cell {
  readonly hidden: number
  readonly width: number
  readonly w: Float64Array
  readonly r: Float64Array
  /** Input and recurrent biases, one a gate unit each; zeros where absent. */
  readonly wb: Float64Array
  readonly rb: Float64Array
  readonly peephole: Float64Array | undefined
  readonly activations: readonly Fn[]
}

interface State {
  readonly h: Float64Array
  readonly c: Float64Array
}

type Step = (cell: Cell, x: Float64Array, state: State, call: Call) => State

const dot = (matrix: Float64Array, row: number, x: Float64Array): number => {
  const at = row * x.length
  let sum = 0
  for (let i = 0; i < x.length; i++) sum += matrix[at + i]! * x[i]!
  return sum
}

const clipped = (call: Call): Fn => {
  const limit = call.node.attributes.has('clip') ? floatOf(call, 'clip', 0) : undefined
  return limit === undefined ? (x) => x : (x) => Math.min(limit, Math.max(-limit, x))
}

const rnnStep: Step = (cell, x, { h }, call) => {
  const [f] = cell.activations
  const clip = clipped(call)
  const next = h.map((_, i) => f!(clip(dot(cell.w, i, x) + dot(cell.r, i, h) + cell.wb[i]! + cell.rb[i]!)))
  return { h: next, c: h }
}

/** Gates in the order z, r, h. Source: the equations of ONNX GRU. */
const gruStep: Step = (cell, x, { h }, call) => {
  const [f, g] = cell.activations
  const n = cell.hidden
  const clip = clipped(call)
  const gate = (k: number) =>
    h.map((_, i) =>
      f!(clip(dot(cell.w, k * n + i, x) + dot(cell.r, k * n + i, h) + cell.wb[k * n + i]! + cell.rb[k * n + i]!)),
    )
  const [z, r] = [gate(0), gate(1)]
  const before = intOf(call, 'linear_before_reset', 0) === 1
  const reset = h.map((v, i) => r[i]! * v)
  const next = h.map((v, i) => {
    const at = 2 * n + i
    const recurrent = before ? r[i]! * (dot(cell.r, at, h) + cell.rb[at]!) : dot(cell.r, at, reset) + cell.rb[at]!
    const candidate = g!(clip(dot(cell.w, at, x) + recurrent + cell.wb[at]!))
    return (1 - z[i]!) * candidate + z[i]! * v
  })
  return { h: next, c: next }
}

/** Gates in the order i, o, f, c with peepholes p = (i, o, f). */
const lstmStep: Step = (cell, x, { h, c }, call) => {
  const [f, g, out] = cell.activations
  const n = cell.hidden
  const p = cell.peephole
  const clip = clipped(call)
  const coupled = intOf(call, 'input_forget', 0) === 1
  const raw = (k: number, i: number) =>
    dot(cell.w, k * n + i, x) + dot(cell.r, k * n + i, h) + cell.wb[k * n + i]! + cell.rb[k * n + i]!
  const nextC = new Float64Array(n)
  const nextH = new Float64Array(n)
  for (let i = 0; i < n; i++) {
    const into = f!(clip(raw(0, i) + (p ? p[i]! * c[i]! : 0)))
    const forget = coupled ? 1 - into : f!(clip(raw(2, i) + (p ? p[2 * n + i]! * c[i]! : 0)))
    nextC[i] = forget * c[i]! + into * g!(clip(raw(3, i)))
    const gate = f!(clip(raw(1, i) + (p ? p[n + i]! * nextC[i]! : 0)))
    nextH[i] = gate * out!(nextC[i]!)
  }
  return { h: nextH, c: nextC }
}

const DEFAULTS: Readonly<Record<string, readonly string[]>> = {
  RNN: ['Tanh'],
  GRU: ['Sigmoid', 'Tanh'],
  LSTM: ['Sigmoid', 'Tanh', 'Tanh'],
}
/** Operators whose activations take an alpha (and a beta) from the lists of parameters. */
const PARAMETERS: Readonly<Record<string, number>> = {
  Affine: 2,
  LeakyRelu: 1,
  ThresholdedRelu: 1,
  ScaledTanh: 2,
  HardSigmoid: 2,
  Elu: 1,
}

function activationsOf(call: Call, directions: number): Fn[][] {
  const defaults = DEFAULTS[call.node.opType]!
  const names = stringsOf(call, 'activations') ?? Array.from({ length: directions }, () => defaults).flat()
  const alphas = [...(floatsOf(call, 'activation_alpha') ?? [])]
  const betas = [...(floatsOf(call, 'activation_beta') ?? [])]
  const all = names.map((name) => {
    const key = Object.keys(activations).find((known) => known.toLowerCase() === name.toLowerCase())
    if (!key) throw new EvaluationError(`activation ${name}`)
    const count = PARAMETERS[key] ?? 0
    return activations[key]!(count > 0 ? alphas.shift() : undefined, count > 1 ? betas.shift() : undefined)
  })
  return Array.from({ length: directions }, (_, d) => all.slice(d * defaults.length, (d + 1) * defaults.length))
}

/** The weights of each direction, of inputs that are `width` wide. */
function cellsOf(call: Call, gates: number, width: number): readonly Cell[] {
  const [w, r] = [input(call, 1), input(call, 2)]
  const hidden = r.dims[2]!
  const span = gates * hidden
  const biases = optionalInput(call, 3)
  const peepholes = gates === 4 ? optionalInput(call, 7) : undefined
  const [wv, rv, bv] = [numbersOf(w), numbersOf(r), biases && numbersOf(biases)]
  const zeros = new Float64Array(span)
  return activationsOf(call, w.dims[0]!).map((activations, d) => ({
    hidden,
    width,
    w: wv.subarray(d * span * width, (d + 1) * span * width),
    r: rv.subarray(d * span * hidden, (d + 1) * span * hidden),
    wb: bv ? bv.subarray(d * 2 * span, d * 2 * span + span) : zeros,
    rb: bv ? bv.subarray(d * 2 * span + span, (d + 1) * 2 * span) : zeros,
    peephole: peepholes && numbersOf(peepholes).subarray(d * 3 * hidden, (d + 1) * 3 * hidden),
    activations,
  }))
}

const recurrent =
  (gates: number, step: Step): Kernel =>
  (call) => {
    const batchFirst = intOf(call, 'layout', 0) === 1
    const x = batchFirst ? transposed(input(call, 0), [1, 0, 2]) : input(call, 0)
    const [length, batch, width] = x.dims as [number, number, number]
    const cells = cellsOf(call, gates, width)
    const directions = cells.length
    const hidden = input(call, 2).dims[2]!
    const lengths = optionalInput(call, 4)
    const stateOf = (index: number) => {
      const value = optionalInput(call, index)
      if (!value) return undefined
      return numbersOf(batchFirst ? transposed(value, [1, 0, 2]) : value)
    }
    const [initialH, initialC] = [stateOf(5), gates === 4 ? stateOf(6) : undefined]
    const direction = textOf(call, 'direction', 'forward')
    const xv = numbersOf(x)
    const y = new Float64Array(length * directions * batch * hidden)
    const [lastH, lastC] = [
      new Float64Array(directions * batch * hidden),
      new Float64Array(directions * batch * hidden),
    ]
    for (const [d, cell] of cells.entries()) {
      const backward = direction === 'reverse' || d === 1
      for (let b = 0; b < batch; b++) {
        const at = (d * batch + b) * hidden
        const part = (from: Float64Array | undefined) => (from ? from.slice(at, at + hidden) : new Float64Array(hidden))
        let state: State = { h: part(initialH), c: part(initialC) }
        const own = lengths ? numbersOf(lengths)[b]! : length
        for (let s = 0; s < own; s++) {
          const t = backward ? own - 1 - s : s
          const row = (t * batch + b) * width
          state = step(cell, xv.subarray(row, row + width), state, call)
          y.set(state.h, ((t * directions + d) * batch + b) * hidden)
        }
        lastH.set(state.h, at)
        lastC.set(state.c, at)
      }
    }
    const whole = made(call, x.dtype, [length, directions, batch, hidden], y)
    const last = (data: Float64Array): Nd => {
      const value = made(call, x.dtype, [directions, batch, hidden], data)
      return batchFirst ? transposed(value, [1, 0, 2]) : value
    }
    const outputs = [batchFirst ? transposed(whole, [2, 0, 1, 3]) : whole, last(lastH)]
    return gates === 4 ? [...outputs, last(lastC)] : outputs
  }

export const recurrence: Kernels = {
  RNN: recurrent(1, rnnStep),
  GRU: recurrent(3, gruStep),
  LSTM: recurrent(4, lstmStep),
}
