import type { Fetched, Session } from '../../engine/index.ts'
import { UserError } from '../../platform/index.ts'

/**
 * Gives the outputs of `other` the names of the baseline's: as they are where the names agree, else by their order.
 *
 * @throws UserError `bad-model` where the names differ and so does their number.
 */
export function namedAs(base: Session, other: Session): (fetched: Fetched) => Fetched {
  const names = other.outputs.map(({ name }) => name)
  if (base.outputs.every(({ name }) => names.includes(name))) return (fetched) => fetched
  if (base.outputs.length !== names.length)
    throw new UserError('bad-model', 'the two models have different outputs', {
      where: `${base.outputs.map(({ name }) => name).join(', ')} and ${names.join(', ')}`,
      hint: 'compare models that answer the same question with the same outputs',
    })
  const called = new Map(names.map((name, place) => [name, base.outputs[place]!.name]))
  return (fetched) =>
    Object.fromEntries(Object.entries(fetched).map(([name, value]) => [called.get(name) ?? name, value]))
}
