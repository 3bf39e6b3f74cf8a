import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { type Dataset, openDataset } from '../src/data/index.ts'
import { ortNode } from '../src/engine/index.ts'
import { compare, metrics } from '../src/evaluate/index.ts'
import type { Model } from '../src/ir/index.ts'
import { modelWith } from './quantize-kit.ts'

const root = mkdtempSync(join(tmpdir(), 'whetstone-tasks-'))

const SPECIAL = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]']
const WORDS = [...SPECIAL, ...Array.from({ length: 59 }, (_, i) => `w${i}`)]
const numberOf = (word: string) => WORDS.indexOf(word)
const special = (id: string, type_id: number) => ({ SpecialToken: { id, type_id } })
const text = (id: string, type_id: number) => ({ Sequence: { id, type_id } })
const TEMPLATE = {
  type: 'TemplateProcessing',
  single: [special('[CLS]', 0), text('A', 0), special('[SEP]', 0)],
  pair: [special('[CLS]', 0), text('A', 0), special('[SEP]', 0), text('B', 1), special('[SEP]', 1)],
  special_tokens: {},
}

/** A folder with a tokenizer of words, and the files of `content` beside it. */
function folder(post_processor: object | null, content: Readonly<Record<string, string>>): (name: string) => string {
  const path = mkdtempSync(join(root, 'text-'))
  const model = {
    type: 'WordLevel',
    unk_token: '[UNK]',
    vocab: Object.fromEntries(WORDS.map((word, i) => [word, i])),
  }
  const plain = { version: '1.0', added_tokens: [], normalizer: null, decoder: null }
  const files = {
    'tokenizer.json': JSON.stringify({ ...plain, pre_tokenizer: { type: 'WhitespaceSplit' }, post_processor, model }),
    ...content,
  }
  for (const [name, file] of Object.entries(files)) writeFileSync(join(path, name), file)
  return (name) => join(path, name)
}

const port = (name: string, dtype: 'int64' | 'float32', ...shape: (string | number)[]) => ({ name, dtype, shape })
const tokens = (...names: readonly string[]) => names.map((name) => port(name, 'int64', 'b', 's'))
const rowsOf = async (data: Dataset, ...names: readonly string[]) => {
  const rows: number[][][] = []
  for await (const { columns } of data.read({ batch: 1 }))
    rows.push(names.map((name) => Array.from(columns[name]!.data as BigInt64Array, Number)))
  return rows
}
const line = (seed: number, words: number) =>
  Array.from({ length: words }, (_, i) => `w${(seed * 31 + i * i * 7 + i) % 59}`).join(' ')

