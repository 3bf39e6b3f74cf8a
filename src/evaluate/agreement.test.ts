import { describe, expect, test } from 'vitest'
import type { TensorValue } from '../engine/index.ts'
import { judgeAgreement } from './agreement.ts'
import { differences } from './differences.ts'

const counts = { n: 1000, changed: 2 as number | null, different: 900, broken: 0, denseDb: [], allDb: [30] }

describe('without labels', () => {
  test('few changed answers prove it', () => {
    const result = judgeAgreement(counts, 0.01, 0.05)
    expect(result).toMatchObject({ verdict: 'pass', grade: 'proven', requiredN: null })
    // scipy.stats.beta.ppf(.95, 3, 998)
    expect(result.agreement!.changedUpperBound).toBeCloseTo(0.006282284546723426, 9)
  })
  test('nothing changed on too few rows is close, not proven', () => {
    expect(judgeAgreement({ ...counts, n: 298, changed: 0, different: 250 }, 0.01, 0.05)).toMatchObject({
      verdict: 'inconclusive',
      grade: 'close',
      requiredN: 299,
    })
    expect(judgeAgreement({ ...counts, n: 299, changed: 0, different: 250 }, 0.01, 0.05).verdict).toBe('pass')
  })
  test('more changes are close by 99 % or 25 dB, else nothing; never regressed, for a flip has no direction', () => {
    const of = (changed: number, db: number) => judgeAgreement({ ...counts, changed, allDb: [db] }, 0.01, 0.05)
    expect(of(9, 10)).toMatchObject({ verdict: 'inconclusive', grade: 'close', requiredN: 557 })
    expect(of(200, 26)).toMatchObject({ verdict: 'inconclusive', grade: 'close' })
    expect(of(200, 24)).toMatchObject({ verdict: 'inconclusive', grade: null })
    // Both limits belong to what is close.
    expect([of(10, 10).grade, of(11, 10).grade, of(200, 25).grade]).toEqual(['close', null, 'close'])
    expect(of(1000, -3)).toMatchObject({ verdict: 'inconclusive', grade: null })
  })
  test('dense outputs cannot be counted: proven only where they are the same', () => {
    const dense = { ...counts, changed: null, denseDb: [40], allDb: [40] }
    expect(judgeAgreement(dense, 0.01, 0.05)).toEqual({
      verdict: 'inconclusive',
      grade: 'close',
      agreement: null,
      requiredN: null,
    })
    expect(judgeAgreement({ ...dense, different: 0, denseDb: [null], allDb: [null] }, 0.01, 0.05)).toMatchObject({
      verdict: 'pass',
      grade: 'proven',
      agreement: { rate: 1, changed: 0 },
    })
    expect(judgeAgreement({ ...dense, denseDb: [12], allDb: [12] }, 0.01, 0.05)).toMatchObject({
      verdict: 'inconclusive',
      grade: null,
      agreement: null,
    })
    // A class answer that stays does not vouch for boxes that moved.
    const moved = { ...counts, changed: 0, denseDb: [12], allDb: [30, 12] }
    expect(judgeAgreement(moved, 0.01, 0.05)).toMatchObject({ verdict: 'inconclusive', requiredN: null })
    expect(judgeAgreement({ ...moved, n: 200, different: 100 }, 0.01, 0.05)).toMatchObject({ requiredN: 299 })
  })
  test('of clusters each counts once, and new rows come in new clusters', () => {
    const clusters = { n: 100, changed: 0, different: 90, broken: 0 }
    const few = judgeAgreement({ ...counts, changed: 0, clusters }, 0.01, 0.05)
    // None of a hundred: 1 − 0.05^(1/100); of 299 it would be at most 1 %, and each has ten rows.
    expect(few).toMatchObject({ verdict: 'inconclusive', grade: 'close', requiredN: 2990 })
    expect(few.agreement!.changedUpperBound).toBeCloseTo(1 - 0.05 ** (1 / 100), 12)
    expect(judgeAgreement({ ...counts, changed: 0, clusters }, 0.03, 0.05).verdict).toBe('pass')
    // 299 clusters of 1,000 / 99 rows each are 3,020.2 rows.
    expect(judgeAgreement({ ...counts, changed: 0, clusters: { ...clusters, n: 99 } }, 0.01, 0.05).requiredN).toBe(3021)
    // Ten rows of one cluster break: one of a hundred, and no sign of more than the margin.
    const broken = { ...counts, changed: 10, broken: 10, clusters: { ...clusters, changed: 1, broken: 1 } }
    expect(judgeAgreement(broken, 0.005, 0.05).verdict).toBe('inconclusive')
    expect(judgeAgreement({ ...broken, clusters: undefined }, 0.005, 0.05).verdict).toBe('regressed')
  })
  test('one row settles nothing', () => {
    const one = judgeAgreement({ ...counts, n: 1, changed: 0, different: 0 }, 0.01, 0.05)
    expect(one).toMatchObject({ verdict: 'inconclusive', requiredN: 299, agreement: { changedUpperBound: 0.95 } })
  })
  test('no rows are refused, and no rows settle what may lose all', () => {
    expect(() => judgeAgreement({ ...counts, n: 0 }, 0.01, 0.05)).toThrow('no rows, no verdict')
    expect(judgeAgreement({ ...counts, broken: 1 }, 1, 0.05)).toMatchObject({
      verdict: 'inconclusive',
      requiredN: null,
    })
  })
  test('a candidate that breaks down is no pass, and regressed where that is common', () => {
    expect(judgeAgreement({ ...counts, changed: 1, broken: 1 }, 0.01, 0.05)).toMatchObject({
      verdict: 'inconclusive',
      grade: null,
      // Labels would tell a direction.
      requiredN: expect.any(Number),
    })
    expect(judgeAgreement({ ...counts, changed: 30, broken: 30 }, 0.01, 0.05).verdict).toBe('regressed')
    // The bound is one-sided: 0.0110 at 5 %, where the lower end of the 95 % interval is 0.0094.
    expect(judgeAgreement({ ...counts, n: 300, changed: 7, different: 7, broken: 7 }, 0.01, 0.05).verdict).toBe(
      'regressed',
    )
    // Six or more of 270 break by chance alone in 5.6 % of cases where 1 % do.
    expect(judgeAgreement({ ...counts, n: 270, changed: 6, different: 6, broken: 6 }, 0.01, 0.05).verdict).toBe(
      'inconclusive',
    )
  })
})

