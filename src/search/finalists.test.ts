import { expect, test } from 'vitest'
import { type Contender, finalists } from './finalists.ts'

const contender = (id: string, figure: number, pass: number, close = pass, bytes = 100): Contender => ({
  id,
  figure,
  bytes,
  odds: { pass, passAtHalf: 0, close },
})
const sequenceOf = (contenders: readonly Contender[], limit = 4, before = 1) =>
  finalists(contenders, limit, before).sequence.map(({ id }) => id)
const standbyOf = (contenders: readonly Contender[], limit = 4) =>
  finalists(contenders, limit, 1).standby.map(({ id }) => id)

test('a safe one that gains stands in front of a faster one that may fail', () => {
  expect(sequenceOf([contender('fast', 0.4, 0.5), contender('safe', 0.6, 0.99)])).toEqual(['safe', 'fast'])
})

test('one that hardly gains or is no safer stands in nobody’s way', () => {
  // What is handed out anyway is nearly as fast: its failure would end the sequence for nothing.
  expect(sequenceOf([contender('fast', 0.46, 0.7), contender('slow', 0.68, 0.6)], 4, 0.71)).toEqual(['fast'])
  expect(sequenceOf([contender('fast', 0.46, 0.7), contender('as fast', 0.47, 0.5)])).toEqual(['fast'])
})

test('the limit holds, and what cannot pass is not tested before what can', () => {
  const many = Array.from({ length: 30 }, (_, i) => contender(String(i), 0.9 - i * 0.02, 0.99 - i * 0.02))
  expect(sequenceOf(many, 3).length).toBeLessThanOrEqual(3)
  // ln(1 / 0.6) · 0.99 against ln(1 / 0.4) · 0.5, where both would be better still.
  expect(sequenceOf([contender('fast', 0.4, 0.5), contender('safe', 0.6, 0.99)], 1)).toEqual(['safe'])
  expect(sequenceOf([contender('hopeless', 0.2, 0), contender('likely', 0.5, 0.8)])).toEqual(['likely'])
})

test('on standby stand those of which the best that stays close is expected to be fastest', () => {
  expect(standbyOf([contender('fast', 0.4, 0, 0.5), contender('quiet', 0.5, 0, 0.999)])).toEqual(['quiet', 'fast'])
  expect(standbyOf([contender('fast', 0.4, 0, 0.999), contender('quieter', 0.5, 0, 1)])).toEqual(['fast'])
  // With rows that can prove nothing, those are also what the proof begins with.
  expect(sequenceOf([contender('fast', 0.4, 0, 0.5), contender('quiet', 0.5, 0, 0.999)])).toEqual(['quiet', 'fast'])
})

test('odds of a pass that luck alone would give are no hope of one: what stays close is proven first', () => {
  const lucky = [contender('fast', 0.4, 0.04, 0.1), contender('quiet', 0.5, 0.01, 0.999)]
  expect(sequenceOf(lucky)).toEqual(standbyOf(lucky))
  expect(sequenceOf([contender('fast', 0.4, 0.3, 0.1), contender('quiet', 0.5, 0.01, 0.999)])).toEqual(['fast'])
  // Where nothing stays close, luck is all there is.
  expect(sequenceOf([contender('fast', 0.4, 0.001, 0), contender('quiet', 0.5, 0.04, 0)])).toEqual(['quiet', 'fast'])
})

test('where only what is proven is handed out, staying close counts for nothing, and nothing stands by', () => {
  const quiet = contender('quiet', 0.4, 0.01, 0.999)
  const { sequence, standby, reserve } = finalists([quiet, contender('likelier', 0.5, 0.04, 0.1)], 4, 1, true)
  expect([sequence[0]!.id, standby, reserve]).toEqual(['likelier', [], []])
  // No odds at all still make one proof, which tells how many rows it would take.
  expect(finalists([contender('none', 0.4, 0, 1)], 4, 1, true).sequence).toHaveLength(1)
})

test('what is too slow to be worth a proof beside the fastest stands in reserve, in case that one does not stay close', () => {
  const { standby, reserve } = finalists([contender('fast', 0.92, 0, 0.9), contender('quiet', 0.96, 0, 1)], 4, 1)
  expect([standby, reserve].map((list) => list.map(({ id }) => id))).toEqual([['fast'], ['quiet']])
})

test('in reserve the best expectation comes first, and nobody who cannot stay close', () => {
  // 0.5 · ln(1 / 0.67) = 0.2 and 0.9 · ln(1 / 0.905) = 0.09.
  const list = [contender('fast', 0.37, 0, 0.9999), contender('likely', 0.905, 0, 0.9), contender('far', 0.67, 0, 0.5)]
  const { standby, reserve } = finalists([...list, contender('hopeless', 0.8, 0, 0)], 4, 1)
  expect([standby, reserve].map((places) => places.map(({ id }) => id))).toEqual([['fast'], ['far', 'likely']])
})

test('where two are as fast, the smaller file is tried last and so handed out where it passes', () => {
  const two = [contender('large', 0.5, 0.99, 1, 200), contender('small', 0.504, 0.9, 1, 100)]
  expect(sequenceOf(two).at(-1)).toBe('small')
})

test('nobody, no finalist', () => {
  expect(finalists([], 4, 1)).toEqual({ sequence: [], shared: false, standby: [], reserve: [] })
})

test('two share α where an insurance that fails would cost more than half of α does', () => {
  const tested = (id: string, figure: number, pass: number, passAtHalf: number): Contender => ({
    ...contender(id, figure, pass),
    odds: { pass, passAtHalf, close: pass },
  })
  const of = (...contenders: readonly Contender[]) => {
    const { sequence, shared } = finalists(contenders, 4, 0.625)
    return [...sequence.map(({ id }) => id), shared ? 'shared' : 'one by one']
  }
  // A recogniser: 2.1 times as fast and as likely to pass as not, and 1.8 times as fast with odds of four to one.
  expect(of(tested('fast', 0.475, 0.5, 0.42), tested('quiet', 0.56, 0.8, 0.74))).toEqual(['quiet', 'fast', 'shared'])
  // One by one the fast one would be tried alone: 0.5 · 0.274 against 0.25 · 0.110 + 0.25 · 0.274.
  expect(of(tested('fast', 0.475, 0.5, 0.45), tested('quiet', 0.56, 0.5, 0.45))).toEqual(['quiet', 'fast', 'shared'])
  // Half of α is much to ask where it is few rows that must prove it.
  expect(of(tested('fast', 0.475, 0.5, 0.2), tested('quiet', 0.56, 0.8, 0.4))).toEqual(['quiet', 'fast', 'one by one'])
  // Nobody needs it where the insurance is sure.
  expect(of(tested('fast', 0.475, 0.5, 0.42), tested('quiet', 0.56, 1, 0.99))).toEqual(['quiet', 'fast', 'one by one'])
  // Without a p-value there is nothing to share.
  expect(of(contender('fast', 0.475, 0.5), contender('quiet', 0.56, 0.8)).at(-1)).toBe('one by one')
})
