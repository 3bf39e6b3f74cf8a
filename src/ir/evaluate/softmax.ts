import { elementCount } from '../tensor.ts'
import { type Call, input, intOf, type Kernel, type Kernels, made, optionalInput, textOf } from './call.ts'
import { around, axisOf } from './layout.ts'
import { type Nd, nd, numbersOf } from './value.ts'

type Line = (get: (i: number) => number, set: (i: number, value: number) => void, size: number) => void

/** Runs along one axis; before opset 13 along everything from the axis on, flattened (default axis 1, later −1). */
const along =
  (line: Line): Kernel =>
  (call) => {
    const x = input(call, 0)
    const flat = call.opset < 13
    const axis = axisOf(intOf(call, 'axis', flat ? 1 : -1), x.dims.length)
    const dims = flat ? [elementCount(x.dims.slice(0, axis)), elementCount(x.dims.slice(axis))] : x.dims
    return [{ ...lines(call, { ...x, dims }, flat ? 1 : axis, line), dims: x.dims }]
  }

function lines(call: Call, x: Nd, axis: number, line: Line): Nd {
  const { outer, size, inner } = around(x.dims, axis)
  const source = numbersOf(x)
  const out = new Float64Array(source.length)
  if (size === 0) return made(call, x.dtype, x.dims, out)
  for (let o = 0; o < outer; o++)
    for (let n = 0; n < inner; n++) {
      const at = (i: number) => (o * size + i) * inner + n
      line(
        (i) => source[at(i)]!,
        (i, value) => {
          out[at(i)] = value
        },
        size,
      )
    }
  return made(call, x.dtype, x.dims, out)
}

function topOf(get: (i: number) => number, size: number): number {
  let top = Number.NEGATIVE_INFINITY
  for (let i = 0; i < size; i++) top = Math.max(top, get(i))
  return top
}

const softmaxLine: Line = (get, set, size) => {
  const top = topOf(get, size)
  let sum = 0
  for (let i = 0; i < size; i++) sum += Math.exp(get(i) - top)
  for (let i = 0; i < size; i++) set(i, Math.exp(get(i) - top) / sum)
}

const logSoftmaxLine: Line = (get, set, size) => {
  const top = topOf(get, size)
  let sum = 0
  for (let i = 0; i < size; i++) sum += Math.exp(get(i) - top)
  const log = top + Math.log(sum)
  for (let i = 0; i < size; i++) set(i, get(i) - log)
}

const hardmaxLine: Line = (get, set, size) => {
  let best = 0
  for (let i = 1; i < size; i++) if (get(i) > get(best)) best = i
  for (let i = 0; i < size; i++) set(i, i === best ? 1 : 0)
}

/** Weighted negative log likelihood of `scores` [N, C, …] at `labels` [N, …]. */
function likelihood(call: Call, scores: Nd, labels: Nd, weight: Nd | undefined): Nd {
  const { outer, size: classes, inner } = around(scores.dims, 1)
  const attribute = call.node.attributes.get('ignore_index')
  const ignored = attribute?.type === 'int' ? Number(attribute.value) : undefined
  const [data, chosen, weights] = [numbersOf(scores), numbersOf(labels), weight && numbersOf(weight)]
  const out = new Float64Array(chosen.length)
  let total = 0
  for (let o = 0; o < outer; o++)
    for (let n = 0; n < inner; n++) {
      const i = o * inner + n
      const label = chosen[i]!
      if (label === ignored) continue
      const w = weights ? weights[label]! : 1
      out[i] = -data[(o * classes + label) * inner + n]! * w
      total += w
    }
  const reduction = textOf(call, 'reduction', 'mean')
  if (reduction === 'none') return made(call, scores.dtype, labels.dims, out)
  const sum = out.reduce((a, b) => a + b, 0)
  return made(call, scores.dtype, [], Float64Array.of(reduction === 'sum' ? sum : sum / total))
}

export const softmax: Kernels = {
  Softmax: along(softmaxLine),
  LogSoftmax: along(logSoftmaxLine),
  Hardmax: along(hardmaxLine),
  NegativeLogLikelihoodLoss: (call) => [likelihood(call, input(call, 0), input(call, 1), optionalInput(call, 2))],
  SoftmaxCrossEntropyLoss: (call) => {
    const scores = input(call, 0)
    const log = lines({ ...call, float64: true }, nd('float64', scores.dims, numbersOf(scores)), 1, logSoftmaxLine)
    const loss = likelihood(call, { ...log, dtype: scores.dtype }, input(call, 1), optionalInput(call, 2))
    return [loss, made(call, scores.dtype, scores.dims, numbersOf(log).slice())]
  },
}
