import type { Costs } from '../../report/index.ts'
import type { PriceTable } from './prices.ts'

/** Answers a second of one model on so many cores. */
export interface Rate {
  readonly path: string
  readonly perSecond: number
  readonly cores: number
}

export interface CostOptions {
  readonly prices: PriceTable
  readonly arch: string
  /** How often the model is asked; with it, what was spent on the optimising is set against what it saves. */
  readonly answersPerDay?: number | undefined
  /** Money that the optimising cost: people, training. */
  readonly spent?: number | undefined
  /** Machine hours that it took, priced as the machine's. */
  readonly spentHours?: number | undefined
  /** The day that the saving starts. */
  readonly today: Date
}

const DAY_MS = 86_400_000

/**
 * Price of a million answers on each machine of the table: 10⁶ · (price of an hour · cores used / its cores) /
 * (3600 · answers a second). The first rate is the base that savings are counted from.
 */
export function costsOf(rates: readonly Rate[], options: CostOptions): Costs {
  const { prices, arch, answersPerDay, today } = options
  const machines = prices.machines.filter((machine) => machine.arch === undefined || machine.arch === arch)
  const amount = (rate: Rate, machine: (typeof machines)[number]) =>
    (1e6 * machine.perHour * Math.min(1, rate.cores / machine.cores)) / (3600 * rate.perSecond)
  const usable = rates.filter(({ perSecond }) => perSecond > 0)
  const base = usable.find((rate) => rate === rates[0])
  return {
    currency: prices.currency,
    assumes:
      'a core there is as fast as one here, something else uses the cores that this model leaves idle, and it is kept as busy as it was measured',
    machines: machines.map(({ name, perHour, cores, source, asOf }) => ({ name, perHour, cores, source, asOf })),
    perMillion: usable.flatMap((rate) =>
      machines.map((machine) => ({ path: rate.path, machine: machine.name, amount: amount(rate, machine) })),
    ),
    ...(answersPerDay === undefined || !base
      ? {}
      : {
          breakEven: usable
            .filter((rate) => rate !== base)
            .flatMap((rate) =>
              machines.map((machine) => {
                const spent = (options.spent ?? 0) + (options.spentHours ?? 0) * machine.perHour
                const savedPerDay = ((amount(base, machine) - amount(rate, machine)) * answersPerDay) / 1e6
                const days = savedPerDay > 0 ? spent / savedPerDay : null
                const date = days === null ? null : dateAfter(today, days)
                return { path: rate.path, machine: machine.name, spent, answersPerDay, savedPerDay, days, date }
              }),
            ),
        }),
  }
}

/** The calendar day, or null beyond what a date can hold. */
function dateAfter(today: Date, days: number): string | null {
  const date = new Date(today.getTime() + Math.ceil(days) * DAY_MS)
  return Number.isNaN(date.getTime()) ? null : date.toISOString().slice(0, 10)
}
