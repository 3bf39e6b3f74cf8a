// Mistakes that people make with their data: each is named, with its place and what to do.
import { mkdir, mkdtemp, readFile, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { gzipSync } from 'node:zlib'
import sharp from 'sharp'
import { beforeAll, expect, test } from 'vitest'
import { writeNpz } from '../../bench/write-npz.ts'
import type { UserError } from '../platform/index.ts'
import { openDataset } from './index.ts'

let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'whetstone-mistakes-'))
})

const numbers = [{ name: 'x', dtype: 'float32', shape: ['n', 3] }] as const
const pixels = [{ name: 'image', dtype: 'float32', shape: ['n', 3, 8, 8] }] as const
const bytes = [{ name: 'bytes', dtype: 'int32', shape: ['n', 2048] }] as const

async function write(name: string, content: string | Uint8Array) {
  const file = join(folder, name)
  await mkdir(dirname(file), { recursive: true })
  await writeFile(file, content)
  return file
}

/** Opens and reads everything; the error that it ends with. */
async function failure(path: string, inputs: NonNullable<Parameters<typeof openDataset>[1]>['inputs']) {
  try {
    const dataset = await openDataset(path, { inputs: inputs! })
    for await (const _ of dataset.read()) {
      // Only whether it can be read.
    }
  } catch (error) {
    return error as UserError
  }
  throw new Error(`${path} was read without a complaint`)
}

