import type { Costs, LatencyOf, LatencyReport, SweepPoint } from '../report/index.ts'
import { count, ms, percent, plural } from './words.ts'

/** What each scenario asks, as a sentence. */
export const SCENARIO_WORDS: Readonly<Record<string, string>> = {
  'single-stream': 'One query after the other: how long does a user wait?',
  'multi-stream': 'Several rows a query, one query after the other: how long does a user wait?',
  server: 'Queries arrive at random: how long does a user wait, counted from the arrival?',
  offline: 'All rows are there: how many are done in a second?',
}

/** Rows a second with two digits that count at least: a slow model has less than one. */
export const rate = (perSecond: number): string =>
  perSecond >= 10 ? count(Math.round(perSecond)) : perSecond.toPrecision(2)

/** The settings of a sweep that nothing beats, the quickest first. */
export const frontOf = (points: readonly SweepPoint[]): readonly SweepPoint[] =>
  points.filter(({ onFront }) => onFront).sort((a, b) => a.p99Ms - b.p99Ms)

/** What a sweep found best for each model, a line each. */
export const bestLines = ({ models, best, maxP99Ms }: LatencyReport): readonly string[] =>
  models.map(({ path }) => {
    const point = best?.[path]
    if (!point) return `${path}: no setting keeps the limit`
    const bound = maxP99Ms === undefined || maxP99Ms === null ? '' : ` with p99 under ${ms(maxP99Ms)}`
    return `${path}: ${rate(point.throughput)} rows a second${bound}: ${settings(point)} (p99 ${ms(point.p99Ms)})`
  })

/** The setting of a point of a sweep. */
export const settings = ({ batch, threads, instances }: Omit<SweepPoint, 'path'>): string =>
  `${plural(batch, 'row')} at once, ${plural(threads, 'thread')}, ${plural(instances, 'process', 'processes')}`

/** An amount of money with three digits that count. */
function money(amount: number): string {
  if (amount === 0) return '0'
  if (amount >= 100) return count(Math.round(amount))
  return amount >= 0.01 ? amount.toFixed(amount >= 1 ? 2 : 3) : amount.toPrecision(2)
}

/** What a million answers of the model cost on a machine, in the `unit` where one is told with each. */
export function priceText(costs: Costs, path: string, machine: string, unit = ''): string {
  const found = costs.perMillion.find((entry) => entry.path === path && entry.machine === machine)
  return found ? `${money(found.amount)} ${unit}`.trim() : '–'
}

/** The load that a model was under, and whether it kept the limit; empty without one. */
export function loadLine({ path, load, p99Ms }: LatencyOf): string {
  if (!load) return ''
  if (load.qps === 0) return `${path}: no rate keeps p99 under ${ms(load.maxP99Ms)}`
  const asked = `${load.qps >= 100 ? count(Math.round(load.qps)) : load.qps.toPrecision(3)} queries a second, busy ${percent(load.utilization, 0)} of the time: p99 ${ms(p99Ms)}`
  return `${path}: ${asked}${keptText(load, p99Ms)} (${plural(load.queries, 'query', 'queries')})`
}

/** Whether a limit was kept: under it here is not under it for sure, where too many of the queries were over. */
function keptText({ maxP99Ms, valid }: NonNullable<LatencyOf['load']>, p99Ms: number): string {
  if (maxP99Ms === null) return ''
  if (valid === true) return `, under ${ms(maxP99Ms)} at 99 % confidence`
  if (valid === null) return `, too few queries to vouch for ${ms(maxP99Ms)}`
  return p99Ms > maxP99Ms ? `, over the limit of ${ms(maxP99Ms)}` : `, not under ${ms(maxP99Ms)} at 99 % confidence`
}

/** When what was spent on a model is earned back, a line for each model and machine. */
export function breakEvenLines(report: LatencyReport): readonly string[] {
  const { costs } = report
  return (costs?.breakEven ?? []).map(({ path, machine, spent, savedPerDay, days, date }) => {
    const name = `${path} on ${machine}`
    if (days === null) return `${name}: saves nothing (${money(Math.abs(savedPerDay))} ${costs?.currency} a day more)`
    const saves = `${name}: saves ${money(savedPerDay)} ${costs?.currency} a day`
    if (spent === 0) return saves
    const when =
      days > 36_500
        ? 'not within a century'
        : `after ${days < 10 ? days.toFixed(1) : count(Math.ceil(days))} days${date ? ` (${date})` : ''}`
    return `${saves}; the ${money(spent)} spent are earned back ${when}`
  })
}

/** What an answer takes, a line for each model that it is known of, and behind them, once, how it is known. */
export function energyLines(report: LatencyReport): readonly string[] {
  const known = report.models.flatMap(({ path, energy }) => (energy ? [{ path, ...energy }] : []))
  return [
    ...known.map(({ path, joulesPerAnswer }) => `${path}: ${joules(joulesPerAnswer)} an answer`),
    ...new Set(known.map(({ how }) => how)),
  ]
}

function joules(value: number): string {
  return value >= 1
    ? `${value.toFixed(2)} J`
    : value >= 1e-3
      ? `${(value * 1e3).toFixed(1)} mJ`
      : `${(value * 1e6).toFixed(0)} µJ`
}
