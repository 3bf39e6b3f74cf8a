import { expect, test } from 'vitest'
import { bytesOfValue } from '../../engine/index.ts'
import { glanceAt } from './glance.ts'
import { projectionOf } from './projection.ts'

const image = (make: (i: number) => number) => Float64Array.from({ length: 256 }, (_, i) => make(i))

test('a projection keeps what is near, and what is not; small tensors have none', () => {
  const distance = (a: readonly number[], b: readonly number[]) => Math.hypot(...a.map((value, i) => value - b[i]!))
  const wave = projectionOf(image(Math.sin))!
  expect(wave).toHaveLength(8)
  expect(projectionOf(image(Math.sin))).toEqual(wave)
  const near = projectionOf(image((i) => Math.sin(i) + 0.01 * Math.cos(7 * i)))!
  const far = projectionOf(image((i) => Math.sin(3 * i + 1)))!
  expect(distance(wave, near)).toBeLessThan(distance(wave, far) / 10)
  expect(projectionOf(new Float64Array(63))).toBeNull()
  expect(projectionOf(image(() => Number.NaN))).toBeNull()
})

test('a request of several rows is seen by its first', () => {
  const seen = (rows: number) => {
    const data = Float32Array.from({ length: rows * 64 }, (_, i) => (i < 64 ? Math.sin(i) : 1000))
    const input = bytesOfValue('x', { dtype: 'float32', dims: [rows, 64], data })
    const output = bytesOfValue('e', { dtype: 'float32', dims: [rows, 64], data })
    return glanceAt({ inputs: [input], outputs: [output] } as unknown as Parameters<typeof glanceAt>[0])!.vectors
  }
  expect(seen(1)).toEqual(seen(3))
  expect(Object.keys(seen(1)!)).toEqual(['x projection', 'e projection'])
})
