import { describe, expect, test } from 'vitest'
import { bytesOfValue } from '../../engine/index.ts'
import type { Run } from '../model/batcher.ts'
import type { Outcome } from '../router.ts'
import { type Label, LabelJoin, Pairing } from './pairing.ts'

const outcome = (inputs: Outcome['inputs'], run: Run): Outcome => ({
  requestId: 'r',
  model: 'm',
  version: '1',
  tenant: '',
  shadow: false,
  inputs,
  inputsDigest: () => 'sha256:0',
  hold: () => () => {},
  outputs: [bytesOfValue('y', { dtype: 'float32', dims: [1, 2], data: Float32Array.of(1, 0) })],
  run,
  error: null,
})

/** What pairs say of times, one for each request, as `base ms / candidate ms`. */
function timesOf(pairing: Pairing, requests: readonly (readonly [base: Run, candidate: Run])[]): readonly string[] {
  return requests.map(([base, candidate]) => {
    const inputs = [bytesOfValue('x', { dtype: 'float32', dims: [1], data: Float32Array.of(1) })]
    pairing.join('base', outcome(inputs, base))
    const { baseMs, candidateMs } = pairing.join('candidate', outcome(inputs, candidate))!.pair
    return `${baseMs} / ${candidateMs}`
  })
}

test('a run that many requests share says once how long it took', () => {
  const pairing = new Pairing()
  const [first, second, slow, last] = [4, 5, 40, 6].map((ms) => ({ ms, rows: 2 })) as [Run, Run, Run, Run]
  const shared: [Run, Run][] = [
    [first, slow],
    [first, slow],
    // Half of what is compared here is known.
    [second, slow],
    [second, last],
  ]
  expect(timesOf(pairing, shared)).toEqual(['4 / 40', 'null / null', 'null / null', '5 / 6'])
})

test('a run with more rows counts by its share, one with fewer as it is', () => {
  const run = (ms: number, rows: number): Run => ({ ms, rows })
  const requests: [Run, Run][] = [
    [run(4, 8), run(12, 32)],
    [run(12, 32), run(4, 8)],
    [run(4, 1), run(4, 1)],
  ]
  expect(timesOf(new Pairing(), requests)).toEqual(['4 / 3', '12 / 4', '4 / 4'])
})

test('a label is held against the same output of both, in whatever order they have them', () => {
  const choice = bytesOfValue('y', { dtype: 'float32', dims: [1, 2], data: Float32Array.of(1, 0) })
  const score = bytesOfValue('score', { dtype: 'float32', dims: [1], data: Float32Array.of(0.9) })
  const inputs: Outcome['inputs'] = []
  const one = { ...outcome(inputs, { ms: 1, rows: 1 }), outputs: [choice, score] }
  const pairing = new Pairing()
  pairing.join('base', one)
  const joined = pairing.join('candidate', { ...one, outputs: [score, choice] })!
  expect(joined.pair.disagreement).toBe(0)
  const labels = new LabelJoin()
  labels.answered('r', joined)
  expect(labels.labelled('r', 0)).toBe(0)
})

test('answers and labels that wait are forgotten where they are large together, the oldest first', () => {
  const inputs: Outcome['inputs'] = []
  const pairOf = (text: string) => {
    const outputs = [bytesOfValue('y', { dtype: 'string', dims: [1], data: [text] })]
    const one = { ...outcome(inputs, { ms: 1, rows: 1 }), outputs }
    const pairing = new Pairing()
    pairing.join('base', one)
    return pairing.join('candidate', one)!
  }
  const labels = new LabelJoin()
  const [short, long] = [pairOf('a'), pairOf('a'.repeat(1 << 23))]
  for (const id of ['first', 'second', 'third', 'last']) labels.answered(id, long)
  for (let i = 0; i < 1000; i++) labels.answered(`short ${i}`, short)
  expect(['first', 'second', 'last', 'short 0'].map((id) => labels.labelled(id, 'a'))).toEqual(['waiting', 0, 0, 0])

  for (const id of ['1', '2', '3', '4']) labels.labelled(id, 'b'.repeat(1 << 22))
  expect(['1', '2', '4'].map((id) => labels.answered(id, short))).toEqual([null, 0, 0])
})

