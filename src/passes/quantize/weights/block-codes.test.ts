import { expect, test } from 'vitest'
import { outputPower } from '../../../rewrite/index.ts'
import { inverseFactor } from '../codes/inverse-factor.ts'
import { dequantizeBlocks, quantizeBlocks } from './block-codes.ts'
import { blockWithin, codeOf, gridOf } from './block-grid.ts'
import { gptqBlocks } from './gptq.ts'

const RTN = { symmetric: false, fit: 'rtn' } as const

test('nibbles are packed low first, zero points two a byte, the ragged end coded as 0', () => {
  // One column of 18 rows in blocks of 16: −8 … 7 needs exactly the codes 0 … 15.
  const values = Float32Array.from([...Array.from({ length: 16 }, (_, i) => i - 8), 15, 0])
  const coded = quantizeBlocks(values, 18, 1, 16, { bits: 4, ...RTN })
  expect(coded.blocks).toBe(2)
  expect([...coded.codes.slice(0, 8)]).toEqual([0x10, 0x32, 0x54, 0x76, 0x98, 0xba, 0xdc, 0xfe])
  expect([...coded.codes.slice(8)]).toEqual([0x0f, 0, 0, 0, 0, 0, 0, 0])
  expect([...coded.scales]).toEqual([1, 1])
  expect([...coded.zeroPoints!]).toEqual([0x08])
  expect([...dequantizeBlocks(coded, 18, 1)]).toEqual([...values])
})

test('symmetric blocks store no zero points, and the largest weight is exact', () => {
  const values = Float32Array.from({ length: 32 }, (_, i) => (i === 5 ? 1.6 : Math.sin(i)))
  const coded = quantizeBlocks(values, 32, 1, 16, { bits: 4, symmetric: true, fit: 'rtn' })
  expect(coded.zeroPoints).toBeNull()
  const back = dequantizeBlocks(coded, 32, 1)
  expect(back[5]).toBeCloseTo(1.6, 6)
  values.forEach((value, i) => {
    expect(Math.abs(back[i]! - value)).toBeLessThanOrEqual(1.001 * Math.abs(coded.scales[Math.floor(i / 16)]!))
  })
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
      const coded = quantizeBlocks(values, rows, columns, block, { bits, ...RTN })
      const back = dequantizeBlocks(coded, rows, columns)
      values.forEach((value, i) => {
        const [row, column] = [Math.floor(i / columns), i % columns]
        const scale = coded.scales[column * coded.blocks + Math.floor(row / block)]!
        expect(Math.abs(back[i]! - value)).toBeLessThanOrEqual(1.001 * scale)
      })
    }
})

/** Numbers with some outliers, the same on every run. */
function weights(count: number, seed: number): Float32Array {
  let state = seed
  const next = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 31 - 1
  }
  return Float32Array.from({ length: count }, () => {
    const value = next() * next() * next()
    return next() > 0.96 ? 3 * value : value
  })
}

const errorOf = (values: Float32Array, back: Float32Array) => values.map((value, i) => back[i]! - value)

test('hqq loses less to outliers than the grid that spans them', () => {
  const values = weights(64 * 40, 3)
  for (const symmetric of [false, true]) {
    const norm = (fit: 'rtn' | 'hqq') => {
      const coded = quantizeBlocks(values, 64, 40, 64, { bits: 4, symmetric, fit })
      return errorOf(values, dequantizeBlocks(coded, 64, 40)).reduce((sum, e) => sum + Math.abs(e) ** 0.7, 0)
    }
    expect(norm('hqq')).toBeLessThan(0.97 * norm('rtn'))
  }
})

test('hqq takes the best grid that it saw, in any width: never a worse one than it began with', () => {
  for (const bits of [4, 8] as const)
    for (const symmetric of [false, true])
      for (let seed = 1; seed <= 40; seed++) {
        const values = weights(16, seed)
        const norm = (fit: 'rtn' | 'hqq') => {
          const { scale, zero } = gridOf(values, { bits, symmetric, fit })
          if (symmetric) expect(zero).toBe(2 ** (bits - 1))
          expect(Number.isInteger(zero) && zero >= 0 && zero < 2 ** bits).toBe(true)
          return values.reduce(
            (sum, v) => sum + Math.abs(v - scale * (codeOf(v, { scale, zero }, bits) - zero)) ** 0.7,
            0,
          )
        }
        expect(norm('hqq')).toBeLessThanOrEqual(norm('rtn') * (1 + 1e-6))
      }
  // What lies on a grid already stays there.
  const whole = Float32Array.from({ length: 16 }, (_, i) => i - 8)
  expect(gridOf(whole, { bits: 4, symmetric: false, fit: 'hqq' })).toEqual({ scale: 1, zero: 8 })
})

