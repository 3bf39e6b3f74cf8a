import { expect, test } from 'vitest'
import { memoryDataset, randomNumbers } from '../../data/index.ts'
import { ortNode } from '../../engine/index.ts'
import { parseModel, tensorOf } from '../../ir/index.ts'
import { sampleWindows } from './window-samples.ts'

const random = randomNumbers(3)
const numbers = (count: number) => Float32Array.from({ length: count }, () => random() - 0.5)

test('windows are what a convolution makes its sums of: padded, dilated, in strides', async () => {
  const text = parseModel(`<ir_version: 10, opset_import: ["" : 21]>
    g (float[1,3,7,5] x) => (float[1,2,c,d] y) <float[2,3,3,2] w = {${Array(36).fill(0).join(', ')}}>
    { r = Relu(x)  y = Conv<pads: ints = [2,1,0,1], strides: ints = [2,1], dilations: ints = [1,2]>(r, w) }`)
  const weights = numbers(36)
  const initializers = new Map([['w', tensorOf('float32', [2, 3, 3, 2], weights, 'w')]])
  const session = await ortNode.open({ ...text, graph: { ...text.graph, initializers } })
  try {
    const rows = 4
    const x = numbers(rows * 105)
    const data = await memoryDataset({ x: { dtype: 'float32', dims: [rows, 3, 7, 5], data: x } })
    const windows = { kernel: [3, 2], strides: [2, 1], dilations: [1, 2], pads: [2, 1, 0, 1] }
    // More than there are: all of them, in their order.
    const asked = [{ id: 'w', value: 'r', windows, size: 18, count: 3000 }]
    const { fit, held } = (await sampleWindows(session, data, asked, { indices: [0, 1, 2, 3], seed: 0 })).get('w')!
    const outputs = await Promise.all(
      [0, 1, 2, 3].map(async (row) => {
        const feeds = {
          x: { dtype: 'float32', dims: [1, 3, 7, 5], data: x.slice(row * 105, (row + 1) * 105) },
        } as const
        return (await session.run(feeds)).y!
      }),
    )
    const places = outputs[0]!.dims[2]! * outputs[0]!.dims[3]!
    const all = [...fit, ...held]
    expect(fit.length).toBe(3 * places * 18)
    expect(held.length).toBe(places * 18)
    for (const [row, { data: wanted }] of outputs.entries())
      for (let place = 0; place < places; place++)
        for (let o = 0; o < 2; o++) {
          const from = (row * places + place) * 18
          const sum = all.slice(from, from + 18).reduce((y, value, k) => y + value * weights[o * 18 + k]!, 0)
          expect(sum).toBeCloseTo(wanted[o * places + place] as number, 5)
        }
    const few = [{ ...asked[0]!, count: 12 }]
    const draw = async (seed: number) =>
      (await sampleWindows(session, data, few, { indices: [0, 1, 2, 3], seed })).get('w')!
    expect((await draw(1)).fit.length).toBe(12 * 18)
    expect(await draw(1)).toEqual(await draw(1))
    expect((await draw(2)).fit).not.toEqual((await draw(1)).fit)
  } finally {
    await session.close()
  }
})

test('values that are not finite, or have no such axis, are left out; vectors lie along the last axis', async () => {
  const session = await ortNode.open(
    parseModel(`<ir_version: 10, opset_import: ["" : 21]> g (float[N,2,3] x) => (float[N,2,3] y)
      { a = Abs(x)  b = Log(x)  y = Add(a, b) }`),
  )
  try {
    const data = await memoryDataset({ x: { dtype: 'float32', dims: [4, 2, 3], data: numbers(24) } })
    const ask = (value: string, size: number) => ({ id: value + size, value, windows: null, size, count: 100 })
    const asked = [ask('a', 3), ask('b', 3), ask('a', 2)]
    const found = await sampleWindows(session, data, asked, { indices: [0, 1, 2, 3], seed: 0 })
    expect([...found.keys()]).toEqual(['a3'])
    expect(found.get('a3')!.fit.length).toBe(18)
  } finally {
    await session.close()
  }
})
