import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parquetWriteBuffer } from 'hyparquet-writer'
import { describe, expect, test } from 'vitest'
import { type Dataset, openDataset } from '../src/data/index.ts'
import { ortNode } from '../src/engine/index.ts'
import { compare } from '../src/evaluate/index.ts'
import { parseModel } from '../src/ir/index.ts'

const root = mkdtempSync(join(tmpdir(), 'whetstone-tokenized-'))
const folder = (name: string) => {
  const path = join(root, name)
  mkdirSync(path)
  return (file: string, content: string | Uint8Array) => {
    writeFileSync(join(path, file), content)
    return join(path, file)
  }
}

const VOCABULARY = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', 'good', 'bad', 'film', '##s', 'a', '.']
const special = (id: string) => ({ SpecialToken: { id, type_id: 0 } })
const tokenizerJson = (more: object = {}) =>
  JSON.stringify({
    version: '1.0',
    added_tokens: [],
    normalizer: { type: 'BertNormalizer', lowercase: true, clean_text: true, handle_chinese_chars: true },
    pre_tokenizer: { type: 'BertPreTokenizer' },
    post_processor: {
      type: 'TemplateProcessing',
      single: [special('[CLS]'), { Sequence: { id: 'A', type_id: 0 } }, special('[SEP]')],
      pair: [],
      special_tokens: {},
    },
    decoder: null,
    model: {
      type: 'WordPiece',
      unk_token: '[UNK]',
      continuing_subword_prefix: '##',
      max_input_chars_per_word: 100,
      vocab: Object.fromEntries(VOCABULARY.map((word, i) => [word, i])),
    },
    ...more,
  })

const wishes = (...shape: (string | number)[]) =>
  ['input_ids', 'attention_mask', 'token_type_ids'].map((name) => ({ name, dtype: 'int64' as const, shape }))
const open = wishes('batch', 'seq')

const ROWS = [
  { text: 'A good film.', label: 1, source: 'x' },
  { text: 'bad films', label: 0, source: 'y' },
  { text: 'Bad unheard', label: 0, source: 'x' },
]
const TOKENS = [
  [2, 8, 4, 6, 9, 3],
  [2, 5, 6, 7, 3],
  [2, 5, 1, 3],
]
const lines = (rows: readonly object[]) => rows.map((row) => JSON.stringify(row)).join('\n')

async function rowsOf(data: Dataset, name: string, indices?: readonly number[]): Promise<number[][]> {
  const rows: number[][] = []
  for await (const { columns } of data.read({ batch: 1, ...(indices ? { indices } : {}) }))
    rows.push(Array.from(columns[name]!.data as BigInt64Array, Number))
  return rows
}

