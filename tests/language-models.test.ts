import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Dataset, memoryDataset, openDataset } from '../src/data/index.ts'
import { ortNode, reference } from '../src/engine/index.ts'
import {
  compare,
  decoderFeeds,
  feasibleFeeds,
  feedsOf,
  measureMoments,
  metricNamed,
  metrics,
  randomFeeds,
} from '../src/evaluate/index.ts'
import { checkModel, type Model, operatorName, parseModel } from '../src/ir/index.ts'
import { modelBytes, modelDigest } from '../src/onnx/index.ts'
import { momentValues, passes } from '../src/passes/index.ts'
import {
  advanceAll,
  applyRecipe,
  quantize,
  readBlobs,
  recipeOf,
  simplify,
  startTrail,
  writeRecipe,
} from '../src/recipe/index.ts'
import type { Evidence } from '../src/rewrite/index.ts'
import { decibels, kernelsOf, modelWith, numbers } from './quantize-kit.ts'

const folder = mkdtempSync(join(tmpdir(), 'whetstone-language-'))
const at = (name: string, content: string | Uint8Array) => {
  const path = join(folder, name)
  writeFileSync(path, content)
  return path
}

const WORDS = 96
const WIDTH = 64

/** A decoder of one layer with a cache; its table of tokens is also its last product's weights. */
const tied = `g (int64[batch,seq] input_ids, int64[batch,seq] position_ids,
    float[batch,1,past,64] "past_key_values.0.key", float[batch,1,past,64] "past_key_values.0.value")
  => (float logits, float "present.0.key", float "present.0.value") <int64[1] one = {1}> {
  e0 = Gather(table, input_ids) p0 = Gather(places, position_ids) e = Add(e0, p0)
  h = LayerNormalization(e, g1, b1) q = MatMul(h, wq) k = MatMul(h, wk) v = MatMul(h, wv)
  qu = Unsqueeze(q, one) ku = Unsqueeze(k, one) vu = Unsqueeze(v, one)
  "present.0.key" = Concat<axis = 2>("past_key_values.0.key", ku)
  "present.0.value" = Concat<axis = 2>("past_key_values.0.value", vu)
  kt = Transpose<perm = [0,1,3,2]>("present.0.key") s = MatMul(qu, kt) a = Softmax<axis = -1>(s)
  c = MatMul(a, "present.0.value") z = Squeeze(c, one) o = MatMul(z, wo) r = Add(e, o)
  n = LayerNormalization(r, g2, b2) u = MatMul(n, w1) t = MatMul(n, w3) sg = Sigmoid(u) m = Mul(u, sg) x = Mul(m, t)
  d = MatMul(x, w2) y = Add(r, d) f = LayerNormalization(y, g3, b3)
  turned = Transpose<perm = [1,0]>(table) logits = MatMul(f, turned) }`

function decoder(): Model {
  const square = [WIDTH, WIDTH]
  const base = modelWith(tied, {
    table: [WORDS, WIDTH],
    places: [64, WIDTH],
    ...{ wq: square, wk: square, wv: square, wo: square, w1: square, w3: square, w2: square },
    ...{ g1: [WIDTH], b1: [WIDTH], g2: [WIDTH], b2: [WIDTH], g3: [WIDTH], b3: [WIDTH] },
  })
  return base
}

const wishes = (model: Model) =>
  model.graph.inputs.map(({ name, type }) => {
    if (type.kind !== 'tensor') throw new Error('tensors only')
    return { name, dtype: type.dtype, shape: type.shape }
  })

/** A tokenizer of words, as Hugging Face writes it, and a text of those words. */
at(
  'tokenizer.json',
  JSON.stringify({
    version: '1.0',
    added_tokens: [],
    normalizer: null,
    pre_tokenizer: { type: 'Whitespace' },
    post_processor: null,
    decoder: null,
    model: {
      type: 'WordLevel',
      unk_token: 'w0',
      vocab: Object.fromEntries(Array.from({ length: WORDS }, (_, i) => [`w${i}`, i])),
    },
  }),
)
at('tokenizer_config.json', JSON.stringify({ bos_token: 'w1', tokenizer_class: 'PreTrainedTokenizerFast' }))
function story(seed: number, documents: number): string {
  const next = numbers(seed)
  // Words follow one another closely, so that what layers read moves together.
  return Array.from({ length: documents }, () => {
    let word = Math.floor((next() + 1) * 20)
    return Array.from({ length: 24 }, () => {
      word = (word + Math.floor((next() + 1) * 3)) % WORDS
      return `w${word}`
    }).join(' ')
  }).join('\n\n')
}
const textPath = at('text.txt', `${story(5, 24)}\n`)
const open = (model: Model, options: object = {}): Promise<Dataset> =>
  openDataset(textPath, { inputs: wishes(model), ...options })

const tokensOnly = { name: 'input_ids', dtype: 'int64' as const, shape: ['batch', 'seq'] }