test.each([
  ['fraction.csv', 'n,label\n1,0\n2.5,1\n', /line 3 of .* has 2\.5/],
  ['hole.csv', 'n,label\n1,0\n,1\n', /line 3 of .* has none/],
  ['among.csv', 'n0,n1,label\n1,1,0\n2,2.5,1\n', /line 3 of .* has 2\.5/],
  ['hole.jsonl', '{"n":[1]}\n{"n":[null]}\n', /line 2 of .* has none/],
])('%s, for an input of whole numbers: where the first stands that is none', async (name, content, place) => {
  const error = await failure(await write(name, content), [{ name: 'n', dtype: 'int64', shape: ['rows', null] }])
  expect(error.message).toMatch(/is float64, but the model's input takes int64/)
  expect(error.hint).toMatch(place)
})

const utf16 = (text: string) => Buffer.from(text, 'utf16le')
const row = '{"x":[1,2,3]}'

test.each<[name: string, content: string | Uint8Array, message: RegExp, hint: RegExp]>([
  ['semicolons.csv', 'a;b;c\n1,5;2;3\n', /separated by semicolons/, /commas between columns and points in numbers/],
  ['tabs.csv', 'a\tb\tc\n1\t2\t3\n', /separated by tabs/, /\.tsv/],
  ['commas.tsv', 'a,b,c\n1,2,3\n', /separated by commas/, /\.csv/],
  ['marked.csv', utf16('\ufeffa,b,c\n1,2,3\n'), /is UTF-16 text/, /UTF-8/],
  ['unmarked.csv', utf16('a,b,c\n1,2,3\n'), /is UTF-16 text or no text/, /UTF-8/],
  ['packed.csv', gzipSync('a,b,c\n1,2,3\n'), /is a gzip archive/, /Unpack/],
  ['sheet.csv', 'PK\x03\x04 …', /zip archive or a spreadsheet/, /CSV \(UTF-8\)/],
  ['late.csv', Buffer.from('a,b,c\n1,2,\xfc\n', 'latin1'), /is not UTF-8/, /UTF-8/],
  ['oops.csv', 'a,b,c\n1,2,3\n1,oops,3\n', /2 columns/, /"b" is not used as numbers: line 3 of .* has "oops"/],
  ['money.csv', 'a,b,c\n"1,000",2,3\n1,2,3\n', /2 columns/, /"a" is not used as numbers: line 2 of .* has "1,000"/],
  ['percent.csv', 'a,b,c\n1%,2,3\n12.5 %,2,3\n', /2 columns/, /"a" is not used as numbers: line 2 of .* has "1%"/],
  [
    'thousands.csv',
    'a,b,c\n"1,000.5","2,000","-3,000"\n',
    /0 columns/,
    /"a" is not used as numbers: line 2 of .* has "1,000.5"/,
  ],
  ['whole.jsonl', `[${row},${row}]`, /not a JSON object/, /each element on a line of its own/],
  ['broken.jsonl', `[${row},\n${row}]\n`, /is not JSON/, /each element on a line of its own/],
  ['pretty.jsonl', '{\n "x": [1,2,3]\n}\n', /is not JSON/, /spread over several lines/],
  ['commas.jsonl', `${row},\n${row}\n`, /is not JSON/, /No comma stands between lines/],
  ['quoted.jsonl', '{"x":["1","2","3"]}', /is string/, /Write numbers, without quotes/],
  ['words.jsonl', `{"x":[1,"two",3]}`, /is string/, /Write numbers: line 1 of .* has "two"/],
  ['array.json', `[${row}]`, /is not a JSON object/, /\.jsonl file, one object a line/],
  ['utf16.json', utf16('\ufeff{}'), /is UTF-16 text/, /UTF-8/],
  ['rows.csv.gz', gzipSync('a,b\n'), /no kind of data/, /Unpack it first/],
  ['rows.xlsx', 'PK', /no kind of data/, /Save the sheet as CSV/],
  ['rows.safetensors', '{}', /no kind of data/, /numpy\.savez.*safetensors\.numpy/],
  ['rows.feather', 'ARROW1', /no kind of data/, /to_parquet/],
  ['rows.npy', '\x93NUMPY', /no kind of data/, /numpy\.savez/],
  ['rows.parquet', '', /cannot be read as Parquet: it is too short/, /write it again/],
  ['word.wav', 'RIFF', /no kind of data/, /Sound is not decoded.*numpy\.savez/],
  ['header.csv', 'a,b,c\n', /has no rows/, /at least one/],
])('%s', async (name, content, message, hint) => {
  const error = await failure(await write(name, content), numbers)
  expect(error).toMatchObject({ message: expect.stringMatching(message), hint: expect.stringMatching(hint) })
  expect(error.where).toContain(name)
})

test('text in a column of numbers is told where the rest is used without it', async () => {
  const file = await write('open.csv', 'a,b,c,label\n1,2,3,0\n1,oops,3,1\n')
  const dataset = await openDataset(file, { inputs: [{ name: 'x', dtype: 'float32', shape: ['n', 'k'] }] })
  expect(dataset.fields.find(({ name }) => name === 'x')?.rowShape).toEqual([2])
  expect(dataset.notes).toContain(`"b" is not used as numbers: line 3 of "${file}" has "oops".`)
})

test('a field that was named and is not there is told before anything that may come of it', async () => {
  const file = await write('houses.csv', 'area,rooms,age,price\n1,2,3,4\n')
  const opened = openDataset(file, { inputs: [{ ...numbers[0], name: 'features' }], label: 'Price' })
  await expect(opened).rejects.toMatchObject({
    message: expect.stringContaining('no label field "Price"'),
    hint: 'It has "area", "rooms", "age", "price". Did you mean "price"?',
  })
})

test('what a dataset.json says about images is not passed over quietly where its rows are in a table', async () => {
  await write('raw/rows.jsonl', row)
  const file = { files: 'rows.jsonl', preprocessing: { mean: 0.5 }, bytes: { begin: 8 } }
  const { notes } = await openDataset(dirname(await write('raw/dataset.json', JSON.stringify(file))), {
    inputs: numbers,
  })
  expect(notes.join(' ')).toMatch(/"preprocessing" in .* is for images and files.* "bytes" in /)
})

test('a field of a dataset.json that is named like a part of every object is not known', async () => {
  await write('odd/rows.jsonl', row)
  const path = dirname(await write('odd/dataset.json', '{ "files": "rows.jsonl", "__proto__": 1, "constructor": 2 }'))
  expect((await failure(path, numbers)).message).toMatch(/"__proto__" in .* is not known/)
})

test('a column without a name, as pandas writes row numbers in front, names the rows and feeds nothing', async () => {
  const file = await write('index.csv', ',a,b,c,label\n0,1,2,3,0\n1,1,2,3,1\n')
  const { fields } = await openDataset(file, { inputs: numbers })
  expect(fields.map(({ name, role }) => [name, role])).toEqual(
    expect.arrayContaining([
      ['x', 'input'],
      ['', 'id'],
    ]),
  )
  expect(fields.find(({ name }) => name === 'x')?.rowShape).toEqual([3])
})

test('a folder of sounds says that they are not decoded', async () => {
  await write('words/yes/1.wav', 'RIFF')
  expect((await failure(join(folder, 'words'), numbers)).hint).toMatch(/It holds "yes"\. Sound is not decoded/)
})

test('folders that hold the same classes each are hardly the classes', async () => {
  for (const place of [
    'split/train/cat',
    'split/train/dog',
    'split/val/cat',
    'split/val/dog',
    'kinds/cat/a',
    'kinds/dog/b',
  ])
    await write(`${place}/1.png`, await blue(8).png().toBuffer())
  const notes = async (name: string) => (await openDataset(join(folder, name), { inputs: pixels })).notes.join(' ')
  expect(await notes('split')).toMatch(/"train", "val" were taken for classes, but each of them holds "cat", "dog"/)
  expect(await notes('split/val')).not.toMatch(/taken for classes/)
  expect(await notes('kinds')).not.toMatch(/taken for classes/)
})

test('folders that a pattern names outright are no classes, nor taken for what classes hold', async () => {
  for (const place of ['outer/sets/train/cat', 'outer/sets/train/dog', 'outer/sets/val/cat', 'outer/sets/val/dog'])
    await write(`${place}/1.png`, await blue(8).png().toBuffer())
  const notes = async (files: string) => {
    const file = await write('outer/dataset.json', JSON.stringify({ files }))
    return (await openDataset(file, { inputs: pixels })).notes.join(' ')
  }
  expect(await notes('sets/train/*/*.png')).not.toMatch(/taken for classes/)
  expect(await notes('sets/**/*.png')).toMatch(
    /"train", "val" were taken for classes, but each of them holds "cat", "dog"/,
  )
})

test('an archive of arrays without rows is refused like a table without lines', async () => {
  const file = join(folder, 'none.npz')
  writeNpz(file, { x: { dtype: 'float32', dims: [0, 3], bytes: new Uint8Array(0) } })
  expect((await failure(file, numbers)).message).toMatch(/has no rows/)
})

test('an input that is in the archive, of a type that cannot be read, is not said to be missing', async () => {
  const file = join(folder, 'raw.npz')
  const column = (dtype: 'float32' | 'int32') => ({ dtype, dims: [1, 3], bytes: new Uint8Array(12) })
  writeNpz(file, { x: column('float32'), y: column('int32') })
  // As numpy names elements that are bytes of any kind.
  await writeFile(file, Buffer.from((await readFile(file, 'latin1')).replace("'<f4'", "'|V4'"), 'latin1'))
  const { message, hint, where } = await failure(file, numbers)
  expect([message, where]).toEqual([
    `"x" in "${file}" has the numpy type |V4, which cannot be read.`,
    `field "x" of "${file}"`,
  ])
  expect(hint).toMatch(/Write it as float32/)
})

const blue = (size: number) => sharp({ create: { width: size, height: size, channels: 3, background: '#456' } })

test.each<[name: string, content: () => Promise<string | Uint8Array>, reason: string]>([
  ['cut', async () => (await blue(640).png().toBuffer()).subarray(0, 300), 'it is cut off or damaged'],
  ['empty', async () => '', 'it is empty'],
  ['words', async () => 'no image', 'it is no image of a kind that can be decoded'],
  ['bitmap', async () => Uint8Array.of(0x42, 0x4d, 70, 0, 0, 0), 'BMP is not decoded: save it as PNG'],
  ['older phone', async () => '\0\0\0\x24ftypmif1\0\0\0\0', 'HEIF is not decoded: save it as PNG'],
  ['phone', async () => '\0\0\0\x24ftypheic\0\0\0\0', 'HEIC is not decoded: save it as PNG'],
])('why an image cannot be used is said in words: %s', async (name, content, reason) => {
  await write(`${name}/1.jpg`, await content())
  const { message, hint } = await failure(join(folder, name), pixels)
  expect(message).toContain(`1.jpg (${reason})`)
  expect(message).toMatch(/^At least 1 of 1 rows/)
  expect(hint).toMatch(/Repair or remove/)
})

test('a folder of files that happens to hold images is no data for a model that reads bytes', async () => {
  await write('files/png/a.png', await blue(8).png().toBuffer())
  await write('files/text/a.txt', 'hello')
  const { message, hint } = await failure(join(folder, 'files'), bytes)
  expect(message).toMatch(/input "bytes" takes int32 \[n,2048\], and ".*files" holds images/)
  expect(hint).toContain('"kind": "bytes"')
})

test('what lies among images and is none is named; README and what systems leave behind are not', async () => {
  const picture = await sharp({ create: { width: 8, height: 8, channels: 3, background: 'red' } })
    .png()
    .toBuffer()
  for (const name of ['a/0.png', 'b/0.jfif']) await write(`mixed/${name}`, picture)
  for (const name of ['a/1.ppm', 'labels.csv', 'README.md', 'a/Thumbs.db']) await write(`mixed/${name}`, 'x')
  const dataset = await openDataset(join(folder, 'mixed'), { inputs: pixels })
  expect(dataset.rows).toBe(2)
  expect(dataset.notes.join()).toContain(
    '2 other files are left out, since only images are rows here: "a/1.ppm", "labels.csv".',
  )
})

test('an input as a slice field: its vectors are no groups', async () => {
  const lines = [1, 2, 3].map((at) => JSON.stringify({ x: [at, 2, 3], tags: ['a', 'b'], one: [at], city: 'Rome' }))
  const path = await write('vectors.jsonl', `${lines.join('\n')}\n`)
  const open = (slice: string) => openDataset(path, { inputs: [...numbers], slices: [slice] })
  await expect(open('x')).rejects.toMatchObject({
    message: expect.stringMatching(/^"x" in .* has \[3\] numbers a row\.$/),
    hint: expect.stringMatching(/one value in common\. Fields of one value a row: "one", "city"\./),
  })
  for (const slice of ['city', 'one', 'tags']) expect((await open(slice)).rows).toBe(3)
})
