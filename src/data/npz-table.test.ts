import { existsSync } from 'node:fs'
import { mkdtemp, readFile, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { all, values as elements } from './dataset-kit.ts'
import { openDataset } from './index.ts'

// Written by numpy 1.26: savez and savez_compressed of the same arrays, and one array under three header versions.
const fixture = (name: string) => join(import.meta.dirname, 'fixtures', name)
const both = ['numpy-stored.npz', 'numpy-deflated.npz']

const values = (batches: Parameters<typeof elements>[0], name: string) => elements(batches, name).map(String)

const range = (from: number, count: number) => Array.from({ length: count }, (_, i) => String(from + i))

async function scratch(name: string, bytes: Uint8Array): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'whetstone-data-'))
  await writeFile(join(folder, name), bytes)
  return join(folder, name)
}

describe.each(both)('%s', (file) => {
  test('every numeric type reads as numpy wrote it, in both byte orders', async () => {
    const dataset = await openDataset(fixture(file))
    expect(dataset.rows).toBe(7)
    const batches = await all(dataset, { batch: 3 })
    expect(batches.map(({ indices }) => indices)).toEqual([[0, 1, 2], [3, 4, 5], [6]])
    expect(batches[0]!.columns.le_f4!.dims).toEqual([3, 2, 3])
    for (const type of ['i1', 'i2', 'i4', 'i8', 'f4', 'f8'])
      expect(values(batches, `le_${type}`)).toEqual(range(-3, 42))
    for (const type of ['u1', 'u2', 'u4', 'u8']) expect(values(batches, `le_${type}`)).toEqual(range(0, 42))
    for (const type of ['i2', 'i4', 'i8', 'f4', 'f8']) expect(values(batches, `be_${type}`)).toEqual(range(-3, 42))
    expect(values(batches, 'be_u4')).toEqual(range(0, 42))
    expect(values(batches, 'le_b1').slice(0, 4)).toEqual(['1', '0', '1', '0'])
    // float16 −3, −2, −1, 0, 1 in bits.
    expect(values(batches, 'le_f2').slice(0, 5).map(Number)).toEqual([0xc200, 0xc000, 0xbc00, 0, 0x3c00])
    expect(values(batches, 'be_f2').slice(0, 5).map(Number)).toEqual([0xc200, 0xc000, 0xbc00, 0, 0x3c00])
  })

  test('Fortran order becomes row-major', async () => {
    const batches = await all(await openDataset(fixture(file)), { batch: 2, indices: [1, 4, 6] })
    expect(values(batches, 'fortran')).toEqual([...range(24, 24), ...range(96, 24), ...range(144, 24)])
    expect(values(batches, 'fortran_be')).toEqual([...range(6, 6), ...range(24, 6), ...range(36, 6)])
  })

  test('text of both widths', async () => {
    const batches = await all(await openDataset(fixture(file)))
    expect(values(batches, 'text_u')).toEqual(['a', 'bé', '漢字', '😀', '', 'x', 'yy'])
    expect(values(batches, 'text_ube')).toEqual(['a', 'bé', '漢字', '😀', '', 'x', 'yy'])
    expect(values(batches, 'text_s')).toEqual(['a', 'bb', '', 'c', 'd', 'e', 'f'])
  })

  test('roles: label by name, text and other 1-D arrays are slice fields, dates are ignored with a note', async () => {
    const dataset = await openDataset(fixture(file))
    const role = Object.fromEntries(dataset.fields.map((field) => [field.name, field.role]))
    expect(role).toMatchObject({ labels: 'label', text_u: 'slice', le_f4: 'input', fortran: 'input' })
    expect(Number(dataset.constants.scalar?.data[0])).toBe(16000)
    expect(dataset.notes.some((note) => note.includes('"dates"') && note.includes('M8[D]'))).toBe(true)
  })

  test('indices come in the asked order, with repeats', async () => {
    const dataset = await openDataset(fixture(file), {
      inputs: [{ name: 'le_f4', dtype: 'float32', shape: ['n', 2, 3] }],
    })
    const batches = await all(dataset, { indices: [5, 0, 5, 2], batch: 3 })
    expect(batches.map(({ indices }) => indices)).toEqual([[5, 0, 5], [2]])
    expect(values(batches, 'labels')).toEqual(['2', '0', '2', '2'])
    expect(values(batches, 'le_f4').slice(0, 6)).toEqual(range(27, 6))
  })

  test('inputs are cast where no value can change, and never from floating point to integers', async () => {
    const inputs = (name: string, dtype: 'float32' | 'int32' | 'int64') => ({
      inputs: [{ name, dtype, shape: [null, 2, 3] }],
    })
    for (const type of ['u1', 'i8', 'f8', 'i4']) {
      const dataset = await openDataset(fixture(file), inputs(`le_${type}`, 'float32'))
      const column = (await all(dataset))[0]!.columns[`le_${type}`]!
      expect(column.data).toBeInstanceOf(Float32Array)
      expect(Array.from(column.data as Float32Array, String)).toEqual(range(type === 'u1' ? 0 : -3, 42))
      expect(dataset.notes.join()).toContain('cast to float32')
    }
    const half = await openDataset(fixture(file), inputs('be_f2', 'float32'))
    expect(values(await all(half), 'be_f2')).toEqual(range(-3, 42))
    const rounded = await openDataset(fixture(file), {
      inputs: [{ name: 'le_f8', dtype: 'float16', shape: [null, 2, 3] }],
    })
    // −3, −2, −1, 0, 1 in bits.
    expect(
      values(await all(rounded), 'le_f8')
        .slice(0, 5)
        .map(Number),
    ).toEqual([0xc200, 0xc000, 0xbc00, 0, 0x3c00])
    const narrowed = await openDataset(fixture(file), inputs('le_i8', 'int32'))
    expect((await all(narrowed))[0]!.columns.le_i8!.data).toBeInstanceOf(Int32Array)
    await expect(openDataset(fixture(file), inputs('le_f4', 'int64'))).rejects.toMatchObject({
      code: 'bad-data',
      message: expect.stringMatching(/is float32, but the model's input takes int64/),
    })
  })
})

test('all three header versions', async () => {
  const dataset = await openDataset(fixture('numpy-versions.npz'))
  const batches = await all(dataset)
  for (const name of ['v1', 'v2', 'v3']) expect(values(batches, name)).toEqual(['0', '1', '2', '3'])
})

describe('refusals say what, where and what to do', () => {
  const open = (file: string, name: string, shape: (number | null)[]) =>
    openDataset(file, { inputs: [{ name, dtype: 'float32', shape }] })

  test('a wrong input name lists what is there and the nearest', async () => {
    await expect(open(fixture(both[0]!), 'le_f44', [null, 2, 3])).rejects.toMatchObject({
      code: 'bad-data',
      hint: expect.stringMatching(/"le_f4".*Did you mean "le_f4"\?/),
    })
  })

  test('a wrong shape', async () => {
    await expect(open(fixture(both[0]!), 'le_f4', [1, 3, 2])).rejects.toThrow(/rows of shape \[2,3\].*takes \[1,3,2\]/)
  })

  test('a missing file and an unknown ending', async () => {
    await expect(openDataset('/nowhere/at/all.npz')).rejects.toMatchObject({ code: 'missing-file' })
    await expect(openDataset(await scratch('x.docx', new Uint8Array(4)))).rejects.toMatchObject({ code: 'unsupported' })
  })

  test('labels of another length than the inputs', async () => {
    await expect(
      openDataset(fixture(both[0]!), { label: 'odd', inputs: [{ name: 'le_f4', dtype: 'float32', shape: null }] }),
    ).rejects.toThrow(/"odd".*has shape \[3\], but there are 7 rows/)
  })

  test('labels out of the range of the class names, when they are read', async () => {
    const dataset = await openDataset(fixture(both[0]!), { classNames: ['a', 'b'] })
    await expect(all(dataset)).rejects.toThrow(/label "2" of row 2 is none of the 2 classes/)
  })

  test('an index that does not exist', async () => {
    const dataset = await openDataset(fixture(both[0]!))
    await expect(all(dataset, { indices: [7] })).rejects.toThrow(/Row 7 does not exist/)
  })

  test.each(both)('%s: damage anywhere is a UserError or leaves the values as they were', async (file) => {
    const bytes = await readFile(fixture(file))
    const whole = await all(await openDataset(fixture(file)))
    let refused = 0
    for (let at = 11; at < bytes.length; at += 97) {
      const damaged = Uint8Array.from(bytes)
      damaged[at] = damaged[at]! ^ 0x55
      const cut = at % 2 === 0 ? damaged : bytes.subarray(0, at)
      const path = await scratch('damaged.npz', cut)
      try {
        const dataset = await openDataset(path)
        const read = await all(dataset)
        for (const { name } of dataset.fields)
          if (whole[0]!.columns[name]) expect(values(read, name)).toEqual(values(whole, name))
      } catch (error) {
        expect((error as Error).name, String((error as Error).stack)).toBe('UserError')
        refused++
      }
    }
    expect(refused).toBeGreaterThan(10)
  })
})

test('the digest follows the content, not the path', async () => {
  const bytes = await readFile(fixture(both[0]!))
  const a = await (await openDataset(fixture(both[0]!))).digest()
  expect(a).toMatch(/^sha256:[0-9a-f]{64}$/)
  expect(await (await openDataset(await scratch('other.npz', bytes))).digest()).toBe(a)
  expect(await (await openDataset(fixture(both[0]!), { label: 'text_u' })).digest()).not.toBe(a)
  expect(await (await openDataset(fixture(both[1]!))).digest()).not.toBe(a)
})

const zoo = process.env.WHETSTONE_ZOO
// Sums computed with numpy in float64.
test.skipIf(!zoo || !existsSync(zoo)).each([
  ['digits_test.npz', 540, 'X', 168638],
  ['fashion-calib.npz', 512, 'x', -107236.13025492063],
  ['fashion-test.npz', 4000, 'x', -778553.1109392267],
  ['mnist-test.npz', 4000, 'Input3', 97489625],
])('%s of the zoo (skipped where WHETSTONE_ZOO is not set)', async (file, rows, input, sum) => {
  const dataset = await openDataset(join(zoo!, 'data', file))
  expect(dataset.rows).toBe(rows)
  expect(dataset.fields.map(({ name, role }) => `${name}:${role}`)).toEqual([`${input}:input`, 'labels:label'])
  let total = 0
  for await (const batch of dataset.read({ batch: 64 }))
    for (const value of batch.columns[input]!.data as Float32Array) total += value
  expect(total).toBeCloseTo(sum, 3)
})

test('labels that cannot be read end the reading: without them the rows would be judged by another rule', async () => {
  await expect(openDataset(fixture('numpy-object-labels.npz'))).rejects.toMatchObject({
    code: 'bad-data',
    message: expect.stringContaining('|O'),
    hint: expect.stringContaining('astype("U")'),
  })
})

test('without a model, texts in rows with axes are inputs as numbers are, unless their lengths differ', async () => {
  const lines = [
    { name: ['a'], x: [1, 2], tags: [], city: 'Bonn' },
    { name: ['b'], x: [3, 4], tags: ['new', 'red'], city: 'Kiel' },
  ]
  const path = await scratch('rows.jsonl', Buffer.from(lines.map((line) => JSON.stringify(line)).join('\n')))
  const dataset = await openDataset(path)
  const roles = Object.fromEntries(dataset.fields.map(({ name, role }) => [name, role]))
  expect(roles).toEqual({ name: 'input', x: 'input', city: 'slice' })
  const [rows] = await all(dataset)
  expect(rows!.columns.name).toMatchObject({ dtype: 'string', dims: [2, 1], data: ['a', 'b'] })
})