describe('text as rows', () => {
  test('documents, windows, labels, and the inputs that a decoder has', async () => {
    const path = at('two.txt', 'w5 w6 w7 w8 w9\n\n  w10 nothing\n')
    const data = await openDataset(path, { inputs: wishes(decoder()), text: { window: 4 } })
    expect(data.rows).toBe(3)
    expect(data.fields.map(({ name, role }) => [name, role])).toEqual([
      ['input_ids', 'input'],
      ['position_ids', 'input'],
      ['labels', 'label'],
    ])
    const rows: (readonly number[])[][] = []
    for await (const { columns } of data.read({ batch: 1 }))
      rows.push(
        ['input_ids', 'position_ids', 'labels'].map((name) => Array.from(columns[name]!.data as BigInt64Array, Number)),
      )
    expect(rows).toEqual([
      [
        [1, 5, 6, 7],
        [0, 1, 2, 3],
        [5, 6, 7, -100],
      ],
      [
        [1, 8, 9],
        [0, 1, 2],
        [8, 9, -100],
      ],
      [
        [1, 10, 0],
        [0, 1, 2],
        [10, 0, -100],
      ],
    ])
    const marked = at('marked.txt', 'w5 w6\n\nw7<|endoftext|>w8 w9')
    expect((await openDataset(marked, { inputs: wishes(decoder()) })).rows).toBe(2)
    const other = await openDataset(path, { inputs: wishes(decoder()), text: { window: 5 } })
    expect(await other.digest()).not.toBe(await data.digest())
  })

  test('a tokenizer that only ends texts begins none; what begins them comes from its template or its settings', async () => {
    const own = mkdtempSync(join(tmpdir(), 'whetstone-template-'))
    const piece = (id: string) => ({ SpecialToken: { id, type_id: 0 } })
    const text = { Sequence: { id: 'A', type_id: 0 } }
    const firstOf = async (single: readonly object[]) => {
      const path = join(own, 'tokenizer.json')
      const special = Object.fromEntries(['<s>', '</s>'].map((id, i) => [id, { id, ids: [i], tokens: [id] }]))
      const vocab = [
        ['<s>', 0],
        ['</s>', 0],
        ['<unk>', 0],
        ['a', -1],
        ['b', -2],
      ]
      const post_processor = { type: 'TemplateProcessing', single, pair: [], special_tokens: special }
      const content = { version: '1.0', added_tokens: [], normalizer: null, pre_tokenizer: null, decoder: null }
      writeFileSync(
        path,
        JSON.stringify({
          ...content,
          post_processor,
          model: { type: 'Unigram', unk_id: 2, vocab, byte_fallback: false },
        }),
      )
      const data = await openDataset(at('ab.txt', 'abba'), { text: { tokenizer: path } })
      for await (const { columns } of data.read()) return Array.from(columns.input_ids!.data as BigInt64Array, Number)
      return []
    }
    expect(await firstOf([text, piece('</s>')])).toEqual([3, 4, 4, 3])
    expect(await firstOf([piece('<s>'), text, piece('</s>')])).toEqual([0, 3, 4, 4, 3])
    rmSync(own, { recursive: true })
  })

  test('next tokens are the truth where a model scores tokens, whatever its output is called, and nowhere else', async () => {
    const reading = (outputs: string, body: string, sizes: Record<string, readonly number[]>) =>
      modelWith(
        `g (int64[batch,seq] input_ids) => (${outputs}) <int64[1] one = {1}> { e = Gather(table, input_ids) ${body} }`,
        {
          table: [WORDS, 24],
          ...sizes,
        },
      )
    const scorer = reading('float scores', 'scores = MatMul(e, w)', { w: [24, WORDS] })
    const encoder = reading('float hidden, float pooled', 'hidden = Tanh(e) pooled = ReduceMean(e, one)', {})
    const judged = async (model: Model) => {
      const session = await ortNode.open(model)
      const report = await compare(session, session, await open(model))
      await session.close()
      return report
    }
    expect(await judged(scorer)).toMatchObject({ metric: 'perplexity', nextTokens: { places: 24 * 25, rate: 1 } })
    const unscored = await judged(encoder)
    expect(unscored).toMatchObject({ metric: 'agreement', labelled: false })
    expect(unscored.nextTokens).toBeUndefined()
    expect(unscored.warnings).toContainEqual(expect.stringMatching(/no scores of the tokens that follow/))
  })

  const ended = (name: string) => {
    const path = mkdtempSync(join(folder, name))
    const special = (id: string) => ({ SpecialToken: { id, type_id: 0 } })
    const ids = (id: string, place: number) => [id, { id, ids: [place], tokens: [id] }]
    writeFileSync(
      join(path, 'tokenizer.json'),
      JSON.stringify({
        ...{ version: '1.0', added_tokens: [], normalizer: null, pre_tokenizer: { type: 'Whitespace' }, decoder: null },
        post_processor: {
          type: 'TemplateProcessing',
          single: [special('w1'), { Sequence: { id: 'A', type_id: 0 } }, special('w2')],
          pair: [],
          special_tokens: Object.fromEntries([ids('w1', 1), ids('w2', 2)]),
        },
        model: {
          type: 'WordLevel',
          unk_token: 'w0',
          vocab: Object.fromEntries(Array.from({ length: WORDS }, (_, i) => [`w${i}`, i])),
        },
      }),
    )
    return join(path, 'tokenizer.json')
  }
  const read = async (data: Dataset, ...names: readonly string[]) => {
    const rows: number[][][] = []
    for await (const { columns } of data.read({ batch: 1 }))
      rows.push(names.map((name) => Array.from(columns[name]!.data as BigInt64Array, Number)))
    return rows
  }

  test('a model that reads texts as wholes gets what the tokenizer puts around them, in the length that it fixes', async () => {
    const tokenizer = ended('ended-')
    const path = at('ends.txt', 'w5 w6 w7 w8\n\nw9')
    const inputs = (...shape: (string | number)[]) =>
      ['input_ids', 'attention_mask'].map((name) => ({ name, dtype: 'int64' as const, shape }))
    const open = await openDataset(path, { inputs: inputs('n', 's'), text: { tokenizer, window: 5 } })
    // The label before an end that only the cut made is no truth.
    expect(await read(open, 'input_ids', 'labels')).toEqual([
      [
        [1, 5, 6, 7, 2],
        [5, 6, 7, -100, -100],
      ],
      [
        [1, 8, 2],
        [8, 2, -100],
      ],
      [
        [1, 9, 2],
        [9, 2, -100],
      ],
    ])
    const fixed = await openDataset(path, { inputs: inputs('n', 6), text: { tokenizer } })
    expect(await read(fixed, 'input_ids', 'attention_mask', 'labels')).toEqual([
      [
        [1, 5, 6, 7, 8, 2],
        [1, 1, 1, 1, 1, 1],
        [5, 6, 7, 8, 2, -100],
      ],
      [
        [1, 9, 2, 0, 0, 0],
        [1, 1, 1, 0, 0, 0],
        [9, 2, -100, -100, -100, -100],
      ],
    ])
    const goesOn = await openDataset(path, { inputs: wishes(decoder()), text: { tokenizer } })
    expect((await read(goesOn, 'input_ids'))[1]).toEqual([[1, 9]])
  })

  test('texts of a table foretell their next tokens as those of a text file do, unless it has labels', async () => {
    const inputs = wishes(decoder())
    const texts = ['w5 w6 w7', 'w8 w9']
    const plain = await openDataset(at('texts.txt', texts.join('\n\n')), { inputs })
    const lines = (more: object) => at('texts.jsonl', texts.map((text) => JSON.stringify({ text, ...more })).join('\n'))
    const table = await openDataset(lines({ source: 'x' }), { inputs, slices: ['source'] })
    const names = ['input_ids', 'position_ids', 'labels']
    expect(await read(table, ...names)).toEqual(await read(plain, ...names))
    expect(table.fields.find(({ name }) => name === 'labels')).toMatchObject({ role: 'label', nextTokens: WORDS })
    const session = await ortNode.open(decoder())
    const [first, second] = [await compare(session, session, plain), await compare(session, session, table)]
    expect(second).toMatchObject({ metric: 'perplexity', base: first.base })
    await session.close()
    const labelled = await openDataset(lines({ label: 1 }), { inputs })
    expect(labelled.fields.filter(({ role }) => role === 'label').map(({ name }) => name)).toEqual(['label'])
    const whole = await openDataset(lines({}), { inputs: [tokensOnly], text: { tokenizer: ended('whole-') } })
    expect(whole.fields.map(({ name }) => name)).toEqual(['input_ids'])
  })

  test('no tokenizer, no tokens, no text: each says so', async () => {
    const empty = mkdtempSync(join(tmpdir(), 'whetstone-none-'))
    writeFileSync(join(empty, 'a.txt'), 'words')
    await expect(openDataset(join(empty, 'a.txt'), {})).rejects.toThrow(/needs the tokenizer/)
    rmSync(empty, { recursive: true })
    const image = [{ name: 'x', dtype: 'float32' as const, shape: [1, 3, 8, 8] }]
    await expect(openDataset(textPath, { inputs: image })).rejects.toThrow(/takes no token numbers/)
    await expect(openDataset(at('blank.txt', '\n \n'), { inputs: wishes(decoder()) })).rejects.toThrow(/no text/)
    await expect(openDataset(textPath, { text: { tokenizer: textPath } })).rejects.toThrow(/no llama2\.c vocabulary/)
  })
})

