import { generator, renderLine } from '../demo/text-lines.ts'
import { type Dataset, memoryDataset } from '../src/data/index.ts'

const SIZE = 320
const MEAN = [0.485, 0.456, 0.406]
const DEVIATION = [0.229, 0.224, 0.225]

/** Pages of rendered text lines as a text detector takes them: `x` [rows, 3, 320, 320], ImageNet's numbers. */
export async function textPages(rows: number, seed: number): Promise<Dataset> {
  const next = generator(seed)
  const data = new Float32Array(rows * 3 * SIZE * SIZE)
  for (let row = 0; row < rows; row++) {
    const page = new Uint8Array(SIZE * SIZE).fill(200 + Math.floor(next() * 50))
    for (let top = 8; top < SIZE - 56; top += 40 + Math.floor(next() * 40)) {
      const line = await renderLine(row * 8 + Math.floor(top / 40), seed, 20 + Math.floor(next() * 20))
      const left = Math.floor(next() * 60)
      for (let y = 0; y < line.height; y++)
        for (let x = 0; x < Math.min(line.width, SIZE - left); x++)
          page[(top + y) * SIZE + left + x] = line.pixels[y * line.width + x]!
    }
    for (let channel = 0; channel < 3; channel++)
      for (let i = 0; i < page.length; i++)
        data[(row * 3 + channel) * SIZE * SIZE + i] = (page[i]! / 255 - MEAN[channel]!) / DEVIATION[channel]!
  }
  return memoryDataset(
    { x: { dtype: 'float32', dims: [rows, 3, SIZE, SIZE], data } },
    { inputs: [{ name: 'x', dtype: 'float32', shape: [null, 3, null, null] }], path: `${rows} rendered pages` },
  )
}
