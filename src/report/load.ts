import { boolean, integer, list, nullable, number, object, optional, pair, record, text } from './schema.ts'

/** A percentile with its order-statistic interval (95 %); an end is null where the sample is too small to have it. */
const percentileOf = object({ percentile: number, ms: number, ci: pair(nullable(number)) })

/**
 * The latency that may be claimed for a percentile after a finite run: with this confidence at least that share of all
 * queries is under `ms`. null where fewer than `needed` queries were seen.
 */
const stoppingBound = object({
  percentile: number,
  confidence: number,
  queries: integer,
  overs: nullable(integer),
  ms: nullable(number),
  needed: integer,
})

/** What a model was asked for in the server scenario, and whether it kept up. */
const serverLoad = object({
  /** Queries a second that arrive, on average. */
  qps: number,
  /** Share of the time in which the model was busy. */
  utilization: number,
  queries: integer,
  maxP99Ms: nullable(number),
  /** Whether the limit held, the early-stopping rule included; null without a limit or with too few queries. */
  valid: nullable(boolean),
})

/** On average over many runs; `null` where it was not counted. */
const allocations = object({ jsBytes: number, pageFaults: number })

const energy = object({
  joulesPerAnswer: number,
  /** Read from the processor's own counter, or estimated from a number of watts. An estimate decides nothing. */
  measured: boolean,
  how: text,
})

/** One point of the sweep: what so many processes, threads and rows at once give. */
const sweepPoint = object({
  path: text,
  batch: integer,
  threads: integer,
  instances: integer,
  /** Rows a second, all instances together. */
  throughput: number,
  p50Ms: number,
  p99Ms: number,
  runs: integer,
  withinBound: boolean,
  /** Nothing else gives more rows a second at a lower p99. */
  onFront: boolean,
})

const pricedMachine = object({
  name: text,
  perHour: number,
  cores: number,
  source: text,
  asOf: text,
})

/** Price of a million answers, and when a saving has paid for what it cost. */
const costs = object({
  currency: text,
  assumes: text,
  machines: list(pricedMachine),
  perMillion: list(object({ path: text, machine: text, amount: number })),
  breakEven: optional(
    list(
      object({
        path: text,
        machine: text,
        spent: number,
        answersPerDay: number,
        savedPerDay: number,
        /** null where nothing is saved. */
        days: nullable(number),
        date: nullable(text),
      }),
    ),
  ),
})

/** Fields that a model has beyond its latency. */
export const loadFields = {
  percentiles: optional(list(percentileOf)),
  bound: optional(stoppingBound),
  /** Milliseconds at evenly spaced quantiles from the least to the most. */
  distribution: optional(list(number)),
  allocations: optional(nullable(allocations)),
  energy: optional(energy),
  load: optional(serverLoad),
} as const

export const loadReportFields = {
  /** Rows that one query asks for. */
  queryRows: optional(integer),
  /** Cores that the processes were bound to; null where they were not (see warnings). */
  cores: optional(nullable(list(integer))),
  seed: optional(integer),
  /** Milliseconds that were put into every so many calls on purpose: a rehearsal, and no figures of the models. */
  stall: optional(object({ ms: number, every: integer })),
  sweep: optional(list(sweepPoint)),
  /** The point of the sweep with the most rows a second within the bound, model by model. */
  best: optional(record(nullable(sweepPoint))),
  maxP99Ms: optional(nullable(number)),
  costs: optional(costs),
} as const
