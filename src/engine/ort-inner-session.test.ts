import { expect, test } from 'vitest'
import { parseModel } from '../ir/index.ts'
import { InnerSession } from './ort-inner-session.ts'
import type { NativeSession } from './ort-native.ts'
import type { Feeds, TensorValue } from './session.ts'

const numbers = (...data: readonly number[]): TensorValue => ({
  dtype: 'float32',
  dims: [data.length],
  data: Float32Array.from(data),
})

test('a model that lies in a file is not read again for every value of every run', async () => {
  const model = parseModel(`<ir_version: 10, opset_import: ["" : 20]> g (float[2] x) => (float[2] y)
    <float[2] w = {1, 2}> { a = Abs(x)  b = Neg(a)  c = Exp(b)  y = Add(c, w) }`)
  let reads = 0
  const native = {
    outputs: ['a', 'b', 'c', 'y'].map((name) => ({ name, type: 'float32' })),
    run: async (_: unknown, names: readonly string[]) => Object.fromEntries(names.map((name) => [name, numbers(1, 2)])),
    release: async () => {},
  } as unknown as NativeSession
  const inner = new InnerSession(
    async () => {
      reads++
      return model
    },
    async () => native,
    'a runtime',
  )
  const feeds: Feeds = { x: numbers(3, 4) }
  const ask = async () => {
    const { made } = await inner.ready(feeds, ['x', 'a', 'b', 'c'])
    expect(made).toEqual(['a', 'b', 'c'])
    await inner.values(feeds, made, false)
  }
  await ask()
  // Once to tell the names apart, once to open what hands them out.
  expect(reads).toBe(2)
  for (let run = 0; run < 3; run++) await ask()
  expect(reads).toBe(2)
  const { result, made } = await inner.ready(feeds, ['w', 'b', 'x'])
  expect([Object.keys(result).sort(), made]).toEqual([['w', 'x'], ['b']])
  await expect(inner.ready(feeds, ['nobody'])).rejects.toThrow(/nobody/)
})
