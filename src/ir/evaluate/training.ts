import { type Call, floatOf, input, type Kernel, type Kernels, made, textOf } from './call.ts'
import { type Nd, numbersOf, scalarOf } from './value.ts'

/** What one step does to one element of a parameter: its gradient, its states, the new parameter first. */
type Update = (x: number, gradient: number, states: readonly number[], rate: number, step: number) => readonly number[]

/** Inputs are rate, step, then all parameters, all gradients and each kind of state for all of them. */
const optimizer =
  (states: number, update: (call: Call) => Update): Kernel =>
  (call) => {
    const [rate, step] = [scalarOf(input(call, 0)), scalarOf(input(call, 1))]
    const count = (call.inputs.length - 2) / (2 + states)
    const fn = update(call)
    const outputs = Array.from({ length: 1 + states }, () => [] as Nd[])
    for (let p = 0; p < count; p++) {
      const parts = Array.from({ length: 2 + states }, (_, k) => input(call, 2 + k * count + p))
      const data = parts.map(numbersOf)
      const results = parts.slice(1).map(() => new Float64Array(data[0]!.length))
      for (let i = 0; i < data[0]!.length; i++) {
        const values = fn(
          data[0]![i]!,
          data[1]![i]!,
          data.slice(2).map((state) => state[i]!),
          rate,
          step,
        )
        for (const [k, value] of values.entries()) results[k]![i] = value
      }
      for (const [k, list] of outputs.entries()) list.push(made(call, parts[0]!.dtype, parts[0]!.dims, results[k]!))
    }
    return outputs.flat()
  }

export const training: Kernels = {
  'ai.onnx.preview.training.Adagrad': optimizer(1, (call) => {
    const [decay, epsilon, norm] = [
      floatOf(call, 'decay_factor', 0),
      floatOf(call, 'epsilon', 1e-6),
      floatOf(call, 'norm_coefficient', 0),
    ]
    return (x, gradient, [h], rate, step) => {
      const g = norm * x + gradient
      const squares = h! + g * g
      return [x - ((rate / (1 + step * decay)) * g) / (Math.sqrt(squares) + epsilon), squares]
    }
  }),
  'ai.onnx.preview.training.Adam': optimizer(2, (call) => {
    const [alpha, beta] = [floatOf(call, 'alpha', 0.9), floatOf(call, 'beta', 0.999)]
    const [epsilon, norm] = [floatOf(call, 'epsilon', 1e-6), floatOf(call, 'norm_coefficient', 0)]
    const post = floatOf(call, 'norm_coefficient_post', 0)
    return (x, gradient, [v, h], rate, step) => {
      const g = norm * x + gradient
      const first = alpha * v! + (1 - alpha) * g
      const second = beta * h! + (1 - beta) * g * g
      const adjusted = step > 0 ? (rate * Math.sqrt(1 - beta ** step)) / (1 - alpha ** step) : rate
      return [(1 - post) * (x - (adjusted * first) / (Math.sqrt(second) + epsilon)), first, second]
    }
  }),
  'ai.onnx.preview.training.Momentum': optimizer(1, (call) => {
    const [alpha, beta, norm] = [
      floatOf(call, 'alpha', 0),
      floatOf(call, 'beta', 0),
      floatOf(call, 'norm_coefficient', 0),
    ]
    const nesterov = textOf(call, 'mode', 'standard') === 'nesterov'
    return (x, gradient, [v], rate, step) => {
      const g = norm * x + gradient
      const next = alpha * v! + (step > 0 ? beta : 1) * g
      return [x - rate * (nesterov ? g + alpha * next : next), next]
    }
  }),
}
