import { createHash } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import type { Column, Dataset } from '../dataset.ts'
import { memoryDataset } from '../memory-dataset.ts'
import { randomNumbers } from '../random-numbers.ts'
import { applicable, corrupted, corruptionsOf, nudged } from './corrupt.ts'
import { understand } from './modality.ts'
import { nudges } from './nudges.ts'

/** Shapes and a little texture, in levels of 255. */
function scene(rows: number, channels: number, height: number, width: number): Float32Array {
  const random = randomNumbers(7)
  return Float32Array.from({ length: rows * channels * height * width }, (_, i) => {
    const [x, y, c] = [i % width, Math.floor(i / width) % height, Math.floor(i / (width * height)) % channels]
    const inside = (x - width / 2) ** 2 + (y - height / 2) ** 2 < (height / 4) ** 2
    const base = inside ? 200 - 40 * c : 60 + 30 * c + (80 * x) / width
    return Math.round(base + 20 * random()) / 255
  })
}

const images = (data: Column['data'], dims: readonly number[], dtype: Column['dtype'] = 'float32', more = {}) =>
  memoryDataset(
    { x: { dtype, dims, data } },
    { inputs: [{ name: 'x', dtype, shape: ['n', ...dims.slice(1)] }], ...more },
  )

async function valuesOf(data: Dataset, options: Parameters<Dataset['read']>[0] = {}): Promise<number[]> {
  const values: number[] = []
  for await (const rows of data.read(options)) values.push(...Array.from(rows.columns.x!.data as Float32Array, Number))
  return values
}

const NAMES = corruptionsOf('images').map(({ name }) => name)

