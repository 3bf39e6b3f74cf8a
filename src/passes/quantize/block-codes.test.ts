import { expect, test } from 'vitest'
import { dequantizeBlocks, quantizeBlocks } from './block-codes.ts'

test('nibbles are packed low first, zero points two a byte, the ragged end coded as 0', () => {
  // One column of 18 rows in blocks of 16: −8 … 7 needs exactly the codes 0 … 15.
  const values = Float32Array.from([...Array.from({ length: 16 }, (_, i) => i - 8), 15, 0])
  const coded = quantizeBlocks(values, 18, 1, 4, 16)
  expect(coded.blocks).toBe(2)
  expect([...coded.codes.slice(0, 8)]).toEqual([0x10, 0x32, 0x54, 0x76, 0x98, 0xba, 0xdc, 0xfe])
  expect([...coded.codes.slice(8)]).toEqual([0x0f, 0, 0, 0, 0, 0, 0, 0])
  expect([...coded.scales]).toEqual([1, 1])
  expect([...coded.zeroPoints]).toEqual([0x08])
  expect([...dequantizeBlocks(coded, 18, 1)]).toEqual([...values])
})

test('within a scale, for ragged sizes, both widths, and columns one after another', () => {
  for (const bits of [4, 8] as const)
    for (const [rows, columns, block] of [
      [52, 3, 16],
      [73, 2, 32],
      [64, 5, 64],
      [7, 1, 16],
    ] as const) {
      const values = Float32Array.from({ length: rows * columns }, (_, i) => Math.sin(i * 1.7) * (1 + (i % columns)))
      const coded = quantizeBlocks(values, rows, columns, bits, block)
      const back = dequantizeBlocks(coded, rows, columns)
      values.forEach((value, i) => {
        const [row, column] = [Math.floor(i / columns), i % columns]
        const scale = coded.scales[column * coded.blocks + Math.floor(row / block)]!
        expect(Math.abs(back[i]! - value)).toBeLessThanOrEqual(1.001 * scale)
      })
    }
})
