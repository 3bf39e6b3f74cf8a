import { expect, test } from 'vitest'
import type { StaticInt8Options } from '../../passes/index.ts'
import type { QuantizeOptions } from './quantize-options.ts'
import { quantizeSteps } from './quantize-steps.ts'

test('right sides get signed codes for the native target alone, and only where products are exact', () => {
  const passes = (target?: 'native' | 'portable' | 'web', saturates?: boolean) =>
    quantizeSteps({ scheme: 'static-int8', ...(target ? { target } : {}), saturates }, []).map(({ pass }) => pass)
  expect(
    [undefined, 'native', 'portable', 'web'].map((target) => passes(target as never).includes('signRightCodes')),
  ).toEqual([true, true, false, false])
  expect(passes('portable')).toEqual(passes('native').filter((pass) => pass !== 'signRightCodes'))
  expect(passes('native', true)).toEqual(passes('portable'))
})

test('weights that stay within 16 bits are said in the recipe, for recurrent layers too', () => {
  const options = { scheme: 'static-int8', recurrent: true, pass: { target: 'portable' } } as const
  const steps = quantizeSteps({ ...options, target: 'native' }, [])
  expect(steps.slice(0, 2).map(({ options }) => (options as { target?: string }).target)).toEqual([
    'portable',
    'portable',
  ])
  expect(steps.map(({ pass }) => pass)).not.toContain('signRightCodes')
  // Browsers have kernels of their own, and none of these repairs.
  expect(quantizeSteps({ ...options, target: 'web' }, [])).toHaveLength(2)
})

test('how gates stand is said in the recipe of static integers, and of nothing else', () => {
  const curves = (options: object) =>
    (quantizeSteps({ scheme: 'static-int8', ...options }, [])[0].options as { curves?: string }).curves
  expect(curves({ curves: 'limits' })).toBe('limits')
  expect(curves({ curves: 'limits', pass: { target: 'portable' } })).toBe('limits')
  expect([{}, { saturates: true }, { scheme: 'dynamic-int8', curves: 'limits' }].map(curves)).toEqual([
    undefined,
    undefined,
    undefined,
  ])
})

test('how many channels a block has is said to what lays channels in blocks, and to nothing where that is 16', () => {
  const told = (block?: 8 | 16) =>
    quantizeSteps({ scheme: 'weight-int8', block }, []).filter(
      ({ options }) => (options as { block?: number } | undefined)?.block !== undefined,
    )
  expect(told(8).map(({ pass }) => pass)).toContain('tileNarrowOutputs')
  expect(told(8).every(({ options }) => (options as { block: number }).block === 8)).toBe(true)
  expect([told(16), told()]).toEqual([[], []])
})

test('where products saturate, static weights are held by what was seen and dynamic ones by every code, and the recipe says it', () => {
  const held = (options: Partial<QuantizeOptions>) =>
    quantizeSteps({ scheme: 'static-int8', ...options }, [])
      .filter(({ pass }) => ['quantizeStaticInt8', 'quantizeDynamicInt8', 'quantizeWeights'].includes(pass))
      .map(({ options }) => options as StaticInt8Options)
      .map(({ within16, target }) => within16 ?? target)
  expect(held({ saturates: true })).toEqual(['seen'])
  expect(held({ saturates: true, recurrent: true })).toEqual(['seen', 'portable'])
  expect(held({ saturates: true, scheme: 'dynamic-int8' })).toEqual(['portable'])
  expect(held({ saturates: true, target: 'portable', recurrent: true })).toEqual(['portable', 'portable'])
  expect(held({ saturates: true, target: 'web' })).toEqual(['seen'])
  expect(held({ saturates: true, scheme: 'weight-int8' })).toEqual([undefined])
  expect(held({ saturates: false, recurrent: true })).toEqual([undefined, undefined])
})
