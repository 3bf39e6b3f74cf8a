import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parquetWriteBuffer } from 'hyparquet-writer'
import { beforeAll, describe, expect, test } from 'vitest'
import { all, values, writeIn } from './dataset-kit.ts'
import { openDataset } from './index.ts'
import { requireText, utf8Text } from './utf8.ts'

let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'whetstone-text-'))
})

const write = (name: string, content: string | Uint8Array) => writeIn(folder, name, content)

const x2 = [{ name: 'x', dtype: 'float32', shape: ['n', 2] }] as const
const x22 = [{ name: 'x', dtype: 'float32', shape: [1, 2, 2] }] as const

describe('jsonl', () => {
  test('tensors, labels and slice fields', async () => {
    const file = await write(
      'a.jsonl',
      '{"x":[[1,2],[3,4]],"label":1,"city":"Bonn"}\r\n\n{"x":[[5,6],[7,8.5]],"label":0,"city":"Köln"}',
    )
    const dataset = await openDataset(file, { inputs: x22 })
    expect(dataset.rows).toBe(2)
    const batches = await all(dataset)
    expect(batches[0]!.columns.x).toEqual({
      dtype: 'float32',
      dims: [2, 2, 2],
      data: Float32Array.of(1, 2, 3, 4, 5, 6, 7, 8.5),
    })
    expect(batches[0]!.columns.label).toEqual({ dtype: 'int32', dims: [2], data: Int32Array.of(1, 0) })
    expect(values(batches, 'city')).toEqual(['Bonn', 'Köln'])
  })

  test('only rows of equal shape share a batch, in the order of the file', async () => {
    const file = await write('b.jsonl', '{"x":[1,2]}\n{"x":[3,4]}\n{"x":[5]}\n{"x":[6]}\n{"x":[7,8]}\n')
    const dataset = await openDataset(file, { inputs: [{ name: 'x', dtype: 'int64', shape: ['n', 'time'] }] })
    expect(dataset.fields[0]!.rowShape).toEqual([null])
    const batches = await all(dataset)
    expect(batches.map(({ indices }) => indices)).toEqual([[0, 1], [2, 3], [4]])
    expect(batches[1]!.columns.x!.data).toEqual(BigInt64Array.of(5n, 6n))
    expect((await all(dataset, { indices: [4, 0, 2] })).map(({ indices }) => indices)).toEqual([[4, 0], [2]])
    expect((await all(dataset, { indices: [1, 3] })).map(({ indices }) => indices)).toEqual([[1], [3]])
    const fixed = await openDataset(file, { inputs: [{ name: 'x', dtype: 'int64', shape: ['n', 2] }] })
    await expect(all(fixed)).rejects.toThrow(/Row 2 .* has shape \[1\] in "x", but the model takes \[n,2\]/)
  })

  test('a missing number is NaN, counted in a note; class names turn names into numbers', async () => {
    const file = await write('c.jsonl', '{"x":[1,null],"label":"dog"}\n{"x":[3,4],"label":"cat"}\n')
    const dataset = await openDataset(file, { inputs: x2, classNames: ['cat', 'dog'] })
    const batches = await all(dataset)
    expect(values(batches, 'x')).toEqual([1, Number.NaN, 3, 4])
    expect(batches[0]!.columns.label).toEqual({ dtype: 'int64', dims: [2], data: BigInt64Array.of(1n, 0n) })
    expect(dataset.notes.join()).toContain('"x" is NaN or infinite in 1 row read so far (row 0)')
    await expect(all(await openDataset(file, { classNames: ['cat'] }))).rejects.toThrow(/label "dog" of row 0/)
  })

  test('lines that end in a carriage return, and lines in a file named .json', async () => {
    const rows = ['{"x":[1,2],"label":1}', '{"x":[3,4],"label":0}']
    for (const [name, end] of [
      ['mac.jsonl', '\r'],
      ['rows.json', '\n'],
      ['windows.json', '\r\n'],
    ] as const) {
      const dataset = await openDataset(await write(name, rows.join(end) + end), { inputs: x2 })
      expect(values(await all(dataset), 'x')).toEqual([1, 2, 3, 4])
    }
    const cut = await write('cut.json', `${rows[0]}\r\n\r\n{"x":[1,\r\n`)
    await expect(openDataset(cut, { inputs: x2 })).rejects.toThrow(/Line 3 of .* is not JSON/)
  })

  test.each([
    ['{"x":[1,2]}\n{"x":[1,\n', /Line 2 of .* is not JSON/],
    ['[1,2]\n', /not a JSON object/],
    ['{"x":[[1],[2,3]]}\n', /uneven lengths/],
    ['{"x":1}\n{"x":[1]}\n', /a number in some rows and an array in others/],
    ['{"x":{"y":1}}\n', /holds an object/],
    ['\n', /has no rows/],
    ['{"x":["a","b"]}', /is string, but the model's input takes float32/],
    ['{"y":[1,2]}', /input "x" is not in/],
    ['null\n', /not a JSON object/],
    ['5\n', /not a JSON object/],
  ])('refused: %j', async (content, message) => {
    const file = await write('bad.jsonl', content)
    const error = await openDataset(file, { inputs: x2 }).catch((error) => error)
    expect(error).toMatchObject({ name: 'UserError', code: 'bad-data', message: expect.stringMatching(message) })
    expect(error.hint).toBeTruthy()
  })

  test.each([
    ['{"x":[1,2]},\n', /No comma stands between lines/],
    ['{"x":[1,NaN]}\n', /write null for a missing number/],
    ['{\n"x": [1,2]\n}\n', /spread over several lines/],
  ])('what is wrong with %j', async (content, hint) => {
    const file = await write('wrong.jsonl', content)
    await expect(openDataset(file)).rejects.toMatchObject({ hint: expect.stringMatching(hint) })
  })

  test('a field that comes later is missing in the rows before it', async () => {
    const file = await write('later.jsonl', '{"x":[1,2]}\n{"x":[3,4],"w":1}\n{"x":[5,6],"w":2}\n')
    const dataset = await openDataset(file, { inputs: x2 })
    expect(dataset.notes).toContain('"w" is missing in 1 of 3 rows.')
    expect(values(await all(dataset), 'w')).toEqual([Number.NaN, 1, 2])
  })

  test('a line whose two end characters were read apart is one', async () => {
    // Files are read in pieces of 256 KiB; the first ends between CR and LF.
    const first = '{"x":[1,2]}'.padEnd(2 ** 18 - 1)
    const file = await write('apart.jsonl', `${first}\r\n{"x":[3,4]}\r\n{"x":\r\n`)
    await expect(openDataset(file, { inputs: x2 })).rejects.toThrow(/^Line 3 of /)
    const mac = await openDataset(await write('apart-mac.jsonl', `${first}\r{"x":[3,4]}\r`), { inputs: x2 })
    expect(values(await all(mac), 'x')).toEqual([1, 2, 3, 4])
  })

  test('a weight that the model takes as an input is no slip for the rows, and may be a constant', async () => {
    const file = await write('weightless.jsonl', '{"x":[1,2]}\n')
    const w = { name: 'w', dtype: 'float32', shape: [2, 4] } as const
    const hint = expect.stringMatching(/^It has "x"\. Rename a field to "w" .*"constants"/)
    await expect(openDataset(file, { inputs: [...x2, w] })).rejects.toMatchObject({ hint })
  })
})

describe('csv', () => {
  test('a column of numbers named like an input of [n, 1] fills it', async () => {
    const file = await write('named.csv', 'x,z,label\n0.5,7,1\n1.5,8,0\n')
    const one = { name: 'x', dtype: 'float32', shape: ['n', 1] } as const
    const read = async (inputs: Parameters<typeof openDataset>[1] & object) =>
      (await all(await openDataset(file, inputs)))[0]!
    const alone = await read({ inputs: [one] })
    expect(alone.columns.x).toEqual({ dtype: 'float32', dims: [2, 1], data: Float32Array.of(0.5, 1.5) })
    expect(alone.columns.z!.dims).toEqual([2])
    expect((await openDataset(file, { inputs: [one] })).notes.join()).not.toContain('made of')
    const two = await read({ inputs: [one, { ...one, name: 'z' }] })
    expect(two.columns.z).toEqual({ dtype: 'float32', dims: [2, 1], data: Float32Array.of(7, 8) })
    // An input of two numbers takes all number columns, its namesake among them.
    const wide = await read({ inputs: x2 })
    expect(wide.columns.x).toEqual({ dtype: 'float32', dims: [2, 2], data: Float32Array.of(0.5, 7, 1.5, 8) })
  })

  test('columns that may make up one input of several are told to be numbered', async () => {
    const file = await write('mixed.csv', 'age,income,colour\n30,2.5,red\n40,3.5,blue\n')
    const colour = { name: 'colour', dtype: 'string', shape: [null, 1] } as const
    const wanting = (width: number) =>
      openDataset(file, { inputs: [{ name: 'num', dtype: 'float32', shape: ['n', width] }, colour] })
    const hint = expect.stringContaining('or the 2 columns that make it up to "num0" … "num1", or use a dataset.json')
    await expect(wanting(2)).rejects.toMatchObject({ hint })
    await expect(wanting(3)).rejects.not.toMatchObject({ hint: expect.stringContaining('make it up') })
  })

  test('small and large whole numbers in columns of their own fill an input of whole numbers', async () => {
    const file = await write('ids-wide.csv', 'n0,n1,label\n1,9007199254740991,1\n2,8,0\n')
    const inputs = [{ name: 'n', dtype: 'int64', shape: ['rows', 2] }] as const
    const { n } = (await all(await openDataset(file, { inputs })))[0]!.columns
    expect(n).toEqual({ dtype: 'int64', dims: [2, 2], data: BigInt64Array.of(1n, 9007199254740991n, 2n, 8n) })
  })

  test('text has no types to be cast from: only whole numbers that float32 rounds are told', async () => {
    const note = async (name: string, text: string) =>
      (await openDataset(await write(name, text), { inputs: x2 })).notes.filter((one) => !one.includes('made of'))
    expect(await note('whole.csv', 'a,b,label\n1,16777216,0\n2,-3,1\n')).toEqual([])
    expect(await note('fractions.csv', 'a,b,label\n1,0.1,0\n2,1e-3,1\n')).toEqual([])
    expect(await note('whole.jsonl', '{"x":[1,2],"label":0}\n{"x":[3,4],"label":1}\n')).toEqual([])
    const [long, ...others] = await note('long.csv', 'a,b,label\n1,2,0\n2,16777217,1\n0.5,16777219,1\n')
    expect(long).toMatch(/^"x" has whole numbers that float32 rounds: line 3 of ".*long.csv" has 16777217\.$/)
    expect(others).toEqual([])
    const big = await note('big.jsonl', '{"x":[1,9007199254740993],"label":0}\n')
    expect(big.join()).toContain('has 9007199254740993')
  })

  test('quotes, line breaks in fields, CRLF; number columns become the single input', async () => {
    const file = await write(
      'a.csv',
      '\ufeffa,b,label,"text, long"\r\n1,2.5,3,"say ""hi""\nthere"\r\n"4",-5e1,6,007\r\n',
    )
    const dataset = await openDataset(file, { inputs: x2 })
    const batches = await all(dataset)
    expect(batches[0]!.columns.x).toEqual({ dtype: 'float32', dims: [2, 2], data: Float32Array.of(1, 2.5, 4, -50) })
    expect(values(batches, 'label')).toEqual([3, 6])
    expect(values(batches, 'text, long')).toEqual(['say "hi"\nthere', '007'])
    expect(dataset.notes.join()).toContain('"x" is made of the columns "a", "b"')
    expect((await all(dataset, { indices: [1] }))[0]!.columns.x!.data).toEqual(Float32Array.of(4, -50))
  })

  test('a column without a name that holds nothing is none; gaps as tools write them are missing numbers', async () => {
    const file = await write('trailing.csv', 'a,b,label,\n1,N/A,0,\n<NA>,4,1,\nNone,n/a,1,\n')
    const dataset = await openDataset(file, { inputs: x2 })
    expect(dataset.fields.map(({ name }) => name)).toEqual(['label', 'x'])
    expect(dataset.notes.join()).toContain('A column without a name holds nothing and is left out.')
    expect(values(await all(dataset), 'x')).toEqual([1, NaN, NaN, 4, NaN, NaN])
    const numbered = await openDataset(await write('rows.csv', ',a,b\n0,1,2\n1,3,4\n'), { inputs: x2 })
    expect(numbered.fields.map(({ role }) => role)).toEqual(['id', 'input'])
  })

  test('lines that end in a carriage return; one in quotes stays', async () => {
    const file = await write('mac.csv', 'a,b,label,note\r1,2.5,3,"two\rlines"\r"4",5,6,"x"\r\r')
    const batches = await all(await openDataset(file, { inputs: x2 }))
    expect(batches[0]!.columns.x!.data).toEqual(Float32Array.of(1, 2.5, 4, 5))
    expect(values(batches, 'note')).toEqual(['two\rlines', 'x'])
    const windows = await write('windows.csv', 'a,b\r\n1,2\r\n3\r\n')
    await expect(openDataset(windows, { inputs: x2 })).rejects.toThrow(/Line 3 of .* has 1 fields/)
  })

  test('numbered columns go to their input whatever their order; text keeps its letters', async () => {
    const file = await write('b.csv', 'x_1,x_0,y_0,label\n1,2,3,1.50\n4,5,6,NA\n')
    const dataset = await openDataset(file, {
      inputs: [...x2, { name: 'y', dtype: 'float32', shape: ['n', 1] }],
      slices: ['label'],
    })
    const batches = await all(dataset)
    expect(values(batches, 'x')).toEqual([2, 1, 5, 4])
    expect(values(batches, 'y')).toEqual([3, 6])
    const words = await openDataset(await write('c.csv', 'a,b,label\n1,2,1.50\n4,5,NA\n4,5,x\n'), { inputs: x2 })
    expect(values(await all(words), 'label')).toEqual(['1.50', 'NA', 'x'])
  })

  test('text columns go to inputs of strings: one by its name, the code of digits as written, several in a row', async () => {
    const one = [
      { name: 'sex', dtype: 'string', shape: ['n', 1] },
      { name: 'code', dtype: 'string', shape: [null, 1] },
    ] as const
    const dataset = await openDataset(await write('words.csv', 'sex,code,label\nf,10,1\nm,2.50,0\n'), { inputs: one })
    const [rows] = await all(dataset)
    expect(rows!.columns.sex).toEqual({ dtype: 'string', dims: [2, 1], data: ['f', 'm'] })
    expect(rows!.columns.code).toEqual({ dtype: 'string', dims: [2, 1], data: ['10', '2.50'] })
    expect(values([rows!], 'label')).toEqual([1, 0])
    const several = [{ name: 'X', dtype: 'string', shape: ['n', 2] }] as const
    const lines = '{"a":"f","age":4,"b":"C","label":1}\n{"a":"m","age":5,"b":null,"label":0}\n'
    const packed = await openDataset(await write('words.jsonl', lines), { inputs: several })
    expect((await all(packed))[0]!.columns.X).toEqual({ dtype: 'string', dims: [2, 2], data: ['f', 'C', 'm', ''] })
    const tooMany = openDataset(await write('three.csv', 'a,b,c\nf,g,h\n'), { inputs: several })
    await expect(tooMany).rejects.toThrow(/takes 2 texts a row, but .* has 3 columns/)
  })

  test.each(['\n', '\r\n'])('empty lines are passed over, wherever they are: line ends %j', async (end) => {
    const lines = ['', 'a,b,label', '1,2,0', '', '3,4,1', '', '']
    const dataset = await openDataset(await write('empty.csv', lines.join(end)), { inputs: x2 })
    expect(dataset.rows).toBe(2)
    expect(values(await all(dataset), 'x')).toEqual([1, 2, 3, 4])
    const single = await write('single.csv', ['x', '1', '', '""', '3', '\r'].join(end))
    expect((await openDataset(single, { inputs: [{ name: 'x', dtype: 'float32', shape: ['n'] }] })).rows).toBe(3)
  })

  test.each([
    ['a,b,c,d\n1,2,3,4\n', /takes 2 numbers a row, but .* has 4 columns/],
    ['a,b\n1,2,3\n', /Line 2 of .* has 3 fields, its header 2/],
    ['a,a\n1,2\n', /"a" appears twice/],
    ['1,2\n3,4\n', /begins with numbers where its header should be/],
    ['0,0\n3,4\n', /begins with numbers where its header should be/],
    ['a,b\n1,"2\n', /never ends/],
    ['a,b\n1,"2"3\n', /text after a closing quote/],
    ['a,b\n', /has no rows/],
    ['a,b\r\n\r\n', /has no rows/],
  ])('refused: %j', async (content, message) => {
    const file = await write('bad.csv', content)
    await expect(openDataset(file, { inputs: x2 })).rejects.toMatchObject({
      name: 'UserError',
      message: expect.stringMatching(message),
    })
  })

  test('what is no number: codes with their zeros, ids with all digits, truth values, infinities, a quote inside', async () => {
    const file = await write(
      'kinds.csv',
      'code,id,yes,far,disk\n007,9007199254740993,True,inf,5" disk\n010,1,FALSE,-Infinity,"a ""b"" c"',
    )
    const batches = await all(await openDataset(file))
    expect(values(batches, 'code')).toEqual(['007', '010'])
    expect(values(batches, 'id')).toEqual(['9007199254740993', '1'])
    expect(values(batches, 'yes').map(Number)).toEqual([1, 0])
    expect(values(batches, 'far')).toEqual([Infinity, -Infinity])
    expect(values(batches, 'disk')).toEqual(['5" disk', 'a "b" c'])
  })

  test.each(['size; cm,label\n1,2\n', ',0,1\n0,5,6\n', 'a,1\n5,6\n'])('%j has a header', async (content) => {
    expect((await openDataset(await write('header.csv', content))).rows).toBe(1)
  })

  test('a line is counted where it ends, in quotes too', async () => {
    const file = await write('lines.csv', 'a,b\n"one\n\nthree",2\n3\n')
    await expect(openDataset(file)).rejects.toThrow(/^Line 5 of .* has 1 fields/)
  })

  test('many rows, and what does not end where a piece of the file does', async () => {
    const rows = Array.from({ length: 600 }, (_, i) => `${i},${i / 2}`)
    const many = await openDataset(await write('many.csv', ['a,b', ...rows].join('\n')), { inputs: x2 })
    expect(many.rows).toBe(600)
    const read = await all(many)
    expect(read.flatMap(({ indices }) => indices)).toEqual(Array.from(rows, (_, i) => i))
    expect(values(read, 'x')).toEqual(Array.from(rows, (_, i) => [i, i / 2]).flat())
    // A letter of two bytes, or a quote written twice, lies across the border of two pieces.
    for (const [written, read] of [
      ['ü', 'ü'],
      ['""', '"'],
    ] as const) {
      const long = await openDataset(await write('long.csv', `a,b\n1,"x${written.repeat(2 ** 17)}"\n2,y\n`))
      expect(values(await all(long), 'b')).toEqual([`x${read.repeat(2 ** 17)}`, 'y'])
    }
  })

  test('bytes that are no text', async () => {
    const file = await write('bytes.csv', Uint8Array.of(0x61, 0x0a, 0xff, 0xfe))
    await expect(openDataset(file)).rejects.toThrow(/is not UTF-8 text/)
    expect(() => utf8Text(Uint8Array.of(0x61, 0x0a, 0xff, 0xfe), 'a.txt')).toThrow(/is not UTF-8 text/)
  })

  test.each([
    [[0xff, 0xfe, 0x61, 0x62], /UTF-16/],
    [[0xfe, 0xff, 0x61, 0x62], /UTF-16/],
    [[0x61, 0, 0x62, 0], /UTF-16/],
    [[0x61, 0x62, 0x63, 0], /UTF-16/],
    [[0x1f, 0x8b, 0x61, 0x62], /gzip/],
    [[0x50, 0x4b, 3, 4, 0x61], /zip archive/],
  ])('a file that begins with the bytes %j is no text', (bytes, what) => {
    for (const refuse of [requireText, utf8Text]) expect(() => refuse(Uint8Array.from(bytes), 'a.csv')).toThrow(what)
  })

  test('a file that begins with the same letter as an archive is text', () => {
    for (const text of ['PK', 'Price,PK\n', 'Party,label\n']) expect(utf8Text(Buffer.from(text), 'a.csv')).toBe(text)
  })
})

test('JSON Lines keep every digit of long integers, and what stands in texts and fractions as it is', async () => {
  const lines = [
    '{"id": 9007199254740993, "list": [1, 18446744073709551615], "word": "n 9007199254740993", "y": 0.1234567890123456}',
    '{"id": 9007199254740992, "list": [1, 9007199254740993], "word": "\\"9007199254740993", "y": 1.0e0}',
  ]
  const batches = await all(await openDataset(await write('long.jsonl', lines.join('\n'))))
  expect(values(batches, 'id')).toEqual([9007199254740993n, 9007199254740992n])
  expect(values(batches, 'list')).toEqual([1n, 18446744073709551615n, 1n, 9007199254740993n])
  expect(values(batches, 'word')).toEqual(['n 9007199254740993', '"9007199254740993'])
  expect(values(batches, 'y')).toEqual([0.1234567890123456, 1])
})

describe('parquet', () => {
  const columns = () => [
    { name: 'x', data: Array.from({ length: 10 }, (_, i) => [i, i + 0.5]) },
    { name: 'label', data: Array.from({ length: 10 }, (_, i) => BigInt(i % 3)), type: 'INT64' as const },
    { name: 'city', data: Array.from({ length: 10 }, (_, i) => `c${i}`), type: 'STRING' as const },
  ]
  const file = (options = {}) =>
    write('a.parquet', new Uint8Array(parquetWriteBuffer({ columnData: columns(), rowGroupSize: 4, ...options })))

  test('lists, integers and text over several row groups, in any order', async () => {
    const dataset = await openDataset(await file(), { inputs: x2 })
    expect(dataset.rows).toBe(10)
    const batches = await all(dataset, { batch: 6 })
    expect(batches.map(({ indices }) => indices.length)).toEqual([6, 4])
    expect(values(batches, 'x')).toEqual(Array.from({ length: 10 }, (_, i) => [i, i + 0.5]).flat())
    expect(values(batches, 'label').map(Number)).toEqual([0, 1, 2, 0, 1, 2, 0, 1, 2, 0])
    expect(values(await all(dataset, { indices: [9, 0, 5, 4] }), 'city')).toEqual(['c9', 'c0', 'c5', 'c4'])
  })

  test('long integers, days, times and decimals keep every digit, also beside what is missing', async () => {
    const long = 2n ** 53n
    const element = (name: string, more: object) => ({ name, repetition_type: 'OPTIONAL' as const, ...more })
    const schema = [
      { name: 'root', num_children: 5 },
      element('id', { type: 'INT64' }),
      element('some', { type: 'INT64' }),
      element('price', { type: 'INT64', converted_type: 'DECIMAL', scale: 2, precision: 18 }),
      element('day', { type: 'INT32', converted_type: 'DATE' }),
      element('at', { type: 'INT64', converted_type: 'TIMESTAMP_MICROS' }),
    ] as never
    const columnData = [
      { name: 'id', data: [long, long + 1n] },
      { name: 'some', data: [long + 1n, null] },
      { name: 'price', data: [19.99, -0.05] },
      { name: 'day', data: [new Date('2024-02-29'), new Date('1969-12-31')] },
      { name: 'at', data: [new Date('2024-02-29T01:02:03.004Z'), new Date('1969-12-31T23:59:59.999Z')] },
    ]
    const path = await write('typed.parquet', new Uint8Array(parquetWriteBuffer({ columnData, schema })))
    const batches = await all(await openDataset(path))
    expect(values(batches, 'id')).toEqual([long, long + 1n])
    expect(values(batches, 'some')).toEqual([String(long + 1n), ''])
    expect(values(batches, 'price')).toEqual([19.99, -0.05])
    expect(values(batches, 'day')).toEqual(['2024-02-29', '1969-12-31'])
    expect(values(batches, 'at')).toEqual(['2024-02-29T01:02:03.004000Z', '1969-12-31T23:59:59.999000Z'])
  })

  test('days and times of every unit, and none; decimals in bytes and without a fraction', async () => {
    const element = (name: string, more: object) => ({ name, repetition_type: 'OPTIONAL' as const, ...more })
    const decimal = (scale: number) => ({ converted_type: 'DECIMAL', scale, precision: 9 })
    const nanoseconds = { type: 'TIMESTAMP', isAdjustedToUTC: true, unit: 'NANOS' }
    const schema = [
      { name: 'root', num_children: 6 },
      element('day', { type: 'INT32', converted_type: 'DATE' }),
      element('bytes', { type: 'FIXED_LEN_BYTE_ARRAY', type_length: 4, ...decimal(2) }),
      element('milli', { type: 'INT64', converted_type: 'TIMESTAMP_MILLIS' }),
      element('nano', { type: 'INT64', logical_type: nanoseconds }),
      element('whole', { type: 'INT32', ...decimal(0) }),
      element('small', { type: 'INT32', ...decimal(3) }),
    ] as never
    const columnData = [
      { name: 'day', data: [new Date('1970-01-02'), null] },
      { name: 'bytes', data: [655.37, -0.01] },
      { name: 'milli', data: [new Date('1969-12-31T23:59:59.999Z'), null] },
      { name: 'nano', data: [new Date('2024-02-29T01:02:03.004Z'), null] },
      { name: 'whole', data: [12, -7] },
      { name: 'small', data: [0.005, null] },
    ]
    const path = await write('times.parquet', new Uint8Array(parquetWriteBuffer({ columnData, schema })))
    const batches = await all(await openDataset(path))
    expect(values(batches, 'day')).toEqual(['1970-01-02', ''])
    expect(values(batches, 'milli')).toEqual(['1969-12-31T23:59:59.999Z', ''])
    expect(values(batches, 'nano')).toEqual(['2024-02-29T01:02:03.004000000Z', ''])
    expect(values(batches, 'bytes')).toEqual([655.37, -0.01])
    expect(values(batches, 'whole').map(Number)).toEqual([12, -7])
    expect(values(batches, 'small')).toEqual([0.005, Number.NaN])
  })

  test('lists of three levels are read, structs are ignored with a note', async () => {
    const optional = (name: string, more: object) => ({ name, repetition_type: 'OPTIONAL', ...more })
    const schema = [
      { name: 'root', num_children: 3 },
      optional('x', { converted_type: 'LIST', num_children: 1 }),
      { name: 'list', repetition_type: 'REPEATED', num_children: 1 },
      optional('element', { type: 'DOUBLE' }),
      optional('place', { num_children: 2 }),
      optional('street', { type: 'INT32' }),
      optional('house', { type: 'INT32' }),
      optional('alone', { num_children: 1 }),
      optional('inner', { type: 'INT32' }),
    ] as never
    const columnData = [
      {
        name: 'x',
        data: [
          [1, 2.5],
          [3, 4],
        ],
      },
      {
        name: 'place',
        data: [
          { street: 1, house: 2 },
          { street: 3, house: 4 },
        ],
      },
      { name: 'alone', data: [{ inner: 5 }, { inner: 6 }] },
    ]
    const path = await write('nested.parquet', new Uint8Array(parquetWriteBuffer({ columnData, schema })))
    const dataset = await openDataset(path, { inputs: x2 })
    expect(values(await all(dataset), 'x')).toEqual([1, 2.5, 3, 4])
    for (const name of ['place', 'alone'])
      expect(dataset.notes).toContain(`"${name}" is a struct or map and is ignored.`)
  })

  test('bytes of no stated kind are text where they are UTF-8, and else left out with a note', async () => {
    const text = (word: string) => new TextEncoder().encode(word)
    const columnData = [
      { name: 'x', data: [1, 2] },
      { name: 'city', data: [text('Zürich'), text('Bern')], type: 'BYTE_ARRAY' as const },
      { name: 'picture', data: [text('a'), Uint8Array.of(0xff, 0xd8, 0xff)], type: 'BYTE_ARRAY' as const },
    ]
    const dataset = await openDataset(
      await write('bytes.parquet', new Uint8Array(parquetWriteBuffer({ columnData, rowGroupSize: 1 }))),
    )
    expect(values(await all(dataset), 'city')).toEqual(['Zürich', 'Bern'])
    expect(dataset.fields.map(({ name }) => name)).toEqual(['x', 'city'])
    expect(dataset.notes.join()).toMatch(/"picture" holds bytes that are no text and is ignored/)
  })

  test('damage is a UserError', async () => {
    const bytes = new Uint8Array(parquetWriteBuffer({ columnData: columns() }))
    for (const cut of [0, 3, 11, bytes.length - 9, bytes.length - 1])
      await expect(openDataset(await write('cut.parquet', bytes.subarray(0, cut)))).rejects.toMatchObject({
        name: 'UserError',
      })
  })

  test('a damaged byte is a UserError or gives rows, never anything else', async () => {
    const bytes = new Uint8Array(parquetWriteBuffer({ columnData: columns() }))
    let refused = 0
    for (let at = 0; at < bytes.length; at += 3) {
      const damaged = Uint8Array.from(bytes)
      damaged[at] = damaged[at]! ^ 0x5a
      const path = await write('damaged.parquet', damaged)
      const error = await openDataset(path)
        .then((dataset) => all(dataset))
        .then(() => null)
        .catch((error: Error) => error)
      if (error) expect(error.name, `byte ${at}: ${error.stack}`).toBe('UserError')
      if (error) refused++
    }
    expect(refused).toBeGreaterThan(10)
  })
})
