import { existsSync, readFileSync } from 'node:fs'
import { copyFile, mkdtemp, readFile, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import sharp from 'sharp'
import { beforeEach, describe, expect, test } from 'vitest'
import { all, values, writeIn } from './dataset-kit.ts'
import { type InputWish, openDataset } from './index.ts'

let folder = ''
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'whetstone-set-'))
})

const write = (name: string, content: string | Uint8Array | object) => writeIn(folder, name, content)

const x2: InputWish = { name: 'x', dtype: 'float32', shape: ['n', 2] }
const dot = (value: number) =>
  sharp(Uint8Array.of(value, value, value), { raw: { height: 1, width: 1, channels: 3 } })
    .png()
    .toBuffer()

describe('tables', () => {
  test('files of one set may hold whole numbers where others hold fractions or missing ones; text among them may not', async () => {
    await write('a.csv', 'x0,x1,age,label\n1,2,30,0\n')
    await write('b.csv', 'x0,x1,age,label\n3,4.5,,1\n')
    await write('c.csv', 'x0,x1,age,label\n5,6,9007199254740991,1\n')
    await write('dataset.json', { files: ['a.csv', 'b.csv', 'c.csv'], slices: ['age'] })
    const batches = await all(await openDataset(folder, { inputs: [x2] }))
    expect(values(batches, 'x')).toEqual([1, 2, 3, 4.5, 5, 6])
    expect(values(batches, 'age')).toEqual([30, Number.NaN, 9007199254740991])
    expect(values(batches, 'label')).toEqual([0, 1, 1])
    await write('c.csv', 'x0,x1,age,label\n5,6,old,1\n')
    await expect(openDataset(folder, { inputs: [x2] })).rejects.toThrow(/"age" is string in .*c.csv/)
  })

  test('renamed fields, constants, starting values, label, slices and class names', async () => {
    await write('rows.jsonl', '{"audio":[1,2],"who":"b","kind":"no"}\n{"audio":[3,4],"who":"a","kind":"yes"}\n')
    await write('dataset.json', {
      description: 'two rows',
      files: 'rows.jsonl',
      rename: { audio: 'x' },
      label: 'kind',
      slices: ['who'],
      classNames: ['no', 'yes'],
      constants: { sr: 16000, gain: [[0.5, 2]] },
      state: { h: 0, c: 1 },
      domains: { x: [-1, 1] },
    })
    const inputs: InputWish[] = [
      x2,
      { name: 'sr', dtype: 'int64', shape: [] },
      { name: 'gain', dtype: 'float32', shape: [1, 2] },
      { name: 'h', dtype: 'float32', shape: [1, 'batch', 2] },
      { name: 'c', dtype: 'float32', shape: [1, 'batch', 2] },
    ]
    for (const path of [folder, join(folder, 'dataset.json')]) {
      const dataset = await openDataset(path, { inputs })
      expect(dataset.constants).toEqual({
        sr: { dtype: 'int64', dims: [], data: BigInt64Array.of(16000n) },
        gain: { dtype: 'float32', dims: [1, 2], data: Float32Array.of(0.5, 2) },
        h: { dtype: 'float32', dims: [1, 1, 2], data: Float32Array.of(0, 0) },
        c: { dtype: 'float32', dims: [1, 1, 2], data: Float32Array.of(1, 1) },
      })
      expect(dataset.domains).toEqual({ x: [-1, 1] })
      const batches = await all(dataset)
      expect(values(batches, 'x')).toEqual([1, 2, 3, 4])
      expect(values(batches, 'kind').map(Number)).toEqual([0, 1])
      expect(dataset.fields.find(({ name }) => name === 'who')?.role).toBe('slice')
    }
  })

  test('several files of the same fields are one set', async () => {
    await write('part-1.csv', 'a,b,label\n1,2,0\n3,4,1\n')
    await write('part-2.csv', 'a,b,label\n5,6,1\n')
    await write('dataset.json', { files: 'part-*.csv' })
    const dataset = await openDataset(folder, { inputs: [x2] })
    expect(dataset.rows).toBe(3)
    expect(values(await all(dataset), 'x')).toEqual([1, 2, 3, 4, 5, 6])
    const chosen: number[] = []
    for await (const { columns } of dataset.read({ indices: [2, 0] })) chosen.push(...(columns.x!.data as Float32Array))
    expect(chosen).toEqual([5, 6, 1, 2])
    await write('part-3.csv', 'a,c,label\n5,6,1\n')
    await expect(openDataset(folder, { inputs: [x2] })).rejects.toThrow(/part-3\.csv" has no field "b"/)
  })

  test('a label on the command line wins over the file', async () => {
    await write('rows.jsonl', '{"x":[1,2],"a":1,"b":2}\n')
    await write('dataset.json', { files: 'rows.jsonl', label: 'a' })
    const dataset = await openDataset(folder, { inputs: [x2], label: 'b' })
    expect(dataset.fields.find(({ role }) => role === 'label')?.name).toBe('b')
  })
})

describe('images', () => {
  const inputs: InputWish[] = [{ name: 'x', dtype: 'float32', shape: ['n', 3, 1, 1] }]

  test('a list of files with text labels and slice fields', async () => {
    await write('a.png', await dot(0))
    await write('b.png', await dot(255))
    await write('dataset.json', {
      files: [
        { file: 'b.png', label: 'hello', font: 'serif', length: 5 },
        { file: 'a.png', label: '12.50', font: 'mono', length: 5 },
      ],
      slices: ['font'],
    })
    const dataset = await openDataset(folder, { inputs })
    const batches = await all(dataset)
    expect(values(batches, 'label')).toEqual(['hello', '12.50'])
    expect(values(batches, 'font')).toEqual(['serif', 'mono'])
    expect(values(batches, 'x')).toEqual([1, 1, 1, 0, 0, 0])
    expect(dataset.fields.map(({ name, role }) => `${name}:${role}`).sort()).toEqual([
      'font:slice',
      'id:id',
      'label:label',
      'length:slice',
      'x:input',
    ])
  })

  test('a table that names the files', async () => {
    await write('img/a.png', await dot(255))
    await write('rows.csv', 'picture,label,site\nimg/a.png,1,north\n')
    await write('dataset.json', { files: 'rows.csv', image: 'picture' })
    const dataset = await openDataset(folder, { inputs })
    const batches = await all(dataset)
    expect([values(batches, 'x'), values(batches, 'label'), values(batches, 'site')]).toEqual([
      [1, 1, 1],
      [1],
      ['north'],
    ])
  })

  test('patterns, and folders after the named ones as classes', async () => {
    await write('data/cat/a.png', await dot(0))
    await write('data/dog/b.png', await dot(255))
    await write('data/odd/c.png', await dot(255))
    await write('dataset.json', { files: 'data/**/*.{png,jpg}', exclude: ['data/odd/**'], classNames: ['dog', 'cat'] })
    const dataset = await openDataset(folder, { inputs })
    expect(values(await all(dataset), 'label').map(Number)).toEqual([1, 0])
    await write('dataset.json', { files: 'data/**/*.jpg' })
    await expect(openDataset(folder, { inputs })).rejects.toThrow(/finds no files/)
  })

  test('patterns that begin at the folder itself, or above it', async () => {
    await write('data/cat/a.png', await dot(0))
    await write('data/dog/b.png', await dot(255))
    for (const [name, files] of [
      ['set/dataset.json', '../data/*/*.png'],
      ['set/deep/dataset.json', '../../data/*/*.png'],
      ['dataset.json', './data/*/*.png'],
    ] as const) {
      await write(name, { files, classNames: ['dog', 'cat'] })
      const dataset = await openDataset(join(folder, dirname(name)), { inputs })
      expect(values(await all(dataset), 'label').map(Number)).toEqual([1, 0])
    }
  })

  test('a listed file that is missing is an error, not a skipped row', async () => {
    await write('dataset.json', { files: ['a.png'] })
    const dataset = await openDataset(folder, { inputs })
    await expect(all(dataset)).rejects.toMatchObject({ code: 'missing-file' })
  })
})

test('bytes: first and last bytes without outer white space, padded', async () => {
  await write('txt/a.txt', ' \nabcdef \t')
  await write('bin/empty.dat', '')
  await write('dataset.json', { kind: 'bytes', files: '*/*', bytes: { begin: 4, end: 3 } })
  const dataset = await openDataset(folder, { inputs: [{ name: 'bytes', dtype: 'int32', shape: ['n', 7] }] })
  const batches = await all(dataset)
  expect(values(batches, 'bytes')).toEqual([256, 256, 256, 256, 256, 256, 256, 97, 98, 99, 100, 100, 101, 102])
  expect(dataset.classNames).toEqual(['bin', 'txt'])
})

test.each([
  [{ fils: 'a' }, /"fils" in .* is not known/, /Did you mean "files"/],
  [{ files: 3 }, /"files" in .* must be a file or pattern/, null],
  [{ domains: { x: [1, 0] } }, /"domains" in .* must be/, null],
  [{ files: 'rows.jsonl', constants: { srr: 1 } }, /"constants" .* names "srr"/, null],
  [{ files: 'rows.jsonl', domains: { X: [0, 1] } }, /"domains" .* names "X"/, /It takes "x"/],
  [{ files: 'rows.jsonl', constants: { x: [[1], [2, 3]] } }, /constant "x" .* is no number/, null],
  [{ files: 'rows.jsonl', rename: { z: 'x' } }, /no field "z" to rename/, null],
  [{ files: 'rows.jsonl', slices: ['city'] }, /no slice field "city"/, null],
  [{ files: '[z-a]*' }, /pattern .* cannot be understood/, null],
  ['{', /is not JSON/, null],
])('refused: %j', async (content, message, hint) => {
  await write('rows.jsonl', '{"x":[1,2]}\n')
  await write('dataset.json', content)
  const error = await openDataset(folder, { inputs: [x2] }).catch((error) => error)
  expect(error).toMatchObject({ name: 'UserError', message: expect.stringMatching(message) })
  if (hint) expect(error.hint).toMatch(hint)
})

// The examples of the guide are opened as they stand, over files made here.
describe('docs/datasets.md', () => {
  const guide = readFileSync(join(import.meta.dirname, '../../docs/datasets.md'), 'utf8')
  const examples = [...guide.matchAll(/```json dataset\.json\n([\s\S]*?)```/g)].map((match) => match[1]!)

  test('has examples', () => expect(examples.length).toBeGreaterThanOrEqual(5))

  test.each(examples.map((example) => [example]))('example %#', async (example) => {
    for (const name of ['images/cat/1.png', 'images/dog/2.png', 'lines/0001.png', 'lines/0002.png'])
      await write(
        name,
        await sharp({ create: { height: 30, width: 40, channels: 3, background: '#456' } })
          .png()
          .toBuffer(),
      )
    await write('samples/python/a.py', 'import os\n')
    await write('speech.jsonl', `{"audio":[${new Array(576).fill(0)}],"spoken":"yes","speaker":"s1"}\n`)
    await copyFile(join(import.meta.dirname, 'fixtures/numpy-stored.npz'), join(folder, 'part-1.npz'))
    await copyFile(join(import.meta.dirname, 'fixtures/numpy-stored.npz'), join(folder, 'part-2.npz'))
    await write('preprocessor_config.json', { size: { height: 8, width: 8 }, image_mean: [0.5], image_std: [0.5] })
    await write('dataset.json', example)
    const dataset = await openDataset(folder)
    expect((await all(dataset)).length).toBeGreaterThan(0)
    expect(dataset.skipped).toEqual([])
  })
})

const zoo = process.env.WHETSTONE_ZOO
test.skipIf(!zoo || !existsSync(zoo))('Magika’s files (skipped where WHETSTONE_ZOO is not set)', async () => {
  const config = JSON.parse(await readFile(join(zoo!, 'data/magika-standard_v3_3.config.json'), 'utf8'))
  await symlink(join(zoo!, 'data/magika-basic'), join(folder, 'files'))
  await write('dataset.json', {
    kind: 'bytes',
    files: 'files/*/*',
    exclude: ['files/empty/*'],
    classNames: config.target_labels_space,
  })
  const dataset = await openDataset(folder, { inputs: [{ name: 'bytes', dtype: 'int32', shape: [null, 2048] }] })
  const batches = await all(dataset)
  expect(batches[0]!.columns.bytes!.dims).toEqual([32, 2048])
  const labels = values(batches, 'label').map((label) => config.target_labels_space[Number(label)])
  const ids = values(batches, 'id').map(String)
  expect(ids.every((id, i) => id.startsWith(`files/${labels[i]}/`))).toBe(true)
})