describe('a pair', () => {
  const run: Run = { ms: 1, rows: 1 }
  const tensor = (dims: readonly number[]) =>
    bytesOfValue('x', { dtype: 'float32', dims, data: new Float32Array(dims.reduce((a, b) => a * b, 1)) })
  const pairOf = (inputs: Outcome['inputs'], base: Outcome['outputs'], candidate: Outcome['outputs'] = base) => {
    const pairing = new Pairing()
    pairing.join('base', { ...outcome(inputs, run), outputs: base })
    return pairing.join('candidate', { ...outcome(inputs, run), outputs: candidate })?.pair
  }

  test('tells who failed, and nothing of answers then', () => {
    const [inputs, answer] = [[tensor([1, 3])], [tensor([1, 2])]]
    expect(pairOf(inputs, answer, null)).toMatchObject({ baseFailed: false, candidateFailed: true, disagreement: 0 })
    expect(pairOf(inputs, null, answer)).toMatchObject({ baseFailed: true, candidateFailed: false, disagreement: 0 })
  })

  test('says nothing where nothing was asked, or nothing answered to an input without elements', () => {
    const [full, empty] = [tensor([1, 3]), tensor([0, 3])]
    expect(pairOf([empty, empty], [full])).toBeUndefined()
    expect(pairOf([full, empty], [empty])).toBeUndefined()
    // The first token of a text has no past; a picture may show nothing that is found.
    expect(pairOf([full, empty], [full])).toBeDefined()
    expect(pairOf([full, empty], [full, empty])).toBeDefined()
    expect(pairOf([full, empty], null)).toMatchObject({ baseFailed: true })
    expect(pairOf([full], [empty])).toBeDefined()
  })
})

describe('a label', () => {
  const choice = (...classes: readonly number[]) => [
    bytesOfValue('y', {
      dtype: 'float32',
      dims: [classes.length, 2],
      data: Float32Array.from(classes.flatMap((one) => [1 - one, one])),
    }),
  ]
  const joined = (base: Outcome['outputs'], candidate: Outcome['outputs']) => {
    const half = outcome([], { ms: 1, rows: 1 })
    return { base: { ...half, outputs: base }, candidate: { ...half, outputs: candidate } } as unknown as Parameters<
      LabelJoin['answered']
    >[1]
  }
  const loss = (base: Outcome['outputs'], candidate: Outcome['outputs'], label: Label) => {
    const labels = new LabelJoin()
    labels.answered('r', joined(base, candidate))
    return labels.labelled('r', label)
  }

  test('tells what the candidate loses against the baseline, a failure as the whole', () => {
    expect(loss(choice(0), choice(1), 0)).toBe(1)
    expect(loss(choice(0), choice(1), 1)).toBe(-1)
    expect(loss(choice(0, 1, 1, 1), choice(0, 0, 1, 1), [0, 1, 1, 0])).toBe(0.25)
    expect(loss(choice(0), null, 0)).toBe(1)
    expect(loss(null, choice(0), 0)).toBe(-1)
    expect(loss(null, null, 0)).toBe(0)
  })

  test('never fits where its rows are others, or an answer is none', () => {
    expect(loss(choice(0), choice(0), [0, 1])).toBe('unusable')
    expect(loss([], choice(0), 0)).toBe('unusable')
    expect(loss(choice(0), [], 0)).toBe('unusable')
  })

  test('counts once, whenever it comes; of an id that came twice it is not known which is meant', () => {
    const labels = new LabelJoin()
    expect(labels.labelled('early', 0)).toBe('waiting')
    expect(labels.answered('early', joined(choice(0), choice(1)))).toBe(1)
    expect(labels.labelled('early', 0)).toBe('unusable')
    expect(labels.answered('twice', joined(choice(0), choice(1)))).toBeNull()
    expect(labels.answered('twice', joined(choice(0), choice(0)))).toBeNull()
    expect(labels.labelled('twice', 0)).toBe('unusable')
  })
})
