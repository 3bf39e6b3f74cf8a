import { didYouMean } from '../platform/index.ts'
import type { Arguments } from './verb.ts'
import { wrongCall } from './wrong-call.ts'

/** What one act of a verb such as `whet incident show` takes. */
interface Act {
  /** Words behind it, at most. */
  readonly words: number
  /** Options that are for some of the acts only, this one among them. */
  readonly options?: readonly string[]
}

/**
 * The act that the first word names.
 *
 * @throws UserError where there is no such act, and for words and options that it would leave aside.
 */
export function actOf<A extends string>(
  verb: string,
  acts: Readonly<Record<A, Act>>,
  [given, ...words]: readonly string[],
  options: Arguments,
): A {
  const names = Object.keys(acts) as A[]
  const name = names.find((one) => one === given)
  if (name === undefined)
    throw wrongCall(`whet ${verb} ${given}: no such act`, `${didYouMean(given!, names)}acts are ${names.join(', ')}`)
  const act: Act = acts[name]
  const odd = words[act.words]
  if (odd !== undefined) throw notTaken(`whet ${verb} ${name} takes no ${JSON.stringify(odd)}`, verb)
  const of = (option: string) => names.filter((one) => acts[one].options?.includes(option))
  for (const option of new Set(names.flatMap((one) => acts[one].options ?? [])))
    if (options.has(option) && !act.options?.includes(option))
      throw notTaken(`whet ${verb} ${name} takes no --${option}: it is for ${of(option).join(' and ')}`, verb)
  return name
}

const notTaken = (message: string, verb: string) => wrongCall(message, `whet ${verb} --help shows what it takes`)