describe('a column of text for a model of tokens', () => {
  test('one row each, with the tokens around a text; labels and other columns stay what they are', async () => {
    const write = folder('plain')
    write('tokenizer.json', tokenizerJson())
    const column = (name: 'text' | 'label' | 'source') => ({ name, data: ROWS.map((row) => row[name]) })
    const parquet = parquetWriteBuffer({ columnData: [column('text'), column('label'), column('source')] })
    const csv = ['text,label,source', ...ROWS.map(({ text, label, source }) => `${text},${label},${source}`)]
    const files = [
      write('a.jsonl', lines(ROWS)),
      write('a.csv', csv.join('\n')),
      write('a.parquet', new Uint8Array(parquet)),
    ]
    for (const path of files) {
      const data = await openDataset(path, { inputs: open, slices: ['source'] })
      expect(data.fields.map(({ name, role, rowShape }) => [name, role, rowShape])).toEqual([
        ['input_ids', 'input', [null]],
        ['attention_mask', 'input', [null]],
        ['token_type_ids', 'input', [null]],
        ['label', 'label', []],
        ['source', 'slice', []],
      ])
      expect(data.fields.some(({ nextTokens }) => nextTokens !== undefined)).toBe(false)
      expect(await rowsOf(data, 'input_ids')).toEqual(TOKENS)
      expect(await rowsOf(data, 'attention_mask')).toEqual(TOKENS.map((row) => row.map(() => 1)))
      expect(await rowsOf(data, 'token_type_ids')).toEqual(TOKENS.map((row) => row.map(() => 0)))
      expect(await rowsOf(data, 'label')).toEqual([[1], [0], [0]])
      expect(await rowsOf(data, 'input_ids', [2, 0])).toEqual([TOKENS[2], TOKENS[0]])
      expect(data.notes).toContainEqual(
        expect.stringMatching(/"text" is tokenized .*: the longest of 3 rows has 6 tokens, none was cut to 256/),
      )
    }
    const all = await openDataset(files[0]!, { inputs: open })
    const cut = await openDataset(files[0]!, { inputs: open, text: { window: 4 } })
    expect(await rowsOf(cut, 'input_ids')).toEqual([
      [2, 8, 4, 3],
      [2, 5, 6, 3],
      [2, 5, 1, 3],
    ])
    expect(cut.notes).toContainEqual(expect.stringMatching(/the longest of 3 rows has 6 tokens, 2 were cut to 4/))
    expect(await cut.digest()).not.toBe(await all.digest())
  })

  test('a model of a fixed length gets rows of that length, and its mask leaves out what fills them up', async () => {
    const write = folder('fixed')
    const path = write('a.jsonl', lines(ROWS))
    const right = write('tokenizer.json', tokenizerJson())
    const data = await openDataset(path, { inputs: wishes(1, 5), text: { tokenizer: right } })
    expect(await rowsOf(data, 'input_ids')).toEqual([
      [2, 8, 4, 6, 3],
      [2, 5, 6, 7, 3],
      [2, 5, 1, 3, 0],
    ])
    expect((await rowsOf(data, 'attention_mask'))[2]).toEqual([1, 1, 1, 1, 0])
    const left = write('left.json', tokenizerJson({ padding: { direction: 'Left', pad_id: 9 } }))
    const other = await openDataset(path, { inputs: wishes(1, 5), text: { tokenizer: left } })
    expect((await rowsOf(other, 'input_ids'))[2]).toEqual([9, 2, 5, 1, 3])
    expect((await rowsOf(other, 'attention_mask'))[2]).toEqual([0, 1, 1, 1, 1])
  })

  test('short rows are filled up with the token, and on the side, that the files of the tokenizer say', async () => {
    const write = folder('filled')
    const path = write('a.jsonl', lines([{ text: 'good' }]))
    const inputs = wishes(1, 5)
    const filled = async (settings: object | null, more: object = {}) => {
      const files = folder(`filled-${Math.random()}`)
      if (settings) files('tokenizer_config.json', JSON.stringify(settings))
      const tokenizer = files('tokenizer.json', tokenizerJson(more))
      const data = await openDataset(path, { inputs, text: { tokenizer } })
      expect(data.notes).toContainEqual(expect.stringMatching(/^Rows of tokens are filled up to the model's 5 with/))
      return (await rowsOf(data, 'input_ids'))[0]
    }
    const named = (...words: readonly string[]) => {
      const vocabulary = ['zero', '[UNK]', '[CLS]', '[SEP]', 'good', ...words]
      const vocab = Object.fromEntries(vocabulary.map((word, i) => [word, i]))
      const { model } = JSON.parse(tokenizerJson())
      return { model: { ...model, vocab } }
    }
    expect(await filled({ pad_token: 'film' })).toEqual([2, 4, 3, 6, 6])
    expect(await filled({ pad_token: { content: 'film' }, padding_side: 'left' })).toEqual([6, 6, 2, 4, 3])
    const rightly = { padding: { direction: 'Right', pad_id: 7 } }
    expect(await filled({ pad_token: 'film', padding_side: 'left' }, rightly)).toEqual([2, 4, 3, 7, 7])
    expect(await filled(null, named('<pad>'))).toEqual([2, 4, 3, 5, 5])
    expect(await filled(null, named('<pad>', '[PAD]'))).toEqual([2, 4, 3, 6, 6])
    expect(await filled(null, named())).toEqual([2, 4, 3, 0, 0])
  })

  test('which column is the text: the only one, one of that name, or one that a dataset.json names so', async () => {
    const write = folder('which')
    write('tokenizer.json', tokenizerJson())
    const reviews = ROWS.map(({ text, label, source }) => ({ source, review: text, stars: 3, label }))
    const path = write('a.jsonl', lines(reviews))
    await expect(openDataset(path, { inputs: open })).rejects.toMatchObject({
      message: expect.stringMatching(/several columns of text: "source", "review"/),
      hint: expect.stringMatching(/"rename"/),
    })
    const sliced = await openDataset(path, { inputs: open, slices: ['source'] })
    expect(await rowsOf(sliced, 'input_ids')).toEqual(TOKENS)
    const renamed = write('dataset.json', JSON.stringify({ files: 'a.jsonl', rename: { review: 'text' } }))
    const named = await openDataset(renamed, { inputs: open, text: { window: 5 } })
    expect(await rowsOf(named, 'input_ids')).toEqual([[2, 8, 4, 6, 3], TOKENS[1], TOKENS[2]])
    expect(named.notes).toContain('Text in "source" is not fed to the model.')
    expect(named.notes).toContainEqual(expect.stringMatching(/has 6 tokens, 1 was cut to 5\.$/))
    expect(sliced.notes.join()).not.toContain('not fed')
    // A list of texts in every row is no text.
    const tagged = ROWS.map(({ text }) => ({ tags: ['a', 'b'], review: text }))
    const lists = write('tagged.jsonl', lines(tagged))
    expect(await rowsOf(await openDataset(lists, { inputs: open }), 'input_ids')).toEqual(TOKENS)
    // The same file, read by another column, is other data.
    write('two.jsonl', lines(ROWS.map(({ text }) => ({ a: text, b: 'film' }))))
    const as = async (column: string) => {
      const names = JSON.stringify({ files: 'two.jsonl', rename: { [column]: 'text' } })
      const data = await openDataset(write('dataset.json', names), { inputs: open })
      return [await rowsOf(data, 'input_ids'), await data.digest()] as const
    }
    const [[first, one], [second, other]] = [await as('a'), await as('b')]
    expect([first, second[0]]).toEqual([TOKENS, [2, 6, 3]])
    expect(one).not.toBe(other)
    const sentences = write('b.jsonl', lines(ROWS.map(({ text, source }) => ({ source, sentence: text }))))
    expect(await rowsOf(await openDataset(sentences, { inputs: open }), 'input_ids')).toEqual(TOKENS)
  })

  test('tokens that are there are left alone; no tokenizer and a text without tokens say so', async () => {
    const write = folder('none')
    const path = write('a.jsonl', lines(ROWS))
    await expect(openDataset(path, { inputs: open })).rejects.toThrow(/needs the tokenizer/)
    const single = open.slice(0, 1)
    const ready = write('b.jsonl', lines(ROWS.map((row, i) => ({ ...row, input_ids: TOKENS[i]!.slice(0, 2) }))))
    expect(await rowsOf(await openDataset(ready, { inputs: single }), 'input_ids')).toEqual([
      [2, 8],
      [2, 5],
      [2, 5],
    ])
    const packed = write('c.csv', 'city,a,b\nBonn,4,5\nKiel,6,7\n')
    expect(await rowsOf(await openDataset(packed, { inputs: single }), 'input_ids')).toEqual([
      [4, 5],
      [6, 7],
    ])
    // Nor do columns of numbers take the place of a tokenizer where the model takes more than tokens.
    await expect(openDataset(packed, { inputs: open })).rejects.toThrow(/needs the tokenizer/)
    const numbers = write('e.csv', 'a,b\n4,5\n6,7\n')
    const bare = write('tokenizer.json', tokenizerJson({ post_processor: null }))
    // A tokenizer beside them changes neither.
    expect(await rowsOf(await openDataset(ready, { inputs: single }), 'input_ids')).toEqual([
      [2, 8],
      [2, 5],
      [2, 5],
    ])
    expect(await rowsOf(await openDataset(numbers, { inputs: single }), 'input_ids')).toEqual([
      [4, 5],
      [6, 7],
    ])
    const short = await openDataset(path, { inputs: open, text: { window: 2 }, slices: ['source'] })
    expect(await rowsOf(short, 'input_ids')).toEqual([
      [8, 4],
      [5, 6],
      [5, 1],
    ])
    const empty = write('d.jsonl', lines([{ text: 'good' }, { text: '' }]))
    const data = await openDataset(empty, { inputs: open, text: { tokenizer: bare } })
    await expect(rowsOf(data, 'input_ids')).rejects.toThrow(/its "text" has no tokens/)
  })
})

test('an unknown word is the token that the tokenizer has for it, and an error where it has none', async () => {
  const write = folder('words')
  const path = write('a.jsonl', lines([{ text: 'good unheard film' }]))
  const vocab = { zero: 0, good: 1, film: 2, '<unk>': 3 }
  const words = (model: object) =>
    write('tokenizer.json', tokenizerJson({ post_processor: null, model: { type: 'WordLevel', vocab, ...model } }))
  const read = async (tokenizer: string) =>
    rowsOf(await openDataset(path, { inputs: open, text: { tokenizer } }), 'input_ids')
  expect(await read(words({ unk_token: '<unk>' }))).toEqual([[1, 3, 2]])
  await expect(read(words({ unk_token: 'none' }))).rejects.toThrow(/no token for "unheard"/)
})

test('a classifier of texts is judged by its labels', async () => {
  const write = folder('judged')
  write('tokenizer.json', tokenizerJson())
  // The class is whether "good" (token 4) is in the text.
  const weights = VOCABULARY.flatMap((_, i) => (i === 4 ? [-1, 1] : [0.1, 0]))
  const model = parseModel(`<ir_version: 10, opset_import: ["" : 21]>
    g (int64[batch,seq] input_ids, int64[batch,seq] attention_mask) => (float[batch,2] logits)
      <float[10,2] table = {${weights.join(', ')}}, int64[1] one = {1}, int64[1] last = {-1}> {
      e = Gather(table, input_ids) m = Cast<to = 1>(attention_mask) u = Unsqueeze(m, last)
      w = Mul(e, u) logits = ReduceSum<keepdims = 0>(w, one) }`)
  const rows = [...ROWS, { text: 'good bad', label: 0, source: 'y' }]
  const path = write('a.jsonl', lines(rows))
  const session = await ortNode.open(model)
  const report = await compare(session, session, await openDataset(path, { inputs: session.inputs }))
  await session.close()
  expect(report).toMatchObject({ metric: 'top1', labelled: true, candidate: { value: 0.75 } })
  expect(report.warnings).toContainEqual(expect.stringMatching(/"text" is tokenized/))
})
