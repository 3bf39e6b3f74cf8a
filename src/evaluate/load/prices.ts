import { UserError } from '../../platform/index.ts'

/** A machine that can be rented, and what it costs by the hour. */
export interface PricedMachine {
  readonly name: string
  /** Machines of another kind of processor than this one are left out; any where it is not said. */
  readonly arch?: string
  /** In the table's currency. */
  readonly perHour: number
  /** What the seller calls virtual CPUs. */
  readonly cores: number
  readonly source: string
  /** When the price was so: `2026-06` or a whole date. */
  readonly asOf: string
}

/** What machines cost, and what a thread draws. */
export interface PriceTable {
  readonly currency: string
  readonly machines: readonly PricedMachine[]
  /** For the estimate of energy where it cannot be read. */
  readonly wattsPerThread: number
  readonly wattsSource: string
}

const FORM =
  '{"currency": "EUR", "machines": [{"name": "ours", "perHour": 0.12, "cores": 4, "source": "contract", "asOf": "2026-05"}]}'

/**
 * Reads a table of prices.
 *
 * @throws UserError `bad-argument` that names the field and what it should be.
 */
export function parsePrices(text: string, where: string, defaults: PriceTable): PriceTable {
  const wrong = (what: string, cause?: unknown) =>
    new UserError('bad-argument', `${where}: ${what}`, { where, hint: `the form is ${FORM}`, cause })
  const json = (() => {
    try {
      return JSON.parse(text) as unknown
    } catch (cause) {
      throw wrong(`not JSON: ${(cause as Error).message}`, cause)
    }
  })()
  if (!isObject(json)) throw wrong('not an object')
  const known = ['currency', 'machines', 'wattsPerThread', 'wattsSource']
  const unknown = Object.keys(json).find((key) => !known.includes(key))
  if (unknown !== undefined) throw wrong(`no field "${unknown}"; there are ${known.join(', ')}`)
  if (typeof json.currency !== 'string' || json.currency === '') throw wrong('"currency" should be a word such as EUR')
  if (!Array.isArray(json.machines) || json.machines.length === 0)
    throw wrong('"machines" should be a list with at least one')
  const watts = json.wattsPerThread ?? defaults.wattsPerThread
  if (!isPositive(watts)) throw wrong('"wattsPerThread" should be a positive number')
  return {
    currency: json.currency,
    machines: json.machines.map((machine: unknown, i) => machineOf(machine, i, wrong)),
    wattsPerThread: watts,
    wattsSource: json.wattsPerThread === undefined ? defaults.wattsSource : String(json.wattsSource ?? where),
  }
}

function machineOf(value: unknown, i: number, wrong: (what: string) => UserError): PricedMachine {
  if (!isObject(value)) throw wrong(`machines[${i}] is not an object`)
  const texts = Object.fromEntries(
    ['name', 'source', 'asOf'].map((field) => {
      const found = value[field]
      if (typeof found !== 'string' || found === '') throw wrong(`machines[${i}].${field} should be a text`)
      return [field, found]
    }),
  ) as { name: string; source: string; asOf: string }
  for (const field of ['perHour', 'cores'])
    if (!isPositive(value[field])) throw wrong(`machines[${i}].${field} should be a positive number`)
  if (value.arch !== undefined && typeof value.arch !== 'string')
    throw wrong(`machines[${i}].arch should be x64 or arm64`)
  return {
    ...texts,
    perHour: value.perHour as number,
    cores: value.cores as number,
    ...(value.arch === undefined ? {} : { arch: value.arch }),
  }
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
const isPositive = (value: unknown): value is number => typeof value === 'number' && Number.isFinite(value) && value > 0
