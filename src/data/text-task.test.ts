import { describe, expect, test } from 'vitest'
import type { InputWish } from './assign-roles.ts'
import { taskNotes, taskRow, textTask } from './text-task.ts'
import type { Tokenizer } from './tokenizer.ts'

/** A tokenizer of 64 tokens, of which 0 to 3 stand around texts and 4 hides. */
const tokenizer = {
  size: 64,
  mask: 4,
  before: [2],
  after: [3],
  pad: 0,
  pair: [{ part: 1, segment: 0 }],
} as unknown as Tokenizer
const bare = { ...tokenizer, before: [], after: [] }
const gives = (...shape: (string | number)[]): InputWish => ({ name: 'scores', dtype: 'float32', shape })
const places = gives('b', 's', 64)
const free = { cached: false, fixed: false }

describe('what a model is asked', () => {
  test('one that scores every place of whole texts finds what is hidden, where something can be', () => {
    expect(textTask([places], tokenizer, free)).toBe('hidden')
    expect(textTask([places], { ...tokenizer, mask: null }, free)).toBe('next')
    expect(textTask([places], tokenizer, { ...free, cached: true })).toBe('next')
    expect(textTask([gives('b', 64)], tokenizer, free)).toBe('next')
    expect(textTask([gives('b', 64)], tokenizer, { ...free, cached: true })).toBe('last')
    expect(textTask(undefined, tokenizer, free)).toBe('next')
  })

  test.each<[string, readonly InputWish[]]>([
    ['one row', [gives('b', 64)]],
    ['one place', [gives('b', 1, 64)]],
    ['as many as a rounded vocabulary may have', [gives('b', 195)]],
    ['any number of logits', [{ ...gives('b', 999), name: 'logits' }]],
    ['one row beside something else', [gives('b', 's', 768), gives('b', 64)]],
  ])('the token behind a row is asked of scores of %s, unless rows are fixed in length', (_, outputs) => {
    expect(textTask(outputs, bare, free)).toBe('last')
    expect(textTask(outputs, bare, { ...free, fixed: true })).toBe('next')
  })

  test.each<[string, readonly InputWish[]]>([
    ['every place', [places]],
    ['one row beside every place', [gives('b', 64), places]],
    ['fewer than there are tokens', [gives('b', 63)]],
    ['more than a rounded vocabulary has', [gives('b', 196)]],
    ['a number that is not fixed', [gives('b', 'v')]],
    ['whole numbers', [{ ...gives('b', 64), dtype: 'int64' }]],
    ['nothing that is known', [{ ...gives(), shape: undefined } as unknown as InputWish]],
    ['nothing', []],
  ])('the next token is asked where a model gives scores of %s', (_, outputs) =>
    expect(textTask(outputs, bare, free)).toBe('next'),
  )
})

describe('a row', () => {
  const row = (
    tokens: readonly number[],
    ...[task, seed = 0, scored]: [Parameters<typeof taskRow>[1], number?, number?]
  ) => {
    const made = taskRow(Int32Array.from(tokens), task, {
      tokenizer,
      seed,
      ...(scored === undefined ? {} : { scored }),
    })
    return made && [Array.from(made.tokens), Array.from(made.labels.data as BigInt64Array, Number)]
  }

  test('has the next token at each place that is scored, or the last one behind all others', () => {
    expect(row([7, 8, 9], 'next')).toEqual([
      [7, 8, 9],
      [8, 9, -100],
    ])
    expect(row([7, 8, 9], 'next', 0, 1)![1]).toEqual([8, -100, -100])
    expect(row([7, 8, 9], 'last')).toEqual([
      [7, 8],
      [-100, 9],
    ])
    expect(row([7], 'last')).toBeNull()
  })

  test('hides any of its own tokens, neighbours too, and never those around them', () => {
    expect(row([2, 1, 0, 4, 3], 'hidden')).toBeNull()
    expect(row([2, 9, 3], 'hidden')).toEqual([
      [2, 4, 3],
      [-100, 9, -100],
    ])
    // Two of thirteen.
    const own = [2, ...Array.from({ length: 13 }, (_, i) => 20 + i), 3]
    const pairs = Array.from({ length: 300 }, (_, seed) => {
      const [shown, labels] = row(own, 'hidden', seed) as [number[], number[]]
      expect(shown.map((token, place) => (token === 4 ? labels[place] : token))).toEqual(own)
      return labels.flatMap((label, place) => (label < 0 ? [] : [place]))
    })
    expect(pairs.every((pair) => pair.length === 2)).toBe(true)
    expect(new Set(pairs.flat()).size).toBe(13)
    expect(pairs.some(([one, other]) => other! - one! === 1)).toBe(true)
  })
})

test('what is asked is told, but for the next token', () => {
  expect(taskNotes('next', 4)).toEqual([])
  expect(taskNotes('hidden')).toEqual([expect.stringContaining('15 % of each row')])
  expect(taskNotes('last')).toEqual([expect.stringContaining('the last token of each row is held back')])
  expect(taskNotes('last', 4)).toEqual([
    expect.stringMatching(/^The model reads 4 tokens .*: rows are as many tokens of one text, and/),
  ])
  expect(taskNotes('last', 1)).toEqual([
    expect.stringMatching(/^The model reads one token .*, judged without those before it, and/),
  ])
})
