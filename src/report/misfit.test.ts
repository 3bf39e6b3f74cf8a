import { Ajv } from 'ajv'
import { expect, test } from 'vitest'
import { type Kind, kinds, schemaOf } from './kinds.ts'
import { misfit } from './misfit.ts'
import { exactly, integer, type JsonSchema, oneOf, optional, within } from './schema.ts'

const ajv = new Ajv({ strict: false })

/** A value that fits, with every field that may be there. */
function sample({
  type,
  anyOf,
  items,
  properties,
  additionalProperties,
  minItems = 1,
  ...schema
}: JsonSchema): unknown {
  if (anyOf) return sample(anyOf[0]!)
  if ('const' in schema) return schema.const
  if (schema.enum) return schema.enum[0]
  if (type === 'array') return items ? Array.from({ length: minItems }, () => sample(items)) : []
  if (type !== 'object')
    return { string: 'a', number: 0.5, integer: 2, boolean: true, null: null }[type as string] ?? {}
  const fields = Object.entries(properties ?? {}).map(([name, field]) => [name, sample(field)] as const)
  const others = typeof additionalProperties === 'object' ? { any: sample(additionalProperties) } : {}
  return { ...Object.fromEntries(fields), ...others }
}

/** Every value that differs from this one in one place: a part that is gone, or of another type. */
function* spoilt(value: unknown): Generator<unknown> {
  for (const other of [null, 'b', 7, 0.25, true, [], {}]) yield other
  if (Array.isArray(value)) {
    yield [...value, ...value]
    for (const [i, item] of value.entries()) for (const worse of spoilt(item)) yield value.with(i, worse)
  } else if (typeof value === 'object' && value !== null)
    for (const [name, field] of Object.entries(value)) {
      const { [name]: _, ...rest } = value as Record<string, unknown>
      yield rest
      for (const worse of spoilt(field)) yield { ...value, [name]: worse }
    }
}

test.each(Object.keys(kinds) as Kind[])('%s: what is refused is what JSON Schema refuses', (kind) => {
  const schema = schemaOf(kind)
  const isValid = ajv.compile(schema as object)
  const whole = sample(schema)
  expect(misfit(whole, schema)).toBeNull()
  const all = [...spoilt(whole)]
  expect(all.filter((worse) => (misfit(worse, schema) === null) !== isValid(worse))).toEqual([])
  expect(all.filter((worse) => !isValid(worse)).length).toBeGreaterThan(2)
})

test('it says where', () => {
  const schema = schemaOf('latency')
  const whole = sample(schema) as { models: readonly object[] }
  expect(misfit({ ...whole, models: undefined }, schema)).toBe('models is missing')
  const { threads: _, ...rest } = whole as { threads?: number }
  expect(misfit(rest, schema)).toBe('threads is missing')
  expect(misfit({ ...whole, models: [{ ...whole.models[0], p50Ms: 'fast' }] }, schema)).toBe(
    'models[0].p50Ms is not of type number',
  )
  expect(misfit(7, schema)).toBe('the document is not of type object')
})

test('bounds, choices of numbers and objects without other fields: as JSON Schema has them', () => {
  const { json } = exactly<{ bits: 4 | 8; times?: number }>({
    bits: oneOf(4, 8),
    times: optional(within(integer, 1, 3)),
  })
  const isValid = ajv.compile(json as object)
  const values: readonly unknown[] = [
    { bits: 4 },
    { bits: 4, times: 1 },
    { bits: 8, times: 3 },
    { bits: 4, times: 0 },
    { bits: 4, times: 4 },
  ]
  const worse: readonly unknown[] = [
    { bits: 5 },
    {},
    { bits: '4' },
    { bits: 4, times: 1.5 },
    { bits: 4, time: 1 },
    { bits: 4, toString: 1 },
  ]
  for (const value of [...values, ...worse])
    expect([value, misfit(value, json) === null]).toEqual([value, isValid(value)])
  expect(misfit({ bits: 4, time: 1 }, json)).toBe('time is not known (known: bits, times)')
  expect(misfit({ bits: 4, times: undefined }, json)).toBeNull()
})