describe('images', () => {
  test('the fifteen of the paper, in four groups', () => {
    expect(NAMES).toHaveLength(15)
    expect([...new Set(corruptionsOf('images').map(({ group }) => group))]).toEqual([
      'noise',
      'blur',
      'weather',
      'digital',
    ])
  })
  test('the same bytes in any order and batch, others for another seed and row', async () => {
    const one = scene(1, 3, 24, 32)
    const data = await images(Float32Array.from([...one, ...one, ...one]), [3, 3, 24, 32])
    const known = await understand(data)
    const random = new Set([
      'gaussian-noise',
      'shot-noise',
      'impulse-noise',
      'glass-blur',
      'motion-blur',
      'snow',
      'frost',
      'fog',
      'elastic-transform',
    ])
    for (const name of NAMES) {
      const whole = await valuesOf(corrupted(data, known, name, 3, 0))
      const size = whole.length / 3
      const backwards = await valuesOf(corrupted(data, known, name, 3, 0), { indices: [2, 0], batch: 1 })
      expect(backwards).toEqual([...whole.slice(2 * size), ...whole.slice(0, size)])
      const other = await valuesOf(corrupted(data, known, name, 3, 1))
      expect([name, other.some((value, i) => value !== whole[i])]).toEqual([name, random.has(name)])
      expect([name, whole.slice(0, size).some((value, i) => value !== whole[size + i])]).toEqual([
        name,
        random.has(name),
      ])
    }
  })
  test('these very bytes: whoever changes them raises the generation in corrupt.ts', async () => {
    const data = await images(scene(1, 3, 24, 32), [1, 3, 24, 32], 'float32', { domains: { x: [0, 1] } })
    const known = await understand(data)
    const hash = createHash('sha256')
    for (const name of NAMES)
      for (const severity of [1, 5])
        hash.update(
          Uint8Array.from(await valuesOf(corrupted(data, known, name, severity, 0)), (value) =>
            Math.round(value * 255),
          ),
        )
    expect(hash.digest('hex').slice(0, 16)).toBe('daf7f0ed3c4cbc45')
  })
  test('28 × 28 gray, a strip and a photo: within black and white, stronger at 5 than at 1', async () => {
    for (const dims of [
      [1, 1, 28, 28],
      [1, 3, 12, 90],
      [1, 3, 80, 100],
    ]) {
      const [, channels, height, width] = dims as [number, number, number, number]
      const data = await images(scene(1, channels, height, width), dims)
      const known = await understand(data)
      const before = await valuesOf(data)
      const distance = async (name: string, severity: number) => {
        const after = await valuesOf(corrupted(data, known, name, severity, 0))
        expect(after.every((value) => value >= 0 && value <= 1)).toBe(true)
        return after.reduce((sum, value, i) => sum + (value - before[i]!) ** 2, 0) / after.length
      }
      for (const name of NAMES) {
        const [slight, strong] = [await distance(name, 1), await distance(name, 5)]
        expect([name, strong > 0]).toEqual([name, true])
        // The first severities of the elastic transform move more than the last, in the original as well.
        if (name !== 'elastic-transform' && name !== 'glass-blur') expect([name, strong > slight]).toEqual([name, true])
      }
    }
  })
  test('layout, range, type and leading axes do not matter to the picture', async () => {
    // Numbers that every form holds exactly: a rounding could change a draw.
    const pixels = scene(1, 3, 16, 20).map((value) => Math.round(value * 255) / 256)
    const plane = (i: number) => Math.floor(i / 320)
    const [mean, deviation] = [
      [0.5, 0.25, 0.75],
      [0.5, 0.25, 1],
    ]
    const ranges = mean.map((m, c) => [-m / deviation[c]!, (1 - m) / deviation[c]!] as const)
    const scaled = pixels.map((value, i) => (value - mean[plane(i)]!) / deviation[plane(i)]!)
    const turned = pixels.map((_, i) => pixels[(i % 3) * 320 + Math.floor(i / 3)]!)
    const forms = {
      planes: await images(pixels, [1, 3, 16, 20]),
      signed: await images(
        pixels.map((value) => 2 * value - 1),
        [1, 3, 16, 20],
        'float32',
        { domains: { x: [-1, 1] } },
      ),
      normalized: await images(scaled, [1, 1, 3, 16, 20], 'float32', { pixels: { x: ranges } }),
      rows: await images(turned, [1, 16, 20, 3]),
      levels: await images(
        Uint8Array.from(pixels, (value) => 256 * value),
        [1, 3, 16, 20],
        'uint8',
      ),
      fractions: await images(
        Float64Array.from(pixels, (value) => (256 * value) / 255),
        [1, 3, 16, 20],
        'float64',
      ),
    }
    for (const name of NAMES) {
      const levelsOf = async (form: keyof typeof forms, of: (value: number, i: number) => number) => {
        const known = await understand(forms[form])
        const values = await valuesOf(corrupted(forms[form], known, name, 4, 5))
        return values.map((value, i) => Math.abs(Math.round(255 * of(value, i))))
      }
      const wanted = await levelsOf('planes', (value) => value)
      expect(await levelsOf('signed', (value) => (value + 1) / 2)).toEqual(wanted)
      expect(await levelsOf('normalized', (value, i) => value * deviation[plane(i)]! + mean[plane(i)]!)).toEqual(wanted)
      const byRow = await levelsOf('rows', (value) => value)
      expect(byRow.map((_, i) => byRow[(i % 320) * 3 + plane(i)]!)).toEqual(wanted)
      expect(await levelsOf('levels', (value) => value / 255)).toEqual(await levelsOf('fractions', (value) => value))
    }
  })
  test('what they are: the deviation of noise, the contrast, a flat picture in blur and JPEG', async () => {
    const flat = await images(new Float32Array(3 * 64 * 64).fill(0.5), [1, 3, 64, 64])
    const known = await understand(flat, { range: [0, 1] })
    const spread = (values: readonly number[]) => {
      const mean = values.reduce((a, b) => a + b, 0) / values.length
      return Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length)
    }
    expect(spread(await valuesOf(corrupted(flat, known, 'gaussian-noise', 1, 0)))).toBeCloseTo(0.08, 2)
    expect(spread(await valuesOf(corrupted(flat, known, 'shot-noise', 1, 0)))).toBeCloseTo(Math.sqrt(0.5 / 60), 2)
    const salt = await valuesOf(corrupted(flat, known, 'impulse-noise', 5, 0))
    expect(salt.filter((value) => value === 0 || value === 1).length / salt.length).toBeCloseTo(0.27, 1)
    for (const name of [
      'defocus-blur',
      'motion-blur',
      'zoom-blur',
      'glass-blur',
      'contrast',
      'pixelate',
      'jpeg-compression',
      'elastic-transform',
    ])
      expect([
        name,
        Math.max(...(await valuesOf(corrupted(flat, known, name, 5, 0))).map((value) => Math.abs(value - 0.5))),
      ]).toEqual([name, expect.closeTo(0, 2)])
    const halves = await images(
      Float32Array.from({ length: 64 }, (_, i) => i % 2),
      [1, 1, 8, 8],
    )
    const pale = await valuesOf(corrupted(halves, await understand(halves), 'contrast', 1, 0))
    expect([Math.min(...pale), Math.max(...pale)]).toEqual([expect.closeTo(0.3, 2), expect.closeTo(0.7, 2)])
  })
  test('black and white come from the rows where nothing says them, and the report tells', async () => {
    const range = async (values: readonly number[], options = {}) => {
      const data = await images(Float32Array.from(values), [1, 1, 2, 2])
      return understand(data, options)
    }
    expect((await range([0, 0.2, 0.4, 1])).pixels.x!.ranges).toEqual([[0, 1]])
    expect((await range([-1, 0.2, 0.4, 1])).pixels.x!.ranges).toEqual([[-1, 1]])
    expect((await range([0, 20, 40, 200])).pixels.x!.ranges).toEqual([[0, 255]])
    const own = await range([-2, 0, 1, 3])
    expect(own.pixels.x!.ranges).toEqual([[-2, 3]])
    expect(own.notes[0]).toMatch(/were taken to reach from -2 \(black\) to 3 \(white\), by the rows;/)
    const many = await images(
      Float32Array.from({ length: 300 * 4 }, (_, i) => i),
      [300, 1, 2, 2],
    )
    expect((await understand(many)).notes[0]).toMatch(/\(white\), by 256 of the rows;/)
    expect((await range([5, 5, 5, 5], { range: [0, 10] })).pixels.x!.ranges).toEqual([[0, 10]])
    await expect(range([-5, -5, -5, -5])).rejects.toThrow(/same value/)
  })
})

