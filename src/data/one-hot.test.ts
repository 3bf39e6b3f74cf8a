import { mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeAll, expect, test } from 'vitest'
import { writeNpz } from '../../bench/write-npz.ts'
import { memoryDataset, openDataset } from './index.ts'

let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'whetstone-one-hot-'))
})

const inputs = [{ name: 'x', dtype: 'float32', shape: ['n', 2] }] as const
const x = Float32Array.of(1, 2, 3, 4, 5, 6)

// 0, 1, 2 and 0.5 as IEEE 754 binary16.
const HALF = { 0: 0x0000, 1: 0x3c00, 2: 0x4000, 0.5: 0x3800 } as const
const halves = (...numbers: readonly (keyof typeof HALF)[]) => Uint16Array.from(numbers, (number) => HALF[number])

test('halves that are no input are read as the numbers that they are, with class names and one-hot too', async () => {
  const columns = {
    x: { dtype: 'float32', dims: [3, 2], data: x },
    labels: { dtype: 'float16', dims: [3], data: halves(2, 0, 1) },
    share: { dtype: 'float16', dims: [3], data: halves(0.5, 1, 0) },
  } as const
  const labelsOf = async (over: object, options: object = {}) => {
    const data = await memoryDataset({ ...columns, ...over }, { inputs, ...options })
    const found: string[] = []
    for await (const { columns } of data.read())
      for (const name of ['labels', 'share']) found.push(Array.from(columns[name]!.data, String).join(' '))
    return found
  }
  expect(await labelsOf({})).toEqual(['2 0 1', '0.5 1 0'])
  expect(await labelsOf({}, { classNames: ['a', 'b', 'c'] })).toEqual(['2 0 1', '0.5 1 0'])
  const hot = { labels: { dtype: 'float16', dims: [3, 2], data: halves(0, 1, 1, 0, 0, 1) } }
  expect(await labelsOf(hot)).toEqual(['1 0 1', '0.5 1 0'])
})

async function read(path: string, indices?: readonly number[]) {
  const data = await openDataset(path, { inputs })
  const labels: string[] = []
  for await (const { columns } of data.read({ batch: 2, ...(indices ? { indices } : {}) }))
    labels.push(...Array.from(columns.labels!.data as Iterable<number | bigint>, String))
  return { labels, notes: data.notes.join(' '), field: data.fields.find(({ name }) => name === 'labels')! }
}

function npz(labels: Float32Array | Uint8Array, k: number): string {
  const path = join(folder, 'rows.npz')
  const bytes = (data: Float32Array | Uint8Array) => new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
  const dtype = labels instanceof Uint8Array ? 'uint8' : 'float32'
  writeNpz(path, {
    x: { dtype: 'float32', dims: [3, 2], bytes: bytes(x) },
    labels: { dtype, dims: [3, k], bytes: bytes(labels) },
  })
  return path
}

test('one-hot labels are class numbers, whatever their type and the file; in any order of rows', async () => {
  const hot = [0, 0, 1, 1, 0, 0, 0, 1, 0]
  const floats = await read(npz(Float32Array.from(hot), 3))
  expect(floats.labels).toEqual(['2', '0', '1'])
  expect(floats.field).toMatchObject({ dtype: 'int64', rowShape: [], role: 'label' })
  expect(floats.notes).toMatch(/one-hot vectors of 3 numbers/)
  expect((await read(npz(Uint8Array.from(hot), 3))).labels).toEqual(['2', '0', '1'])
  expect((await read(npz(Float32Array.from(hot), 3), [2, 0])).labels).toEqual(['1', '2'])
  const lines = [0, 1, 2].map((i) => JSON.stringify({ x: [i, 1], labels: hot.slice(3 * i, 3 * i + 3) })).join('\n')
  await writeFile(join(folder, 'rows.jsonl'), lines)
  expect((await read(join(folder, 'rows.jsonl'))).labels).toEqual(['2', '0', '1'])
})

test('one row that is not one-hot, and all rows are what they are: several classes, probabilities, one column', async () => {
  for (const other of [
    [0, 1, 1, 0, 1, 1],
    [0, 1, 1, 0, 0, 0],
    [0, 1, 1, 0, 0.25, 0.75],
    [0, 1, 1, 0, 0, 2],
  ]) {
    const { labels, field, notes } = await read(npz(Float32Array.from(other), 2))
    expect([labels, field.rowShape, notes]).toEqual([other.map(String), [2], ''])
  }
  expect((await read(npz(Float32Array.of(1, 1, 1), 1))).field.rowShape).toEqual([1])
})
