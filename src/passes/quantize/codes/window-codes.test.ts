import { expect, test } from 'vitest'
import { parseModel } from '../../../ir/index.ts'
import { quantizeChannels } from './channel-weights.ts'
import { codesByWindows, readWindows } from './window-codes.ts'

/** Numbers around 0, the same on every run. */
function numbers(count: number, seed: number): Float32Array {
  let state = seed
  return Float32Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 31 - 1
  })
}

const conv = (dims: readonly number[], group: number, more = '') =>
  parseModel(`<ir_version: 10, opset_import: ["" : 21]>
    g (float[1,${group * dims[1]!},9,9] x) => (float y)
    <float[${dims.join(',')}] w = {${Array(dims.reduce((a, b) => a * b, 1)).fill(0)}}> { y = Conv<group = ${group}${more}>(x, w) }`)

const SAMPLES = 400
/** Windows of some channels that move together and are positive, as behind a Relu. */
function windowsOf(width: number): readonly Float32Array[] {
  const [noise, common] = [numbers(SAMPLES * width, 7), numbers(SAMPLES * 3, 9)]
  return Array.from({ length: SAMPLES }, (_, s) =>
    Float32Array.from({ length: width }, (_, k) =>
      Math.max(0, 1 + common[s * 3 + (k % 3)]! + 0.3 * noise[s * width + k]!),
    ),
  )
}

function momentsOf(windows: readonly Float32Array[], size: number) {
  const width = windows[0]!.length
  const mean = Float32Array.from({ length: width }, (_, k) => windows.reduce((sum, x) => sum + x[k]!, 0) / SAMPLES)
  const covariance = new Float32Array(width * size)
  for (let i = 0; i < width; i++)
    for (let j = 0; j < size; j++) {
      const other = Math.floor(i / size) * size + j
      const sum = windows.reduce((sum, x) => sum + (x[i]! - mean[i]!) * (x[other]! - mean[other]!), 0)
      covariance[i * size + j] = sum / SAMPLES
    }
  return { mean, covariance }
}

test.each([
  ['dense', [12, 8, 3, 3], 1],
  ['in groups', [12, 4, 3, 3], 3],
  ['depthwise', [24, 1, 3, 3], 24],
  ['two outputs a group, in several parts', [8, 40, 1, 5], 4],
] as const)('%s: outputs are nearer than with sums that cancel, and right on average', (_, dims, group) => {
  const model = conv(dims, group)
  const [asked] = readWindows(model)
  const [outputs, depth, ...kernel] = dims
  const inner = depth * kernel[0] * kernel[1]
  expect(asked!.parts * asked!.size).toBe(group * inner)
  expect(asked!.size).toBeLessThanOrEqual(144)
  const windows = windowsOf(group * inner)
  const values = numbers(outputs * inner, 3)
  const node = model.graph.nodes[0]!
  const seen = codesByWindows(node, values, dims, momentsOf(windows, asked!.size), 7)!
  const plain = quantizeChannels(values, dims, 0, { most: 7, balanced: true })
  expect(seen.scales).toEqual(plain.scales)
  expect(seen.codes.every((code) => Math.abs(code) <= 7)).toBe(true)
  const errors = (codes: Int8Array, shift?: Float64Array) =>
    windows.flatMap((x) =>
      Array.from({ length: outputs }, (_, o) => {
        const first = Math.floor(o / (outputs / group)) * inner
        let error = shift?.[o] ?? 0
        for (let k = 0; k < inner; k++)
          error += (codes[o * inner + k]! * seen.scales[o]! - values[o * inner + k]!) * x[first + k]!
        return error
      }),
    )
  const power = (all: readonly number[]) => all.reduce((sum, error) => sum + error * error, 0)
  const ours = errors(seen.codes, seen.shift)
  expect(power(ours)).toBeLessThan(0.5 * power(errors(plain.codes)))
  for (let o = 0; o < outputs; o++) {
    const sum = ours.reduce((total, error, i) => (i % outputs === o ? total + error : total), 0)
    expect(Math.abs(sum / SAMPLES)).toBeLessThan(1e-4)
  }
})

test('moments of other windows are not taken', () => {
  const dims = [4, 4, 3, 3]
  const node = conv(dims, 1).graph.nodes[0]!
  const moments = { mean: new Float32Array(27), covariance: new Float32Array(27 * 27) }
  expect(codesByWindows(node, numbers(144, 3), dims, moments, 7)).toBeUndefined()
})

test('a convolution whose padding hangs on the picture, or whose weights are shared, is not looked at', () => {
  expect(readWindows(conv([4, 4, 3, 3], 1))).toHaveLength(1)
  expect(readWindows(conv([4, 4, 3, 3], 1, ', auto_pad = "SAME_UPPER"'))).toEqual([])
  const shared = conv([4, 4, 1, 1], 1)
  const [node] = shared.graph.nodes
  const twice = { ...node!, name: 'second', outputs: ['z'] }
  expect(readWindows({ ...shared, graph: { ...shared.graph, nodes: [node!, twice] } })).toEqual([])
})