describe('sounds', () => {
  const wave = Float32Array.from({ length: 2 * 4000 }, (_, i) => 0.5 * Math.sin(i * 0.05))
  const sounds = () => images(wave, [2, 4000])
  test('a long vector of both signs is one', async () => {
    expect((await understand(await sounds())).modality).toBe('audio')
    expect((await understand(await sounds(), { modality: 'table' })).modality).toBe('table')
  })
  test('noise has the stated ratio, clipping and gain the stated size, dropouts the stated share', async () => {
    const data = await sounds()
    const known = await understand(data)
    const change = async (name: string, severity: number) => valuesOf(corrupted(data, known, name, severity, 0))
    const power = (values: ArrayLike<number>) => Array.from(values).reduce((sum, value) => sum + value * value, 0)
    for (const [severity, decibels] of [
      [1, 30],
      [3, 15],
      [5, 5],
    ] as const) {
      const noisy = await change('noise', severity)
      const noise = noisy.map((value, i) => value - wave[i]!)
      expect(10 * Math.log10(power(wave) / power(noise))).toBeCloseTo(decibels, 0)
    }
    expect(Math.max(...(await change('clipping', 3)))).toBeCloseTo(0.2, 3)
    expect(Math.max(...(await change('gain', 2)))).toBeCloseTo(0.5 * 10 ** (-12 / 20), 3)
    const gaps = await change('dropouts', 4)
    const silent = gaps.filter((value, i) => value === 0 && wave[i] !== 0).length
    expect(silent / gaps.length).toBeCloseTo(0.2, 1)
    const low = await change('resampling', 2)
    expect(Math.max(...low.map((value, i) => Math.abs(value - wave[i]!)))).toBeLessThan(0.02)
  })
  test('silence stays silent under noise', async () => {
    const data = await images(new Float32Array(500), [1, 500])
    const known = await understand(data, { modality: 'audio' })
    expect(new Set(await valuesOf(corrupted(data, known, 'noise', 5, 0)))).toEqual(new Set([0]))
  })
})

