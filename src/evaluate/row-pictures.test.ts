import { expect, test } from 'vitest'
import { memoryDataset } from '../data/index.ts'
import { rowPictures } from './row-pictures.ts'

const image = (dims: readonly number[], value: (i: number) => number) => ({
  dtype: 'float32' as const,
  dims,
  data: Float32Array.from({ length: dims.reduce((a, b) => a * b, 1) }, (_, i) => value(i)),
})
const set = (column: ReturnType<typeof image>) =>
  memoryDataset({ x: column }, { inputs: [{ name: 'x', dtype: 'float32', shape: ['n', ...column.dims.slice(1)] }] })

test('channels first and last, stretched to grey levels, large ones averaged down', async () => {
  const first = await rowPictures(await set(image([2, 3, 8, 10], (i) => i - 100)), [1])
  expect([...first.keys()]).toEqual([1])
  const picture = first.get(1)!
  expect([picture.width, picture.height, picture.channels]).toEqual([10, 8, 3])
  expect([picture.pixels[0], picture.pixels.at(-1)]).toEqual([0, 255])
  // The green of the first pixel stands a third of the way, [C,H,W] having been turned into [H,W,C].
  expect(picture.pixels[1]).toBe(Math.round((255 * 80) / 239))
  const last = (await rowPictures(await set(image([1, 8, 8, 1], (i) => i)), [0])).get(0)!
  expect([last.channels, last.pixels[63]]).toEqual([1, 255])
  const large = (await rowPictures(await set(image([1, 192, 384], (i) => (i % 384 < 192 ? 0 : 1))), [0])).get(0)!
  expect([large.width, large.height]).toEqual([96, 48])
  expect([large.pixels[0], large.pixels[95]]).toEqual([0, 255])
})

test('no picture of a vector, a tiny map, constants or NaN stay black', async () => {
  expect((await rowPictures(await set(image([2, 40], (i) => i)), [0])).size).toBe(0)
  expect((await rowPictures(await set(image([2, 1, 3, 3], (i) => i)), [0])).size).toBe(0)
  const flat = (await rowPictures(await set(image([1, 1, 8, 8], (i) => (i === 0 ? Number.NaN : 5))), [0])).get(0)!
  expect(new Set(flat.pixels)).toEqual(new Set([0]))
})
