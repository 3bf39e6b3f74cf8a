import {
  boolean,
  type Infer,
  integer,
  list,
  nullable,
  number,
  object,
  oneOf,
  optional,
  record,
  report,
  text,
} from './schema.ts'
import { verdict } from './verdict.ts'

/** One of the two versions. */
const side = object({
  /** As the server calls it. */
  version: text,
  /** `sha256:` of the model; null where the source does not say. */
  digest: nullable(text),
  /** Who signed what, as `model by key 0123…`. */
  signatures: list(text),
})

/** What ends a rollout: worse answers, other answers, failed requests, or slow ones. */
const alarms = oneOf('loss', 'disagreement', 'errors', 'latency')

/** What a rollout was started with. */
const settings = object({
  mode: oneOf('shadow', 'canary'),
  /** Of keys whose requests the candidate answers, in a canary. */
  share: number,
  margin: number,
  alpha: number,
  /** Share of answers that may change without labels to judge them. */
  maxDisagreement: number,
  /** Share of requests that the candidate may fail where the baseline answers. */
  maxErrors: number,
  /** Times the baseline's 95th percentile that the candidate's may be; null is not watched. */
  maxSlowdown: nullable(number),
  /** Labels are expected: changed answers alone decide nothing. */
  labels: boolean,
  /** A proven candidate goes live by itself. */
  promote: boolean,
})
export type RolloutSettings = Infer<typeof settings>

const evidence = {
  /** Requests that both versions answered. */
  pairs: integer,
  /** Pairs whose label has come. */
  labelled: integer,
  /** Sum over the pairs of the share of rows with another answer. */
  disagreements: number,
  /** Labelled pairs in which one of the two lost less. */
  discordant: object({ baseOnly: integer, candidateOnly: integer }),
  /** Requests that failed. */
  failures: object({ base: integer, candidate: integer }),
  /** Of the alarm that decides, or stands nearest to: alarm at 1/α. */
  eValue: number,
  /** Evidence for each alarm. */
  alarms: record(number),
  /** Evidence that the candidate is not worse by more than the margin: proven at 1/α. */
  proofs: object({ loss: number, agreement: number }),
  /** How the evidence grew. */
  path: list(object({ pairs: integer, labelled: integer, alarm: number, proof: number })),
}

/** A rollout as it stands. */
export const rollout = report('rollout', {
  id: text,
  name: text,
  state: oneOf('running', 'rolled-back', 'promoted', 'stopped'),
  verdict,
  ...evidence,
  settings,
  base: side,
  candidate: side,
  started: text,
  ended: nullable(text),
  /** Which alarm fired. */
  alarm: nullable(alarms),
  /** In a sentence. */
  reason: text,
  incident: nullable(text),
})
export type RolloutReport = Infer<typeof rollout>

/** What is written down when a version is rolled back. */
export const incident = report('incident', {
  id: text,
  at: text,
  name: text,
  rollout: text,
  /** Of a drill, not of real traffic. */
  drill: boolean,
  alarm: alarms,
  what: text,
  base: side,
  candidate: side,
  settings,
  ...evidence,
  /** Digests of the inputs of pairs whose answers differ, the first ones; inputs themselves are not kept. */
  inputs: list(object({ requestId: text, digest: text })),
  /** Requests that each version answered to somebody, from the start of the rollout to its end. */
  served: record(integer),
  runbook: list(text),
  acknowledged: nullable(object({ by: text, at: text, note: text })),
})
export type IncidentReport = Infer<typeof incident>

/** Rollouts that were rolled back. */
export const incidents = report('incidents', {
  incidents: list(incident),
})
export type IncidentsReport = Infer<typeof incidents>

/** A rehearsal of the decisions, on made-up answers: the bad version must be rolled back, the equal one must not. */
export const drill = report('drill', {
  passed: boolean,
  seed: integer,
  alpha: number,
  cases: list(
    object({
      name: text,
      must: oneOf('roll back', 'stay'),
      runs: integer,
      pairs: integer,
      rolledBack: integer,
      /** Pairs until it was rolled back, in the median of the runs in which it was. */
      medianPairs: nullable(integer),
      /** Runs allowed to end the other way. */
      allowed: integer,
      passed: boolean,
    }),
  ),
  /** Whether rolling back worked from the first answer to the incident record. */
  machinery: object({ passed: boolean, steps: list(object({ step: text, passed: boolean })) }),
})
export type DrillReport = Infer<typeof drill>
export type RolloutEvidence = Pick<RolloutReport, keyof typeof evidence>
export type RolloutSide = Infer<typeof side>
export type AlarmName = Infer<typeof alarms>

/** Whether requests and answers still look as they did. */
export const drift = report('drift', {
  name: text,
  modelVersion: text,
  state: oneOf('learning', 'usual', 'drifted'),
  /** Requests that say what is usual, and those that wait for a window to be full. */
  reference: integer,
  waiting: integer,
  windowSize: integer,
  /** Requests that make a reference. */
  referenceSize: optional(integer),
  /** Windows that were held against the reference. */
  looks: integer,
  /** Chance that any of all looks ever raises a false alarm. */
  alpha: number,
  features: list(
    object({
      name: text,
      kind: oneOf('number', 'category', 'vector'),
      /**
       * Numbers: Wasserstein's distance in standard deviations of the reference; categories: share that moved; vectors
       * (embeddings, images): the kernel's mean discrepancy, about 1 where nothing is as it was.
       */
      distance: nullable(number),
      p: number,
      /** Drifted below this. */
      level: number,
      drifted: boolean,
    }),
  ),
  /** Mean of the model's own probabilities for its answers: accuracy, as far as it knows itself. */
  estimate: nullable(object({ before: number, now: number })),
  /** Share of the last window's requests beyond everything in the reference. */
  outside: nullable(number),
})
export type DriftReport = Infer<typeof drift>
