import type { Verb } from './verb.ts'

/** The verbs with their one-line summaries; each is loaded only when called, so that `whet --help` is instant. */
export const VERBS: Readonly<Record<string, { readonly summary: string; load(): Promise<Verb> }>> = {
  inspect: {
    summary: 'what is in a model, and what can be done with it',
    load: async () => (await import('./inspect.ts')).inspectVerb,
  },
  simplify: {
    summary: 'same answers, fewer operators',
    load: async () => (await import('./simplify.ts')).simplifyVerb,
  },
  quantize: {
    summary: 'integer or half-precision weights and kernels',
    load: async () => (await import('./quantize.ts')).quantizeVerb,
  },
  prune: {
    summary: 'fewer channels for good: smaller, faster, recovered and proven',
    load: async () => (await import('./prune.ts')).pruneVerb,
  },
  distil: {
    summary: "a smaller student that learns a model's answers",
    load: async () => (await import('./distil.ts')).distilVerb,
  },
  tune: {
    summary: 'a float model learns to be an integer one',
    load: async () => (await import('./tune.ts')).tuneVerb,
  },
  compare: {
    summary: 'is the candidate as good as the base? pass, regressed or inconclusive',
    load: async () => (await import('./compare.ts')).compareVerb,
  },
  select: {
    summary: 'many models through one harness and the same gates: a leaderboard with its front',
    load: async () => (await import('./select.ts')).selectVerb,
  },
  bench: {
    summary: 'latency, throughput and memory, side by side',
    load: async () => (await import('./bench.ts')).benchVerb,
  },
  robustness: {
    summary: 'corrupted inputs, rows from elsewhere, tiny changes: how models stand them',
    load: async () => (await import('./robustness.ts')).robustnessVerb,
  },
  attack: {
    summary: 'how many rows stay right when an adversary changes them a little',
    load: async () => (await import('./attack.ts')).attackVerb,
  },
  optimize: {
    summary: 'the main job: search, measure, prove, choose',
    load: async () => (await import('./optimize.ts')).optimizeVerb,
  },
  apply: { summary: 'replay a recipe', load: async () => (await import('./apply.ts')).applyVerb },
  push: {
    summary: 'keep a model with its evidence as a version',
    load: async () => (await import('./push.ts')).pushVerb,
  },
  pull: { summary: 'get a version back, every byte checked', load: async () => (await import('./pull.ts')).pullVerb },
  tag: { summary: 'point a tag at a version', load: async () => (await import('./tag.ts')).tagVerb },
  log: {
    summary: 'versions, their verdicts, and what each was made from',
    load: async () => (await import('./log.ts')).logVerb,
  },
  show: { summary: 'everything about one version', load: async () => (await import('./show.ts')).showVerb },
  verify: {
    summary: 'is every byte as it was pushed, and who signed it?',
    load: async () => (await import('./verify.ts')).verifyVerb,
  },
  gc: { summary: 'remove what nothing refers to', load: async () => (await import('./gc.ts')).gcVerb },
  predict: {
    summary: 'answers to every row, written to a file',
    load: async () => (await import('./predict.ts')).predictVerb,
  },
  serve: {
    summary: 'models by the Open Inference Protocol, over HTTP and gRPC',
    load: async () => (await import('./serve.ts')).serveVerb,
  },
  rollout: {
    summary: 'a new version on real requests: taken back when worse, live when proven',
    load: async () => (await import('./rollout.ts')).rolloutVerb,
  },
  incident: {
    summary: 'what was taken back, and what to do now',
    load: async () => (await import('./incident.ts')).incidentVerb,
  },
  drill: {
    summary: 'rehearses a rollback on the running server',
    load: async () => (await import('./drill.ts')).drillVerb,
  },
  drift: {
    summary: 'do requests and answers still look as they did?',
    load: async () => (await import('./drift.ts')).driftVerb,
  },
  job: {
    summary: 'comparisons and searches for other machines to do',
    load: async () => (await import('./job.ts')).jobVerb,
  },
  worker: {
    summary: 'does the jobs of a database, one at a time',
    load: async () => (await import('./worker.ts')).workerVerb,
  },
  doctor: { summary: 'this machine, and what is missing', load: async () => (await import('./doctor.ts')).doctorVerb },
  cache: { summary: 'where caches are and how large', load: async () => (await import('./cache.ts')).cacheVerb },
}