describe('texts', () => {
  const words = ['The quick brown fox jumps over the lazy dog', 'SOME Words']
  test('what each does', async () => {
    const data = await memoryDataset(
      { x: { dtype: 'string', dims: [2], data: words } },
      { inputs: [{ name: 'x', dtype: 'string', shape: ['n'] }] },
    )
    const known = await understand(data)
    expect(known.modality).toBe('text')
    const change = async (name: string, severity: number) => {
      for await (const rows of corrupted(data, known, name, severity, 0).read({}))
        return rows.columns.x!.data as readonly string[]
      return []
    }
    expect((await change('case', 5))[0]).toBe(words[0]!.toUpperCase())
    expect((await change('case', 5))[1]).toBe('some WORDS')
    const typos = (await change('typos', 5))[0]!
    expect(typos).not.toBe(words[0])
    expect(typos.split(' ')).toHaveLength(9)
    expect((await change('spacing', 5))[0]!.replaceAll(' ', '')).toBe(words[0]!.replaceAll(' ', ''))
    const alike = (await change('look-alikes', 5))[0]!
    expect(alike).toHaveLength(words[0]!.length)
    expect(/[а-яѕі]/.test(alike)).toBe(true)
  })
})

describe('tables', () => {
  test('whole numbers that may be tokens are changed as a table, which is said; few values, or a table by word, are one', async () => {
    const rows = async (most: number, options = {}) =>
      understand(
        await memoryDataset(
          {
            x: {
              dtype: 'int64',
              dims: [40, 9],
              data: BigInt64Array.from({ length: 360 }, (_, i) => BigInt((i * 7) % most)),
            },
          },
          { inputs: [{ name: 'x', dtype: 'int64', shape: ['n', 9] }] },
        ),
        options,
      )
    const tokens = await rows(97)
    expect([tokens.modality, tokens.notes.join()]).toEqual([
      'table',
      expect.stringMatching(/If they are tokens of a text/),
    ])
    expect((await rows(97, { modality: 'table' })).notes).toEqual([])
    expect((await rows(5)).notes).toEqual([])
  })
  test('of tokens, none becomes one that no row has, and the mask beside them stays', async () => {
    const ids = BigInt64Array.from({ length: 360 }, (_, i) => BigInt(3 + ((i * 7) % 97)))
    const data = await memoryDataset(
      {
        ids: { dtype: 'int64', dims: [40, 9], data: ids },
        mask: { dtype: 'int64', dims: [40, 9], data: new BigInt64Array(360).fill(1n) },
      },
      { inputs: ['ids', 'mask'].map((name) => ({ name, dtype: 'int64', shape: ['n', 9] })) },
    )
    const known = await understand(data)
    expect(known.names).toEqual(['ids'])
    for (const { name } of applicable(known)) {
      const changed: bigint[] = []
      for await (const { columns } of corrupted(data, known, name, 5, 0).read()) {
        changed.push(...(columns.ids!.data as BigInt64Array))
        expect([...(columns.mask!.data as BigInt64Array)].every((value) => value === 1n)).toBe(true)
      }
      expect(changed).not.toEqual([...ids])
      expect(changed.every((value) => value >= 3n && value <= 99n)).toBe(true)
    }
  })
  const columns = Float32Array.from({ length: 3 * 200 }, (_, i) =>
    i % 3 === 0 ? Math.floor(i / 3) % 4 : i % 3 === 1 ? Math.sin(i) * 10 : i / 7,
  )
  const table = () => images(columns, [200, 3])
  test('missing is the mean or a category, noise has the stated deviation, slips are powers of ten, categories are seen ones', async () => {
    const data = await table()
    const known = await understand(data)
    expect(known.modality).toBe('table')
    expect(known.places.x!.map(({ categories }) => categories?.length ?? null)).toEqual([4, null, null])
    const change = async (name: string) => valuesOf(corrupted(data, known, name, 5, 0))
    const missing = await change('missing')
    const filled = missing.flatMap((value, i) => (i % 3 === 1 && value !== columns[i] ? [value] : []))
    // Half of 200, by draws: 80 to 120 with all but certainty.
    expect(Math.abs(filled.length - 100)).toBeLessThan(25)
    expect(new Set(filled.map((value) => Math.round(value * 1e4)))).toEqual(
      new Set([Math.round(known.places.x![1]!.mean * 1e4)]),
    )
    const slips = (await change('unit-slips')).flatMap((value, i) =>
      value !== columns[i] && columns[i] !== 0 ? [Math.log10(value / columns[i]!)] : [],
    )
    expect(slips.length).toBeGreaterThan(60)
    for (const power of slips) expect(Math.abs(power - Math.round(power))).toBeLessThan(1e-4)
    const shifted = await change('category-shift')
    expect(shifted.every((value, i) => (i % 3 === 0 ? [0, 1, 2, 3].includes(value) : value === columns[i]))).toBe(true)
    expect(shifted.some((value, i) => value !== columns[i])).toBe(true)
  })
  test('without categories there is nothing to shift; with NaN in a column, missing is NaN', async () => {
    const data = await images(
      Float32Array.from({ length: 60 }, (_, i) => (i === 3 ? Number.NaN : Math.sin(i))),
      [60, 1],
    )
    const known = await understand(data)
    expect(applicable(known).map(({ name }) => name)).toEqual(['missing', 'noise', 'unit-slips'])
    expect((await valuesOf(corrupted(data, known, 'missing', 3, 0))).filter(Number.isNaN).length).toBeGreaterThan(3)
  })
})