describe('hidden tokens', () => {
  const story = Array.from({ length: 12 }, (_, i) => line(i, 5 + 3 * i))
  const at = folder(TEMPLATE, {
    'text.txt': story.join('\n\n'),
    'text.jsonl': story.map((one) => JSON.stringify({ text: one })).join('\n'),
  })
  const scores = [port('logits', 'float32', 'b', 's', 64)]

  test('are what a model of whole texts is asked for: a share of each row, its own token the label', async () => {
    const inputs = tokens('input_ids', 'attention_mask')
    const rows = await rowsOf(await openDataset(at('text.txt'), { inputs, outputs: scores }), 'input_ids', 'labels')
    const whole = await rowsOf(await openDataset(at('text.txt'), { inputs }), 'input_ids')
    const mask = numberOf('[MASK]')
    for (const [i, [ids, labels]] of rows.entries()) {
      const own = whole[i]![0]!
      const hidden = ids!.flatMap((id, place) => (id === mask ? [place] : []))
      expect(hidden).toHaveLength(Math.max(1, Math.round(0.15 * (own.length - 2))))
      expect(ids!.map((id, place) => (id === mask ? labels![place]! : id))).toEqual(own)
      expect(labels!.flatMap((label, place) => (label < 0 ? [] : [place]))).toEqual(hidden)
    }
    // The same rows from a table, and none hidden where it has labels or the model scores no tokens.
    const table = await openDataset(at('text.jsonl'), { inputs, outputs: scores })
    expect(await rowsOf(table, 'input_ids', 'labels')).toEqual(rows)
    expect(table.notes).toContainEqual(expect.stringMatching(/15 % .* hidden|hidden: 15 %/))
    const classes = await openDataset(at('text.txt'), { inputs, outputs: [port('logits', 'float32', 'b', 2)] })
    expect(await rowsOf(classes, 'input_ids')).toEqual(whole)
    // Features may be as many as a small vocabulary has tokens.
    const features = await openDataset(at('text.txt'), {
      inputs,
      outputs: [port('last_hidden_state', 'float32', 'b', 's', 64)],
    })
    expect(await rowsOf(features, 'input_ids')).toEqual(whole)
    expect(await classes.digest()).not.toBe(
      await (await openDataset(at('text.txt'), { inputs, outputs: scores })).digest(),
    )
  })

  test('are scored where they are hidden: the perplexity is that of these tokens alone', async () => {
    const model = modelWith(
      `g (int64[b,s] input_ids) => (float logits) { e = Gather(table, input_ids) logits = MatMul(e, w) }`,
      { table: [64, 24], w: [24, 64] },
    )
    const data = await openDataset(at('text.txt'), { inputs: tokens('input_ids'), outputs: scores })
    const session = await ortNode.open(model)
    const report = await compare(session, session, data)
    // All masked places have the same scores, so their log-likelihoods follow from one row.
    const [row] = await rowsOf(data, 'input_ids')
    const place = row![0]!.indexOf(numberOf('[MASK]'))
    const ids = { dtype: 'int64' as const, dims: [1, row![0]!.length], data: BigInt64Array.from(row![0]!, BigInt) }
    const { logits } = await session.run({ input_ids: ids })
    const at64 = Array.from(logits!.data as Float32Array).slice(place * 64, place * 64 + 64)
    const log = Math.log(at64.reduce((sum, score) => sum + Math.exp(score), 0))
    const labels = (await rowsOf(data, 'labels')).flat(2).filter((label) => label >= 0)
    const expected = Math.exp(labels.reduce((sum, label) => sum + log - at64[label]!, 0) / labels.length)
    await session.close()
    expect(report.metric).toBe('perplexity')
    expect(report.base.value).toBeCloseTo(expected, 3)
  })
})

