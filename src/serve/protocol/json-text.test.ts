import fc from 'fast-check'
import { expect, test } from 'vitest'
import { parseJson } from './json-text.ts'

const parse = (text: string) => parseJson(Buffer.from(text))

test.each([
  ['[0.12345678901234567, 0.8444218515250481]', [0.12345678901234566, 0.8444218515250481]],
  ['[0.8444218515250481, 9007199254740993]', [0.8444218515250481, '9007199254740993']],
  ['[-1234567890123456789]', ['-1234567890123456789']],
  ['{"a":12345678901234567}', { a: '12345678901234567' }],
  ['12345678901234567', '12345678901234567'],
  ['[1234567890123456.5, 1234567890123456e2]', [1234567890123456.5, 1234567890123456e2]],
  ['[1e-0000000000000003, 0.5]', [0.001, 0.5]],
  ['["1234567890123456789", "NaN"]', ['1234567890123456789', 'NaN']],
  ['[NaN, -Infinity, 0.1234567890123456]', ['NaN', '-Infinity', 0.1234567890123456]],
])('%s', (text, value) => expect(parse(text)).toEqual(value))

test('doubles arrive as they were, however many digits they are written with', () => {
  fc.assert(
    fc.property(fc.array(fc.double({ noNaN: true, noDefaultInfinity: true })), fc.boolean(), (values, beside) => {
      const small = values.filter((value) => !Number.isInteger(value))
      // Beside a whole number that a double cannot hold, every token is looked at.
      const text = JSON.stringify(small)
        .replace('[', beside ? '[9007199254740993,' : '[')
        .replace(',]', ']')
      expect(parse(text)).toEqual(beside ? ['9007199254740993', ...small] : small)
    }),
  )
})

test('the mark that programs of Windows put in front of a file is no part of the JSON', () => {
  expect(parseJson(Buffer.from('\ufeff{"a":"\ufeff"}'))).toEqual({ a: '\ufeff' })
})

test('objects and arrays are nested 64 deep at most; those in texts and those beside one another do not count', () => {
  const nested = (deep: number) => `${'[{"a":'.repeat(deep / 2)}0${'}]'.repeat(deep / 2)}`
  expect(() => parse(nested(64))).not.toThrow()
  expect(() => parse(nested(66))).toThrow('nested more than 64 deep')
  expect(() => parse(`[${nested(64)}]`)).toThrow('nested more than 64 deep')
  expect(parse(`["${'['.repeat(100)}"${',[]'.repeat(100)}]`)).toHaveLength(101)
})

test('objects beside one another, and brackets in a text behind a quote that it holds, do not count either', () => {
  const beside = JSON.stringify({ a: Array.from({ length: 100 }, () => ({})) })
  const quoted = JSON.stringify({ a: `"${'{['.repeat(100)}`, b: 1 })
  for (const text of [beside, quoted]) expect(parseJson(Buffer.from(text))).toEqual(JSON.parse(text))
  expect(() => parseJson(Buffer.from(`${'{"a":'.repeat(65)}1${'}'.repeat(65)}`))).toThrow(/64/)
})