test('the smallest changes are one level, one pixel, one sample', async () => {
  const data = await images(Float32Array.from([0, 0.2, 0.4, 1]), [1, 1, 2, 2], 'float32', { domains: { x: [0, 1] } })
  const known = await understand(data)
  const near = (values: readonly number[]) => values.map((value) => expect.closeTo(value, 6))
  expect(await valuesOf(nudged(data, known, 'one level up'))).toEqual(near([1 / 255, 0.2 + 1 / 255, 0.4 + 1 / 255, 1]))
  expect(await valuesOf(nudged(data, known, 'one level down'))).toEqual(
    near([0, 0.2 - 1 / 255, 0.4 - 1 / 255, 1 - 1 / 255]),
  )
  expect(await valuesOf(nudged(data, known, 'one pixel right'))).toEqual(near([0, 0, 0.4, 0.4]))
  expect(await valuesOf(nudged(data, known, 'one pixel up'))).toEqual(near([0.4, 1, 0.4, 1]))
  expect(Object.keys(nudges.audio)).toHaveLength(4)
})

test('the digest names the corruption, and what was not understood is refused', async () => {
  const data = await images(
    new Float32Array(12).fill(0.5).map((_, i) => i / 12),
    [1, 3, 2, 2],
  )
  const known = await understand(data)
  const digests = [
    data,
    corrupted(data, known, 'fog', 1, 0),
    corrupted(data, known, 'fog', 2, 0),
    corrupted(data, known, 'fog', 1, 1),
  ]
  expect(new Set(await Promise.all(digests.map((one) => one.digest()))).size).toBe(4)
  await expect(understand(data, { modality: 'text' })).rejects.toThrow(/no input holds text/)
  const vectors = await images(new Float32Array(8), [2, 4])
  await expect(understand(vectors, { modality: 'images' })).rejects.toThrow(/no input is shaped like an image/)
})