describe('the llama2.c vocabulary', () => {
  const pieces = ['<unk>', '\n<s>\n', '\n</s>\n', ...Array.from({ length: 256 }, (_, i) => `<0x${i.toString(16)}>`)]
  const merges = [' a', 'ab', ' ab', 'bc', 'abc', 'ca', 'cab', '  ']
  const vocabulary = [
    ...pieces.map((text) => ({ text, score: 0 })),
    ...merges.map((text, i) => ({ text, score: -((i * 5) % merges.length) - 1 })),
    ...[' ', 'a', 'b', 'c'].map((text) => ({ text, score: -1e9 })),
  ]
  const bytes = (() => {
    const parts = vocabulary.map(({ text, score }) => {
      const own = new TextEncoder().encode(text)
      const part = new Uint8Array(8 + own.length)
      const view = new DataView(part.buffer)
      view.setFloat32(0, score, true)
      view.setInt32(4, own.length, true)
      part.set(own, 8)
      return part
    })
    const whole = new Uint8Array(4 + parts.reduce((sum, part) => sum + part.length, 0))
    new DataView(whole.buffer).setInt32(0, 7, true)
    let to = 4
    for (const part of parts) {
      whole.set(part, to)
      to += part.length
    }
    return whole
  })()
  const path = at('vocabulary.bin', bytes)

  /** The published encoder, as it is written there: look at every neighbour, join the best, begin again. */
  function plainly(text: string): number[] {
    const numberOf = (piece: string) => vocabulary.findIndex((entry) => entry.text === piece)
    const tokens = [...` ${text}`].flatMap((character) => {
      const known = numberOf(character)
      return known >= 0 ? [known] : [...new TextEncoder().encode(character)].map((byte) => byte + 3)
    })
    for (;;) {
      let [best, place, joined] = [Number.NEGATIVE_INFINITY, -1, -1]
      for (let i = 0; i + 1 < tokens.length; i++) {
        const merged = numberOf(vocabulary[tokens[i]!]!.text + vocabulary[tokens[i + 1]!]!.text)
        if (merged >= 0 && vocabulary[merged]!.score > best) {
          best = vocabulary[merged]!.score
          place = i
          joined = merged
        }
      }
      if (place < 0) return tokens
      tokens.splice(place, 2, joined)
    }
  }

  test('is found in a folder where it is the only one, beside files of other kinds', async () => {
    const own = mkdtempSync(join(folder, 'vocabularies-'))
    const text = join(own, 'text.txt')
    writeFileSync(text, 'abc')
    writeFileSync(join(own, 'weights.bin'), new Uint8Array(64))
    const first = async () => {
      for await (const { columns } of (await openDataset(text)).read())
        return Array.from(columns.input_ids!.data, Number)
      return []
    }
    await expect(first()).rejects.toThrow(/needs the tokenizer/)
    writeFileSync(join(own, 'tokens.bin'), bytes)
    expect(await first()).toEqual([1, ...plainly('abc')])
    writeFileSync(join(own, 'others.bin'), bytes)
    await expect(first()).rejects.toMatchObject({
      message: `there are several vocabularies: ${join(own, 'others.bin')}, ${join(own, 'tokens.bin')}`,
      hint: 'say which: --tokenizer FILE',
    })
  })

  test.each<[string, (bytes: Uint8Array) => Uint8Array]>([
    ['cut off', (whole) => whole.slice(0, -1)],
    ['cut off behind a length', (whole) => whole.slice(0, 4 + 8)],
    ['with a token that is longer than the longest', (whole) => Uint8Array.from(whole).fill(5, 0, 1)],
    ['of fewer tokens than there are bytes', (whole) => whole.slice(0, 2000)],
    ['with a score that is no number', (whole) => Uint8Array.from(whole).fill(255, 4, 8)],
    ['of no length', (whole) => Uint8Array.from(whole).fill(0, 0, 4)],
  ])('%s is none', async (_, change) => {
    const changed = at('changed.bin', change(bytes))
    await expect(openDataset(textPath, { text: { tokenizer: changed } })).rejects.toThrow(/no llama2\.c vocabulary/)
  })

  test('joins neighbours as the published encoder does', async () => {
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: fc.constantFrom('a', 'b', 'c', ' ', 'é'), minLength: 1 }), async (text) => {
        if (text.trim() === '') return
        const file = at('words.txt', text)
        const data = await openDataset(file, { text: { tokenizer: path, window: 500 } })
        for await (const { columns } of data.read({ batch: 1 }))
          expect(Array.from(columns.input_ids!.data as BigInt64Array, Number)).toEqual([1, ...plainly(text.trim())])
      }),
      { numRuns: 60 },
    )
  })
})

