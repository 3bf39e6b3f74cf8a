import { expect, test } from 'vitest'
import { classDoubts } from './class-doubts.ts'

const classOf = (name: string, n: number) =>
  ({
    ...{ name, n, verdict: 'inconclusive' as const, margin: 0.01, base: null, candidate: null },
    ...{ discordant: null, lowerBound: null, upperBound: null, requiredN: null },
  }) as const

test('classes without rows and with few are named; (1/2)^4 is more than 0.05, (1/2)^5 less', () => {
  const classes = [classOf('a', 200), classOf('b', 5), classOf('c', 4), classOf('d', 0)]
  expect(classDoubts({ classes, alpha: 0.05 })).toEqual([
    'One class has no row here, so nothing is known of it: d.',
    'One class has at most 4 rows, which would hardly show it if half of the answers to it were lost: c (4 rows).',
  ])
  expect(classDoubts({ classes, alpha: 0.01 })[1]).toMatch(
    /2 classes have at most 6 rows, .*: b \(5 rows\), c \(4 rows\)\.$/,
  )
})

test('many are counted; rows of one class alone are told elsewhere, and without classes there is nothing to say', () => {
  const many = [classOf('x', 500), ...Array.from({ length: 12 }, (_, i) => classOf(String(i), 0))]
  expect(classDoubts({ classes: [...many, classOf('y', 500)], alpha: 0.05 })).toEqual([
    '12 classes have no row here, so nothing is known of them: 0, 1, 2, 3, 4, 5, 6, 7 and 4 more.',
  ])
  expect(classDoubts({ classes: many, alpha: 0.05 })).toEqual([])
  expect(classDoubts({ alpha: 0.05 })).toEqual([])
})
