import { expect, test } from 'vitest'
import type { ComparisonReport } from '../../report/index.ts'
import { givenBack, kept } from './given-back.ts'

type Parts = Partial<Pick<ComparisonReport, 'higherIsBetter' | 'metric' | 'n' | 'nonInferiority' | 'agreement'>>
const report = (base: number | null, candidate: number | null, parts: Parts = {}) =>
  ({
    higherIsBetter: true,
    n: 100,
    base: { value: base },
    candidate: { value: candidate },
    nonInferiority: null,
    agreement: null,
    ...parts,
  }) as ComparisonReport
const least = (lowerBound: number) => ({
  nonInferiority: { margin: 0.01, z: 0, p: 1, ci: [lowerBound, 0.01] as const, lowerBound },
})

test('the share stands with its rows, and with a doubt where so few cannot tell', () => {
  const rounded = report(0.9, 0.8)
  expect(givenBack(rounded, report(0.9, 0.88, least(-0.04))).clause).toBe(
    '; on 100 rows tuning gave back 80 % of what rounding lost',
  )
  const few = givenBack(report(0.9, 0.88, { n: 50 }), report(0.9, 0.9, { n: 50, ...least(-0.05) }))
  expect(few.share).toBeCloseTo(1)
  expect(few.clause).toBe(
    '; on 50 rows tuning gave back 100 % of what rounding lost, which so few cannot tell from chance',
  )
  const worse = report(0.9, 0.77, { metric: 'top1', ...least(-0.2) })
  expect(givenBack(report(0.9, 0.8, { metric: 'top1', ...least(-0.12) }), worse).clause).toBe(
    '; on 100 rows tuning lost more than rounding alone (top1 0.77 against top1 0.8)',
  )
  expect(givenBack(report(0.9, 0.8, least(-0.15)), worse).clause).toMatch(/, which so few cannot tell from chance$/)
  expect(givenBack(report(0.9, 0.9), report(0.9, 0.9))).toEqual({ share: null, clause: '' })
})

test('of an error less is better', () => {
  const error = { higherIsBetter: false } as const
  expect(kept(report(0.1, 0.3, error))).toBeGreaterThan(kept(report(0.1, 0.4, error))!)
  const { share, clause } = givenBack(report(0.1, 0.3, error), report(0.1, 0.15, { ...error, ...least(-0.1) }))
  expect(share).toBeCloseTo(0.75)
  expect(clause).toMatch(/gave back 75 % of what rounding lost$/)
})

test('without labels the answers that stayed are what is kept', () => {
  const agreed = (rate: number, changedUpperBound: number) => ({
    agreement: { rate, changed: Math.round(100 * (1 - rate)), changedUpperBound },
  })
  const plain = report(null, null, agreed(0.8, 0.28))
  expect(givenBack(plain, report(null, null, agreed(0.98, 0.06))).clause).toMatch(/gave back 90 % .* lost$/)
  expect(givenBack(plain, report(null, null, agreed(0.9, 0.17))).clause).toMatch(/gave back 50 % .* lost$/)
  expect(givenBack(plain, report(null, null, agreed(0.84, 0.22))).clause).toMatch(/chance$/)
  expect(givenBack(plain, report(null, null, agreed(0.7, 0.4))).clause).toMatch(
    /lost more than rounding alone \(30 answers changed against 20 answers changed\)$/,
  )
})