describe('metrics', () => {
  test('perplexity is e to the mean over tokens, not over rows', () => {
    const metric = metricNamed('perplexity')
    const row = (scores: readonly (readonly number[])[], label: readonly number[]) => ({
      row: 0,
      label: BigInt64Array.from(label, BigInt),
      outputs: {
        logits: {
          dtype: 'float32' as const,
          dims: [scores.length, scores[0]!.length],
          data: Float32Array.from(scores.flat()),
        },
      },
    })
    // Chances of the right token: 1/2, then 1/4 and 1/8; the last place is not scored.
    const first = row([[0, 0]], [1])
    const second = row(
      [
        [Math.log(1), Math.log(3)],
        [Math.log(1), Math.log(7)],
        [5, 900],
      ],
      [0, 0, -100],
    )
    expect(metric.score(first)).toBeCloseTo(Math.log(2), 6)
    expect(metric.score(second)).toBeCloseTo((Math.log(4) + Math.log(8)) / 2, 5)
    const summaries = [first, second].map((one) => metric.summary!(one))
    expect(metric.aggregate!(summaries)).toBeCloseTo((2 * 4 * 8) ** (1 / 3), 4)
    expect(metrics['next-token']!().score(second)).toBe(0)
    expect(() => metric.score(row([[0, 0]], [2]))).toThrow(/token 2, and the model knows 2/)
  })
})