test('a block of nothing has a grid that gives nothing, and never a step of 0', () => {
  for (const fit of ['rtn', 'hqq'] as const) {
    expect(gridOf(new Float32Array(16), { bits: 4, symmetric: false, fit })).toEqual({ scale: 1, zero: 0 })
    expect(gridOf(new Float32Array(16), { bits: 8, symmetric: true, fit })).toEqual({ scale: 1, zero: 128 })
    const tiny = Float32Array.of(1e-40, -1e-40)
    expect(gridOf(tiny, { bits: 4, symmetric: true, fit })).toEqual({ scale: 1, zero: 8 })
    expect(gridOf(tiny, { bits: 4, symmetric: false, fit }).scale).toBeCloseTo(1.18e-38, 40)
  }
})

test('a block is no longer than the row needs, by halves down to sixteen', () => {
  const of = (rows: number) => blockWithin(rows, 128)
  expect([3, 16, 17, 32, 33, 64, 65, 500].map(of)).toEqual([16, 16, 32, 32, 64, 64, 128, 128])
})

/** XᵀX of inputs that move together, as activations do. */
function gramOf(size: number, samples: number): Float64Array {
  const noise = weights(size * samples, 11)
  const x = Array.from({ length: samples }, (_, s) =>
    Array.from(
      { length: size },
      (_, k) => Math.sin(s * 0.7 + k * 0.05) + 0.3 * noise[s * size + k]! + (k === 3 ? 2 : 0),
    ),
  )
  const gram = new Float64Array(size * size)
  for (const row of x)
    for (let i = 0; i < size; i++) for (let j = 0; j < size; j++) gram[i * size + j]! += row[i]! * row[j]!
  return gram
}

test('the factor of the inverse is that of the inverse', () => {
  const size = 12
  const h = gramOf(size, 40)
  const u = inverseFactor(h, size)!
  // UᵀU · H = 1, and U is upper triangular.
  for (let i = 0; i < size; i++)
    for (let j = 0; j < size; j++) {
      let sum = 0
      for (let k = 0; k < size; k++) {
        let inverse = 0
        for (let r = 0; r < size; r++) inverse += u[r * size + i]! * u[r * size + k]!
        sum += inverse * h[k * size + j]!
      }
      expect(sum).toBeCloseTo(i === j ? 1 : 0, 6)
      if (j < i) expect(u[i * size + j]).toBe(0)
    }
  expect(inverseFactor(Float64Array.of(1, 2, 2, 1), 2)).toBeNull()
})

test('gptq: a smaller error at the outputs, from codes whose weights are further off', () => {
  const [rows, columns] = [96, 24]
  const values = weights(rows * columns, 5)
  const gram = gramOf(rows, 300)
  for (const [bits, block, symmetric] of [
    [4, 32, false],
    [4, 128, true],
    [8, 16, false],
  ] as const) {
    const options = { bits, symmetric, fit: 'rtn' } as const
    const plain = dequantizeBlocks(quantizeBlocks(values, rows, columns, block, options), rows, columns)
    const clever = dequantizeBlocks(gptqBlocks(values, rows, columns, block, options, gram)!, rows, columns)
    const cost = (back: Float32Array) => outputPower(gram, errorOf(values, back), rows)
    expect(cost(clever)).toBeLessThan(0.6 * cost(plain))
  }
})

test('gptq: inputs that were never seen keep the nearest code', () => {
  const [rows, columns] = [32, 8]
  const values = weights(rows * columns, 5)
  const options = { bits: 4, symmetric: false, fit: 'rtn' } as const
  const nearest = quantizeBlocks(values, rows, columns, 32, options)
  expect(gptqBlocks(values, rows, columns, 32, options, new Float64Array(rows * rows))).toEqual(nearest)
})

test('gptq of inputs that have nothing in common rounds to the nearest code, in the same blocks', () => {
  const [rows, columns, block] = [40, 3, 16]
  const values = Float32Array.from(weights(rows * columns, 11), (value, i) => value * (1 + Math.floor(i / 48)))
  const apart = Float64Array.from({ length: rows * rows }, (_, at) => (at % (rows + 1) === 0 ? 1 + at : 0))
  for (const symmetric of [false, true]) {
    const options = { bits: 4, symmetric, fit: 'rtn' } as const
    expect(gptqBlocks(values, rows, columns, block, options, apart)).toEqual(
      quantizeBlocks(values, rows, columns, block, options),
    )
  }
})