describe('the token behind a row', () => {
  const story = Array.from({ length: 9 }, (_, i) => line(i, 4 + 2 * i))
  const at = folder(null, { 'text.txt': story.join('\n\n') })
  const lastOf = (shape: string, take: string): Model =>
    modelWith(
      `g (int64[b,s] input_ids) => (float[${shape}] logits) <int64 last = {-1}, int64[1] one = {1}> {
        e = Gather(table, input_ids) r = Gather<axis = 1>(e, last) ${take} }`,
      { table: [64, 24], w: [24, 64] },
    )

  test.each([
    ['b,64', 'logits = MatMul(r, w)', ['b', 64]],
    ['b,1,64', 'u = Unsqueeze(r, one) logits = MatMul(u, w)', ['b', 1, 64]],
  ] as const)('is the truth of a model that scores nothing else, [%s]', async (shape, take, sizes) => {
    const options = { inputs: tokens('input_ids'), outputs: [port('logits', 'float32', ...sizes)] }
    const data = await openDataset(at('text.txt'), options)
    const rows = await rowsOf(data, 'input_ids', 'labels')
    expect(rows.map(([ids, labels]) => [...ids!, labels!.at(-1)!])).toEqual(
      story.map((one) => one.split(' ').map(numberOf)),
    )
    expect(rows.every(([, labels]) => labels!.slice(0, -1).every((label) => label === -100))).toBe(true)
    const session = await ortNode.open(lastOf(shape, take))
    const report = await compare(session, session, data)
    const named = await compare(session, session, data, { metric: 'next-token' })
    const losses: number[] = []
    let right = 0
    for (const [ids, labels] of rows) {
      const feed = { dtype: 'int64' as const, dims: [1, ids!.length], data: BigInt64Array.from(ids!, BigInt) }
      const scores = Array.from((await session.run({ input_ids: feed })).logits!.data as Float32Array)
      const label = labels!.at(-1)!
      losses.push(Math.log(scores.reduce((sum, score) => sum + Math.exp(score), 0)) - scores[label]!)
      if (Math.max(...scores) === scores[label]) right++
    }
    await session.close()
    expect(report.metric).toBe('perplexity')
    expect(report.base.value).toBeCloseTo(Math.exp(losses.reduce((a, b) => a + b) / losses.length), 3)
    expect(named.base.value).toBeCloseTo(right / rows.length, 6)
  })

  test('is not taken for a vector of features, nor where every text is shorter than the rows of the model', async () => {
    const inputs = tokens('input_ids')
    const labelled = async (outputs: ReturnType<typeof port>[], own = inputs) =>
      (await rowsOf(await openDataset(at('text.txt'), { inputs: own, outputs }), 'labels'))[0]![0]!
    const next = [...story[0]!.split(' ').slice(1).map(numberOf), -100]
    expect(await labelled([port('embedding', 'float32', 'b', 768)])).toEqual(next)
    expect(await labelled([port('logits', 'float32', 'b', 's', 64)])).toEqual(next)
    const fixed = await labelled([port('logits', 'float32', 'b', 64)], [port('input_ids', 'int64', 'b', 99)])
    expect(fixed).toEqual([...next, ...new Array<number>(99 - next.length).fill(-100)])
  })

  test('is behind rows of the length that a model fixes, which no padding ends', async () => {
    const outputs = [port('logits', 'float32', 'b', 1, 64)]
    const read = async (length: number, scores: typeof outputs | undefined = outputs) => {
      const inputs = [port('input_ids', 'int64', 'b', length), port('attention_mask', 'int64', 'b', length)]
      const data = await openDataset(at('text.txt'), { inputs, ...(scores ? { outputs: scores } : {}) })
      return { notes: data.notes, rows: await rowsOf(data, 'input_ids', 'attention_mask', 'labels') }
    }
    const runs = (size: number) =>
      story.flatMap((one) => {
        const words = one.split(' ').map(numberOf)
        return Array.from({ length: Math.floor(words.length / size) }, (_, i) => words.slice(i * size, (i + 1) * size))
      })
    const four = await read(4)
    expect(four.rows.map(([ids, , labels]) => [...ids!, labels!.at(-1)!])).toEqual(runs(5))
    expect(four.rows.every(([, mask, labels]) => !mask!.includes(0) && labels!.slice(0, -1).every((l) => l < 0))).toBe(
      true,
    )
    expect(four.notes.join()).toContain('4 tokens')
    const one = await read(1)
    expect(one.rows.map(([ids, , labels]) => [...ids!, ...labels!])).toEqual(runs(2))
    // Rows that want answers alone are all tokens of the text.
    const alone = await openDataset(at('text.txt'), { inputs: [port('input_ids', 'int64', 'b', 1)] })
    expect((await rowsOf(alone, 'input_ids')).flat(2)).toEqual(runs(1).flat())
  })

  test('is scored where a model reads one token', async () => {
    const inputs = [port('input_ids', 'int64', 'b', 1)]
    const data = await openDataset(at('text.txt'), { inputs, outputs: [port('logits', 'float32', 'b', 1, 64)] })
    const model = modelWith(
      'g (int64[b,1] input_ids) => (float[b,1,64] logits) { e = Gather(table, input_ids) logits = MatMul(e, w) }',
      { table: [64, 24], w: [24, 64] },
    )
    const session = await ortNode.open(model)
    const report = await compare(session, session, data)
    let [sum, count] = [0, 0]
    for (const [ids, labels] of await rowsOf(data, 'input_ids', 'labels')) {
      const feed = { dtype: 'int64' as const, dims: [1, 1], data: BigInt64Array.from(ids!, BigInt) }
      const scores = Array.from((await session.run({ input_ids: feed })).logits!.data as Float32Array)
      sum += Math.log(scores.reduce((all, score) => all + Math.exp(score), 0)) - scores[labels![0]!]!
      count++
    }
    await session.close()
    expect(report.metric).toBe('perplexity')
    expect(report.base.value).toBeCloseTo(Math.exp(sum / count), 3)
  })

  test('no score of the last place is read as that of another', () => {
    const logits = { dtype: 'float32' as const, dims: [1, 8], data: Float32Array.from({ length: 8 }, (_, i) => i) }
    const row = (...label: number[]) => ({ outputs: { logits }, label: BigInt64Array.from(label, BigInt), row: 0 })
    const nextToken = metrics['next-token']!({})
    expect(nextToken.score(row(-100, -100, 7))).toBe(1)
    expect(() => nextToken.score(row(3, 4, -100))).toThrow(/no output scores the 3 tokens/)
    expect(() => nextToken.score(row(3, 4, 7))).toThrow(/no output scores the 3 tokens/)
  })
})

