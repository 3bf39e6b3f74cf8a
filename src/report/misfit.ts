import type { JsonSchema } from './schema.ts'

/**
 * The first thing in which a JSON value is not as its schema says, such as `candidate.digest is missing`; null where it
 * fits. Knows the words of JSON Schema that `JsonSchema` has. A field without a value counts as absent, as in JSON.
 */
export function misfit(value: unknown, schema: JsonSchema, place = ''): string | null {
  const here = place === '' ? 'the document' : place
  const { type, anyOf, items, properties = {}, required = [], additionalProperties: rest } = schema
  if (anyOf) return anyOf.some((one) => misfit(value, one, place) === null) ? null : misfit(value, anyOf[0]!, place)
  if ('const' in schema && value !== schema.const) return `${here} is not ${JSON.stringify(schema.const)}`
  if (schema.enum && !schema.enum.includes(value)) return `${here} is none of ${schema.enum.join(', ')}`
  const types = typeof type === 'string' ? [type] : (type ?? [])
  if (types.length > 0 && !types.some((one) => isOf(value, one))) return `${here} is not of type ${types.join(' or ')}`
  const { minimum = Number.NEGATIVE_INFINITY, maximum = Number.POSITIVE_INFINITY } = schema
  if (typeof value === 'number' && value < minimum) return `${here} is below ${minimum}`
  if (typeof value === 'number' && value > maximum) return `${here} is above ${maximum}`
  if (Array.isArray(value)) {
    const { minItems = 0, maxItems = Number.POSITIVE_INFINITY } = schema
    if (value.length < minItems || value.length > maxItems) return `${here} has ${value.length} items`
    return first(items ? value.map((item, i) => [item, items, `${place}[${i}]`] as const) : [])
  }
  if (!isOf(value, 'object')) return null
  const fields = value as Readonly<Record<string, unknown>>
  const at = (name: string) => (place === '' ? name : `${place}.${name}`)
  const missing = required.find((name) => !Object.hasOwn(fields, name) || fields[name] === undefined)
  if (missing !== undefined) return `${at(missing)} is missing`
  const given = Object.entries(fields).filter(([, field]) => field !== undefined)
  const stranger = rest === false ? given.find(([name]) => !Object.hasOwn(properties, name)) : undefined
  if (stranger) return `${at(stranger[0])} is not known${known(Object.keys(properties))}`
  const others = typeof rest === 'object' ? rest : null
  return first(
    given.flatMap(([name, field]) => {
      const told = Object.hasOwn(properties, name) ? properties[name] : others
      return told ? [[field, told, at(name)] as const] : []
    }),
  )
}

const known = (names: readonly string[]) => (names.length > 0 ? ` (known: ${names.join(', ')})` : ', nor any other')

function first(parts: readonly (readonly [value: unknown, schema: JsonSchema, place: string])[]): string | null {
  for (const part of parts) {
    const wrong = misfit(...part)
    if (wrong !== null) return wrong
  }
  return null
}

function isOf(value: unknown, type: string): boolean {
  switch (type) {
    case 'null':
      return value === null
    case 'array':
      return Array.isArray(value)
    case 'object':
      return typeof value === 'object' && value !== null && !Array.isArray(value)
    case 'integer':
      return Number.isInteger(value)
    default:
      // `string`, `number` and `boolean` are the words of both languages.
      return typeof value === type
  }
}