describe('a decoder with a cache', () => {
  test('prompt and next token are fed apart', () => {
    const feeds = decoderFeeds(wishes(decoder()), 8)!
    const shapes = (of: typeof feeds.prefill) => Object.values(of).map(({ dims }) => dims)
    expect(shapes(feeds.prefill)).toEqual([
      [1, 8],
      [1, 8],
      [1, 1, 0, WIDTH],
      [1, 1, 0, WIDTH],
    ])
    expect(shapes(feeds.decode)).toEqual([
      [1, 1],
      [1, 1],
      [1, 1, 8, WIDTH],
      [1, 1, 8, WIDTH],
    ])
    expect(feeds.decode.position_ids!.data).toEqual(BigInt64Array.of(8n))
    expect(decoderFeeds([{ name: 'x', dtype: 'float32', shape: [1, 3] }], 8)).toBeNull()
  })

  const float = (name: string, ...shape: (string | number)[]) => ({ name, dtype: 'float32' as const, shape })
  const whole = (name: string, ...shape: (string | number)[]) => ({ name, dtype: 'int64' as const, shape })
  const tokens = whole('input_ids', 'b', 's')
  const dimsOf = (inputs: readonly (typeof tokens | ReturnType<typeof float>)[]) => {
    const { prefill, decode } = decoderFeeds(inputs, 8)!
    return [prefill, decode].map((feeds) => Object.values(feeds).map(({ dims }) => dims))
  }

  test('the axis that grows is found in whatever way an exporter lays a cache out', () => {
    expect(dimsOf([tokens, float('past_0', 2, 'batch', 4, 'past', 16)])).toEqual([
      [
        [1, 8],
        [2, 1, 4, 0, 16],
      ],
      [
        [1, 1],
        [2, 1, 4, 8, 16],
      ],
    ])
    expect(dimsOf([tokens, float('past_key', 's34', 'batch', 4, 16)])[1]![1]).toEqual([8, 1, 4, 16])
    expect(dimsOf([tokens, float('past_key', 1, 4, 's34', 16)])[1]![1]).toEqual([1, 4, 8, 16])
    const encoder = [
      float('encoder_hidden_states', 'b', 'e', 6),
      whole('encoder_attention_mask', 'b', 'e'),
      float('past_key_values.0.decoder.key', 'b', 4, 'past', 16),
      float('past_key_values.0.encoder.key', 'b', 4, 'e_out', 16),
    ]
    expect(dimsOf([tokens, ...encoder])[1]).toEqual([
      [1, 1],
      [1, 8, 6],
      [1, 8],
      [1, 4, 8, 16],
      [1, 4, 8, 16],
    ])
    // Of a cache of a fixed size nothing grows, and of other inputs nothing is known.
    expect(decoderFeeds([tokens, float('past_key', 'batch', 4, 64, 16)], 8)).toBeNull()
    const odd = [tokens, float('past_key', 'b', 4, 'past', 16), float('pixels', 'b', 3)]
    expect(() => decoderFeeds(odd, 8)).toThrow(/"pixels"/)
  })

  test('how much of the cache is read: its length, and the flag of a merged decoder, which both branches see', () => {
    const cache = float('past_key_values.0.key', 'b', 4, 'past', 16)
    const inputs = [tokens, whole('past_seq_len', 1), whole('attention_mask', 'b', 'all'), cache]
    const lengths = (feeds: ReturnType<typeof randomFeeds>) => Number(feeds.past_seq_len!.data[0])
    const { prefill, decode } = decoderFeeds(inputs, 8)!
    expect([prefill, decode].map(lengths)).toEqual([0, 8])
    const flag = { name: 'use_cache_branch', dtype: 'bool' as const, shape: [1] }
    for (const [seed, past] of [
      [0, 5],
      [1, 0],
      [2, 5],
      [3, 0],
    ] as const) {
      const feeds = randomFeeds([...inputs, flag], { seed, rows: 2, size: 5 })
      expect(Array.from(feeds.use_cache_branch!.data as Uint8Array)).toEqual([past > 0 ? 1 : 0])
      expect(lengths(feeds)).toBe(past)
      expect(feeds.attention_mask!.dims).toEqual([2, past + 5])
    }
  })

  test('lengths beside the tokens, as com.microsoft.GroupQueryAttention takes them', async () => {
    const model = parseModel(`<ir_version: 10, opset_import: ["" : 21, "com.microsoft" : 1]>
      g (int64[batch,seq] input_ids, int32[batch] seqlens_k, int32 total_sequence_length,
        float[batch,1,past,8] past_key, float[batch,1,past,8] past_value)
      => (float[batch,seq,8] logits, float[batch,1,total,8] key, float[batch,1,total,8] value)
      <float[16,8] table = {${Array.from({ length: 128 }, (_, i) => Math.sin(i).toFixed(3)).join(', ')}}> {
        q = Gather(table, input_ids)
        logits, key, value = com.microsoft.GroupQueryAttention<num_heads = 1, kv_num_heads = 1>
          (q, q, q, past_key, past_value, seqlens_k, total_sequence_length) }`)
    const numbersOf = (feeds: ReturnType<typeof randomFeeds>) =>
      ['seqlens_k', 'total_sequence_length'].map((name) => Array.from(feeds[name]!.data as Int32Array))
    const { prefill, decode } = decoderFeeds(wishes(model), 8)!
    expect(numbersOf(prefill)).toEqual([[7], [8]])
    expect(numbersOf(decode)).toEqual([[8], [9]])
    const session = await ortNode.open(model)
    const { settings } = await feasibleFeeds(session)
    for (const seed of [1, 2, 3, 4]) await session.run(randomFeeds(session.inputs, { ...settings, seed }))
    const data = await openDataset(at('three.txt', 'w5 w6 w7\n\nw8 w9\n\nw2 w3'), { inputs: session.inputs })
    const seen: number[][][] = []
    for await (const rows of data.read({ batch: 1 })) {
      const feeds = feedsOf(rows, session.inputs, data)
      await session.run(feeds)
      seen.push(numbersOf(feeds))
    }
    expect(seen).toEqual([
      [[3], [4]],
      [[2], [3]],
      [[2], [3]],
    ])
    await session.close()
  })

  test('a cache starts empty, whatever its size is called', async () => {
    const inputs = (past: string) => [tokens, float('past_key_values_0_key', 'batch', 4, past, 16)]
    for (const past of ['s34', 's', 'past_sequence_length']) {
      const data = await openDataset(textPath, { inputs: inputs(past) })
      for await (const rows of data.read({ batch: 1, indices: [0] }))
        expect(feedsOf(rows, inputs(past), data).past_key_values_0_key!.dims).toEqual([1, 4, 0, 16])
    }
  })

  for (const bits of [4, 8] as const)
    test(`${bits} bits: a tied table stays one table, caches stay as they are`, async () => {
      const before = decoder()
      const { model, report } = await passes.quantizeWeights!.run(before, { bits, stored: false } as never, [])
      expect(checkModel(model)).toEqual([])
      expect(model.graph.inputs).toEqual(before.graph.inputs)
      expect(report.planned).toEqual({ MatMulNBits: 8, GatherBlockQuantized: 1 })
      expect(await kernelsOf(model)).toMatchObject(report.planned!)
      const tables = [...model.graph.initializers.keys()].filter((name) => name.startsWith('table'))
      expect(tables.sort()).toEqual(['table_codes', 'table_codes_rows_shape', 'table_scales', 'table_zero_points'])
      const floats = 4 * (WORDS * WIDTH + 7 * WIDTH * WIDTH)
      expect(modelBytes(before) - modelBytes(model)).toBeGreaterThan(floats * (bits === 8 ? 0.68 : 0.8))
      // The same answers from the reference engine, which reads the codes by the operators' text.
      const data = await open(before)
      const [float, codes] = [await ortNode.open(before), await ortNode.open(model)]
      const slow = await reference.open(model)
      for await (const rows of data.read({ indices: [0], batch: 1 })) {
        const feeds = feedsOf(rows, codes.inputs, data)
        const logits = (await codes.run(feeds)).logits!
        expect(decibels((await slow.run(feeds)).logits!, logits)).toBeGreaterThan(90)
        expect(decibels((await float.run(feeds)).logits!, logits)).toBeGreaterThan(bits === 8 ? 35 : 12)
      }
      await Promise.all([float.close(), codes.close()])
    })

  test('a table whose rows are no whole blocks is left alone, for a reason, and nothing grows', async () => {
    const ragged = modelWith(
      'g (int64[4] i) => (float logits) { e0 = Gather(table, i) turned = Transpose<perm = [1,0]>(table) logits = MatMul(e0, turned) }',
      { table: [WORDS, 96] },
    )
    const { model, report } = await passes.quantizeWeights!.run(ragged, { bits: 4, block: 64 } as never, [])
    const reason = 'its rows of 96 are no multiple of a block of 64'
    expect(report.refused).toContainEqual({ node: 'e0', reason })
    expect(report.refused).toContainEqual({
      node: 'logits',
      reason: `${reason}; in codes beside the float table the file would grow`,
    })
    expect(model.graph.initializers.has('table')).toBe(true)
    const before = decoder()
    const kept = await passes.quantizeWeights!.run(before, { bits: 4, keepFloat: ['logits'] } as never, [])
    expect(kept.model.graph.initializers.has('table')).toBe(true)
    expect([...kept.model.graph.initializers.keys()].some((name) => name.startsWith('table_'))).toBe(false)
  })

  test('perplexity and next tokens decide between two models', async () => {
    const before = decoder()
    const data = await open(before)
    const { model } = await passes.quantizeWeights!.run(before, { bits: 8 } as never, [])
    const [base, candidate] = [await ortNode.open(before), await ortNode.open(model)]
    const report = await compare(base, candidate, data, { metric: 'perplexity', margin: 1 })
    expect(report).toMatchObject({ metric: 'perplexity', n: 24, verdict: 'pass', higherIsBetter: false })
    expect(report.nextTokens!.places).toBe(24 * 25)
    expect(report.nextTokens!.rate).toBeGreaterThan(0.95)
    // Labels that are next tokens need no metric to be named.
    expect((await compare(base, candidate, data, { margin: 1 })).metric).toBe('perplexity')
    const same = await compare(base, base, data, { metric: 'next-token' })
    expect(same.nextTokens!.rate).toBe(1)
    await Promise.all([base.close(), candidate.close()])
  })
})