describe('texts in pairs', () => {
  const [cls, sep] = [numberOf('[CLS]'), numberOf('[SEP]')]
  const own = (from: number, count: number) => Array.from({ length: count }, (_, i) => numberOf(`w${from + i}`))
  const words = (from: number, count: number) => Array.from({ length: count }, (_, i) => `w${from + i}`).join(' ')
  const inputs = tokens('input_ids', 'attention_mask', 'token_type_ids')
  const pairs = (first: string, second: string, lengths: readonly (readonly [number, number])[]) =>
    lengths.map(([a, b]) => JSON.stringify({ [first]: words(0, a), [second]: words(30, b), label: 1 })).join('\n')

  test('are joined as the tokenizer joins them, each with its segment, the longer one cut first', async () => {
    const lengths = [
      [2, 3],
      [9, 2],
      [2, 9],
      [7, 7],
      [0, 2],
    ] as const
    const at = folder(TEMPLATE, {
      'a.jsonl': pairs('text', 'text_pair', lengths),
      'b.jsonl': pairs('premise', 'hypothesis', lengths),
    })
    const data = await openDataset(at('a.jsonl'), { inputs, text: { window: 10 } })
    const rows = await rowsOf(data, 'input_ids', 'token_type_ids', 'attention_mask')
    const kept = [
      [2, 3],
      [5, 2],
      [2, 5],
      [3, 4],
      [0, 2],
    ]
    expect(rows).toEqual(
      kept.map(([a, b]) => [
        [cls, ...own(0, a!), sep, ...own(30, b!), sep],
        [...new Array<number>(a! + 2).fill(0), ...new Array<number>(b! + 1).fill(1)],
        new Array<number>(a! + b! + 3).fill(1),
      ]),
    )
    expect(data.notes).toContainEqual(
      expect.stringMatching(/"text" with "text_pair" .* longest of 5 rows has 17 .* 3 were cut to 10/),
    )
    const named = await openDataset(at('b.jsonl'), { inputs, text: { window: 10 } })
    expect(await rowsOf(named, 'input_ids', 'token_type_ids', 'attention_mask')).toEqual(rows)
    const fixed = await openDataset(at('a.jsonl'), { inputs: inputs.map((one) => ({ ...one, shape: ['b', 12] })) })
    expect((await rowsOf(fixed, 'token_type_ids'))[0]![0]).toEqual([0, 0, 0, 0, 1, 1, 1, 1, 0, 0, 0, 0])
  })

  test('two separators and one segment for a RoBERTa; none where the tokenizer has no form for pairs', async () => {
    const at = folder(
      {
        type: 'RobertaProcessing',
        cls: ['[CLS]', cls],
        sep: ['[SEP]', sep],
        trim_offsets: true,
        add_prefix_space: false,
      },
      { 'a.jsonl': pairs('query', 'passage', [[1, 2]]) },
    )
    const data = await openDataset(at('a.jsonl'), { inputs })
    expect(await rowsOf(data, 'input_ids', 'token_type_ids')).toEqual([
      [
        [cls, ...own(0, 1), sep, sep, ...own(30, 2), sep],
        [0, 0, 0, 0, 0, 0, 0],
      ],
    ])
    const none = folder({ ...TEMPLATE, pair: [] }, { 'a.jsonl': pairs('query', 'passage', [[1, 2]]) })
    await expect(openDataset(none('a.jsonl'), { inputs })).rejects.toThrow(/does not say how two texts are joined/)
  })
})
