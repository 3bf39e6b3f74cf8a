import type { Arguments } from './verb.ts'
import { wrongCall } from './wrong-call.ts'

/** The valid values of an input as `--range LOW,HIGH` gives them. */
export function rangeOf(options: Arguments): readonly [number, number] | undefined {
  const given = options.text('range')
  if (given === undefined) return undefined
  const [low, high, ...more] = given.split(',').map((part) => (part.trim() === '' ? Number.NaN : Number(part)))
  if (more.length === 0 && Number.isFinite(low) && Number.isFinite(high) && low! < high!) return [low!, high!]
  throw wrongCall(`--range ${given}: not two numbers, the lower first`, 'for example --range 0,1 or --range=-1,1')
}