describe('rounding by what layers read', () => {
  const noiseOf = async (before: Model, after: Model, data: Dataset) => {
    const [base, candidate] = [await ortNode.open(before), await ortNode.open(after)]
    let [signal, noise] = [0, 0]
    for await (const rows of data.read({ batch: 1 })) {
      const feeds = feedsOf(rows, base.inputs, data)
      const [a, b] = [(await base.run(feeds)).logits!, (await candidate.run(feeds)).logits!]
      ;(a.data as Float32Array).forEach((value, i) => {
        signal += value ** 2
        noise += (value - (b.data as Float32Array)[i]!) ** 2
      })
    }
    await Promise.all([base.close(), candidate.close()])
    return 10 * Math.log10(signal / noise)
  }
  const moments = async (model: Model, data: Dataset): Promise<Evidence> => {
    const session = await ortNode.open(model)
    try {
      return await measureMoments(session, data, { names: momentValues(model), gram: true })
    } finally {
      await session.close()
    }
  }

  test('moments are what they say', async () => {
    const before = decoder()
    const data = await open(before)
    const { report, tensors } = await moments(before, data)
    if (report.kind !== 'moments') throw new Error('another report')
    expect(Object.keys(report.values).sort()).toEqual(['f', 'h', 'n', 'x', 'z'])
    const { vectors, meanAbs, gram } = report.values.h!
    expect(vectors).toBe(24 * 25)
    const [mean, squares] = [tensors!.get(meanAbs.digest)!, tensors!.get(gram!.digest)!]
    const session = await ortNode.open(before)
    let [abs, square] = [0, 0]
    for await (const rows of data.read({ batch: 1 })) {
      const h = (await session.run(feedsOf(rows, session.inputs, data), ['h'])).h!.data as Float32Array
      for (let i = 0; i < h.length; i += WIDTH) {
        abs += Math.abs(h[i + 3]!)
        square += h[i + 3]! * h[i + 7]!
      }
    }
    await session.close()
    expect(mean[3]).toBeCloseTo(abs / vectors, 5)
    expect(squares[3 * WIDTH + 7]).toBeCloseTo(square / vectors, 4)
    expect(squares[7 * WIDTH + 3]).toBe(squares[3 * WIDTH + 7])
  })

  test('gptq and awq lose less than the nearest code, and scaling alone changes nothing', async () => {
    const before = (await simplify(decoder(), { verify: false })).model
    const data = await open(before)
    const evidence = await moments(before, data)
    const run = async (model: Model, options: object, given: readonly Evidence[] = []) =>
      // The table stays float, or the noise of its rows would drown what rounding does elsewhere.
      (await passes.quantizeWeights!.run(model, { bits: 4, keepFloat: ['e0', 'logits'], ...options } as never, given))
        .model
    const scaled = await passes.scaleWeightInputs!.run(before, { bits: 4 } as never, [evidence])
    expect(scaled.report.applied).toBeGreaterThanOrEqual(3)
    expect(checkModel(scaled.model)).toEqual([])
    expect(scaled.model.graph.nodes.length).toBe(before.graph.nodes.length)
    expect(await noiseOf(before, scaled.model, data)).toBeGreaterThan(90)
    expect(scaled.report.refused.map(({ node }) => node)).toContain('logits')
    const plain = await noiseOf(before, await run(before, {}), data)
    expect(await noiseOf(before, await run(before, { rounding: 'gptq' }, [evidence]), data)).toBeGreaterThan(plain + 1)
    expect(await noiseOf(before, await run(scaled.model, {}), data)).toBeGreaterThan(plain)
    const refused = await passes.quantizeWeights!.run(before, { bits: 4, rounding: 'gptq' } as never, [])
    expect(refused.model).toBe(before)
    expect(refused.report.refused[0]!.reason).toContain('no moments')
  })

  test('scales go into the factors of a normalization that adds the residual, and leave the sum alone', async () => {
    const model = modelWith(
      `g (float[1,4,64] x, float[1,4,64] r) => (float y, float s) {
        n, m, v, s = com.microsoft.SkipSimplifiedLayerNormalization(x, r, factors, bias) y = MatMul(n, w) }`,
      { factors: [WIDTH], bias: [WIDTH], w: [WIDTH, WIDTH] },
    )
    const rows = Array.from({ length: 8 }, (_, i) => numbers(i + 1))
    const array = () => Float32Array.from({ length: 4 * WIDTH }, (_, i) => (i % WIDTH === 3 ? 30 : 1) * rows[i % 8]!())
    const data = await memoryDataset({
      x: { dtype: 'float32', dims: [1, 4, WIDTH], data: array() },
      r: { dtype: 'float32', dims: [1, 4, WIDTH], data: array() },
    })
    const evidence = await moments(model, data)
    const { model: scaled, report } = await passes.scaleWeightInputs!.run(model, { bits: 4 } as never, [evidence])
    expect(report).toMatchObject({ applied: 1, refused: [] })
    const [base, candidate] = [await ortNode.open(model), await ortNode.open(scaled)]
    for await (const read of data.read()) {
      const feeds = feedsOf(read, base.inputs, data)
      const [a, b] = [await base.run(feeds), await candidate.run(feeds)]
      expect(decibels(a.y!, b.y!)).toBeGreaterThan(90)
      expect(b.s!.data).toEqual(a.s!.data)
    }
    await Promise.all([base.close(), candidate.close()])
  })

  test('a recipe brings its numbers along, or measures them again, and gives the same bytes', async () => {
    const before = decoder()
    const data = await open(before)
    const made = await quantize(before, { scheme: 'weight-int4', rounding: 'gptq', data, simplify: false })
    expect(made.report.passes[0]).toMatchObject({ id: 'quantizeWeights', applied: expect.any(Number) })
    const observed = await moments(before, data)
    const scaling = { pass: 'scaleWeightInputs', options: { bits: 4 }, evidence: [observed] }
    const awq = await advanceAll(startTrail(before), [scaling, { pass: 'quantizeWeights', options: { bits: 4 } }])
    const others = await openDataset(at('others.txt', story(9, 24)), { inputs: wishes(before) })
    for (const [name, recipe, model, kept] of [
      ['gptq', made.recipe, made.model, made.tensors],
      ['awq', recipeOf(awq), awq.model, observed.tensors!],
    ] as const) {
      const path = join(folder, `${name}.json`)
      await writeRecipe(recipe, kept, path)
      const tensors = await readBlobs(recipe, path)
      expect(tensors.size).toBe(kept.size)
      const digest = modelDigest(model)
      expect(modelDigest((await applyRecipe(recipe, before, { tensors })).model)).toBe(digest)
      expect(modelDigest((await applyRecipe(recipe, before, { data })).model)).toBe(digest)
      await expect(applyRecipe(recipe, before)).rejects.toThrow(/numbers that are not beside it/)
      await expect(applyRecipe(recipe, before, { data: others })).rejects.toThrow(/not the same rows/)
    }
    await expect(quantize(before, { scheme: 'weight-int4', rounding: 'gptq', simplify: false })).rejects.toThrow(
      /there is no data/,
    )
  })

  test('shared weights of two products are coded once', async () => {
    const before = modelWith('g (float[3,64] x) => (float y) { a = MatMul(x, w) b = Relu(a) y = MatMul(b, w) }', {
      w: [64, 64],
    })
    const { model } = await passes.quantizeWeights!.run(before, { bits: 4, symmetric: true } as never, [])
    expect(model.graph.nodes.map(operatorName)).toEqual([
      'com.microsoft.MatMulNBits',
      'Relu',
      'com.microsoft.MatMulNBits',
    ])
    expect([...model.graph.initializers.keys()]).toEqual(['w_codes', 'w_scales'])
  })
})
