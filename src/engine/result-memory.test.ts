import { expect, test } from 'vitest'
import { ResultMemory } from './result-memory.ts'
import type { TensorValue } from './session.ts'

const over = (memory: Buffer<ArrayBuffer>, from = 0): TensorValue => ({
  dtype: 'float32',
  dims: [8],
  data: new Float32Array(memory.buffer, from, 8).fill(7),
})

test('what was given back is used again, and whoever still looks at it finds nothing', () => {
  const results = new ResultMemory()
  const memory = results.take(100_000)
  memory.fill(3)
  const [first, second] = [over(memory), over(memory, 64)]
  const part = (second.data as Float32Array).subarray(2)
  results.giveBack({ first, second })
  expect([first.data.length, second.data.length, part.length]).toEqual([0, 0, 0])
  const again = results.take(100_000)
  // The same memory, as it was left.
  expect([again.readFloatLE(0), again[50_000]]).toEqual([7, 3])
})

test('twice is once, and what came from elsewhere keeps its memory', () => {
  const results = new ResultMemory()
  const own = over(results.take(100_000))
  const other = over(Buffer.allocUnsafeSlow(100_000))
  const text: TensorValue = { dtype: 'string', dims: [1], data: ['a'] }
  results.giveBack({ own, other, text })
  results.giveBack({ own, other, text })
  expect([own.data.length, other.data[7], text.data[0]]).toEqual([0, 7, 'a'])
  const [one, two] = [results.take(100_000), results.take(100_000)]
  one[0] = 1
  two[0] = 2
  expect(one[0]).toBe(1)
})