describe('differences', () => {
  const floats = (dims: number[], data: number[]): TensorValue => ({
    dtype: 'float32',
    dims,
    data: Float32Array.from(data),
  })
  test('counts answers, identity and decibels without keeping outputs', () => {
    const seen = differences()
    expect(seen.add({ y: floats([3], [1, 2, 3]) }, { y: floats([3], [1, 2, 3]) })).toEqual({
      changed: false,
      identical: true,
      broken: false,
      silent: false,
    })
    expect(seen.outputs()).toEqual([{ name: 'y', sqnrDb: null, maxAbs: 0 }])
    expect(seen.add({ y: floats([3], [1, 2, 3]) }, { y: floats([3], [1, 4, 3]) })).toEqual({
      changed: true,
      identical: false,
      broken: false,
      silent: false,
    })
    // Signal 14 + 14, noise 4.
    expect(seen.outputs()[0]!.sqnrDb).toBeCloseTo(10 * Math.log10(28 / 4), 9)
    expect(seen.outputs()[0]!.maxAbs).toBe(2)
    expect(seen.classLike).toBe(true)
  })
  test('NaN in the candidate is a breakdown, NaN in both is agreement, an answer of ties is the first', () => {
    const seen = differences()
    const { NaN: nan } = Number
    expect(seen.add({ y: floats([2], [1, 2]) }, { y: floats([2], [1, nan]) })).toMatchObject({
      changed: true,
      broken: true,
    })
    expect(seen.add({ y: floats([2], [nan, 2]) }, { y: floats([2], [nan, 2]) })).toEqual({
      changed: false,
      identical: true,
      broken: false,
      silent: true,
    })
    expect(seen.add({ y: floats([2], [2, 2]) }, { y: floats([2], [2, 1]) })).toMatchObject({ changed: false })
  })
  test('maps, single numbers, boxes and embeddings are not answers', () => {
    const seen = differences()
    seen.add(
      {
        map: floats([2, 2], [1, 2, 3, 4]),
        value: floats([1], [3]),
        boxes: floats([4], [1, 2, 3, 4]),
        embedding: floats([2], [1, 0]),
      },
      {
        map: floats([2, 2], [4, 3, 2, 1]),
        value: floats([1], [5]),
        boxes: floats([4], [4, 3, 2, 1]),
        embedding: floats([2], [0, 1]),
      },
    )
    expect(seen.classLike).toBe(false)
    expect(seen.dense()).toEqual(['map', 'value', 'boxes', 'embedding'])
  })
  test('scores of what was found, the best first, answer nothing; scores of classes do', () => {
    const best: readonly number[] = [9, 7, 6, 5, 4, 3, 2, 1]
    const score = (...rows: readonly (readonly number[])[]) => {
      const seen = differences()
      for (const row of rows)
        seen.add({ scores: floats([row.length], [...row]) }, { scores: floats([row.length], [...row]) })
      return { classLike: seen.classLike, dense: seen.dense(), answers: seen.answers() }
    }
    const list = { classLike: false, dense: ['scores'], answers: [] }
    const classes = { classLike: true, dense: [], answers: ['scores'] }
    expect(score(best, best)).toEqual(list)
    expect(score(best, [1, ...best.slice(1)])).toEqual(classes)
    expect(score([3, 1, 2], [1, 3])).toEqual(list)
    expect(score(best.slice(0, 3), best.slice(0, 3))).toEqual(classes)
    expect(score(best.map(() => 1))).toEqual(classes)
  })
  test('a list beside classes leaves these the answer', () => {
    const seen = differences()
    const row = { scores: floats([8], [9, 8, 7, 6, 5, 4, 3, 2]), kind: floats([2], [1, 2]) }
    seen.add(row, row)
    expect(seen.classLike).toBe(true)
    expect(seen.answers()).toEqual(['kind'])
    expect(seen.dense()).toEqual(['scores'])
  })
  test('another number of elements is all noise', () => {
    const seen = differences()
    expect(seen.add({ y: floats([2], [3, 4]) }, { y: floats([3], [3, 4, 5]) })).toMatchObject({
      changed: true,
      identical: false,
    })
    expect(seen.outputs()[0]!.sqnrDb).toBe(0)
  })
})
