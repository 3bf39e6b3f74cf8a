import { UserError } from '../../platform/index.ts'
import type { PaddingRule } from './padding.ts'

/** No tensor is padded beyond this. */
const LONGEST = 2 ** 20

/**
 * The rules in a file, by model:
 * `{"NAME": {"inputs": {"ids": {"axis": 1, "value": 0}}, "to": 32, "outputs": {"y": {"axis": 1, "per": 1}}}}`.
 *
 * @throws UserError that says what is wrong where.
 */
export function readPaddingRules(text: string, where: string): ReadonlyMap<string, PaddingRule> {
  const wrong = (place: string, what: string) =>
    new UserError('bad-argument', `${place} ${what}`, {
      where,
      hint: 'write {"MODEL": {"inputs": {"INPUT": {"axis": 1, "value": 0}}, "to": 32, "outputs": {"OUTPUT": {"axis": 1}}}}',
    })
  const object = (value: unknown, place: string): Readonly<Record<string, unknown>> => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) throw wrong(place, 'must be an object')
    return value as Record<string, unknown>
  }
  const only = (value: Readonly<Record<string, unknown>>, place: string, known: readonly string[]) => {
    const unknown = Object.keys(value).find((key) => !known.includes(key))
    if (unknown !== undefined) throw wrong(place, `has '${unknown}', which means nothing: it takes ${known.join(', ')}`)
  }
  const whole = (value: unknown, place: string): number => {
    if (!Number.isInteger(value) || (value as number) < 1 || (value as number) > LONGEST)
      throw wrong(place, `must be a whole number from 1 to ${LONGEST}`)
    return value as number
  }
  const axes = <T>(value: unknown, place: string, more: string, read: (entry: unknown, place: string) => T) =>
    Object.fromEntries(
      Object.entries(object(value, place)).map(([name, given]) => {
        const at = `${place}.${name}`
        const entry = object(given, at)
        only(entry, at, ['axis', more])
        // Axis 0 holds the rows.
        return [name, { axis: whole(entry.axis, `${at}.axis`), ...read(entry[more], `${at}.${more}`) }]
      }),
    )
  const rule = (given: unknown, place: string): PaddingRule => {
    const entry = object(given, place)
    only(entry, place, ['inputs', 'to', 'outputs'])
    const { to } = entry
    const inputs = axes(entry.inputs, `${place}.inputs`, 'value', (value = 0, at) => {
      if (typeof value !== 'number') throw wrong(at, 'must be a number')
      return { value }
    })
    if (Object.keys(inputs).length === 0) throw wrong(`${place}.inputs`, 'names no input')
    return {
      inputs,
      to: Array.isArray(to) ? to.map((one) => whole(one, `${place}.to`)) : whole(to, `${place}.to`),
      outputs: axes(entry.outputs ?? {}, `${place}.outputs`, 'per', (value = 1, at) => ({ per: whole(value, at) })),
    }
  }
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch (error) {
    throw wrong('the file', `is not JSON: ${(error as Error).message}`)
  }
  return new Map(Object.entries(object(json, 'the file')).map(([name, given]) => [name, rule(given, name)]))
}
