import { expect, test } from 'vitest'
import { quantizeSteps } from './quantize-steps.ts'

test('codes that may saturate without VNNI are signed for the native target alone', () => {
  const passes = (target?: 'native' | 'portable' | 'web') =>
    quantizeSteps({ scheme: 'static-int8', ...(target ? { target } : {}) }, []).map(({ pass }) => pass)
  expect(
    [undefined, 'native', 'portable', 'web'].map((target) => passes(target as never).includes('signRightCodes')),
  ).toEqual([true, true, false, false])
  expect(passes('portable')).toEqual(passes('native').filter((pass) => pass !== 'signRightCodes'))
})
