import type { Verb } from './verb.ts'

interface Entry {
  readonly summary: string
  load(): Promise<Verb>
}

/** The verbs as `whet --help` lists them; each is loaded only when called, so that the page is there at once. */
export const GROUPS: Readonly<Record<string, Readonly<Record<string, Entry>>>> = {
  'One model, from start to end': {
    inspect: {
      summary: 'show what is in a model and what can be done with it',
      load: async () => (await import('./inspect.ts')).inspectVerb,
    },
    optimize: {
      summary: 'the main job: search, measure, prove, choose',
      load: async () => (await import('./optimize.ts')).optimizeVerb,
    },
    apply: {
      summary: 'replay a recipe: the same bytes again',
      load: async () => (await import('./apply.ts')).applyVerb,
    },
  },
  'Single steps': {
    simplify: {
      summary: 'same answers from fewer operators',
      load: async () => (await import('./simplify.ts')).simplifyVerb,
    },
    quantize: {
      summary: 'integer or half-precision weights and kernels',
      load: async () => (await import('./quantize.ts')).quantizeVerb,
    },
    prune: {
      summary: 'remove channels for good, train what is left, prove it',
      load: async () => (await import('./prune.ts')).pruneVerb,
    },
    distil: {
      summary: "train a smaller student on a model's answers",
      load: async () => (await import('./distil.ts')).distilVerb,
    },
    tune: { summary: 'train a model to work in integers', load: async () => (await import('./tune.ts')).tuneVerb },
    predict: {
      summary: 'write the answers to every row to a file',
      load: async () => (await import('./predict.ts')).predictVerb,
    },
  },
  Evidence: {
    compare: {
      summary: 'is the candidate as good as the base, within a margin?',
      load: async () => (await import('./compare.ts')).compareVerb,
    },
    select: {
      summary: 'rank many models by the same rows and the same gates',
      load: async () => (await import('./select.ts')).selectVerb,
    },
    bench: {
      summary: 'latency, throughput and memory, side by side',
      load: async () => (await import('./bench.ts')).benchVerb,
    },
    robustness: {
      summary: 'corrupted inputs, rows from elsewhere, tiny changes',
      load: async () => (await import('./robustness.ts')).robustnessVerb,
    },
    attack: {
      summary: 'how many rows stay right when an adversary changes them a little',
      load: async () => (await import('./attack.ts')).attackVerb,
    },
  },
  Versions: {
    push: {
      summary: 'keep a model with its evidence as a version',
      load: async () => (await import('./push.ts')).pushVerb,
    },
    pull: { summary: 'get a version back, every byte checked', load: async () => (await import('./pull.ts')).pullVerb },
    tag: { summary: 'point a tag at a version', load: async () => (await import('./tag.ts')).tagVerb },
    log: {
      summary: 'list versions, their verdicts and what each was made from',
      load: async () => (await import('./log.ts')).logVerb,
    },
    show: { summary: 'show everything about one version', load: async () => (await import('./show.ts')).showVerb },
    verify: {
      summary: 'is every byte as it was pushed, and who signed it?',
      load: async () => (await import('./verify.ts')).verifyVerb,
    },
    gc: { summary: 'remove what nothing refers to', load: async () => (await import('./gc.ts')).gcVerb },
  },
  Production: {
    serve: {
      summary: 'serve models over HTTP and gRPC (Open Inference Protocol)',
      load: async () => (await import('./serve.ts')).serveVerb,
    },
    rollout: {
      summary: 'try a version on real requests: undone if worse, live if proven',
      load: async () => (await import('./rollout.ts')).rolloutVerb,
    },
    incident: {
      summary: 'show what was rolled back, and what to do now',
      load: async () => (await import('./incident.ts')).incidentVerb,
    },
    drill: {
      summary: 'rehearse a rollback on the running server',
      load: async () => (await import('./drill.ts')).drillVerb,
    },
    drift: {
      summary: 'do requests and answers still look as they did?',
      load: async () => (await import('./drift.ts')).driftVerb,
    },
  },
  Machines: {
    job: {
      summary: 'queue comparisons and searches for other machines',
      load: async () => (await import('./job.ts')).jobVerb,
    },
    worker: {
      summary: 'do the jobs of a queue, one at a time',
      load: async () => (await import('./worker.ts')).workerVerb,
    },
    doctor: {
      summary: 'check this machine, and say what is missing',
      load: async () => (await import('./doctor.ts')).doctorVerb,
    },
    cache: {
      summary: 'show or clear what is kept between runs',
      load: async () => (await import('./cache.ts')).cacheVerb,
    },
  },
}

/** Parts of the system that have no verb, by the word that people try: where they are instead. */
export const WITHOUT_VERB: Readonly<Record<string, string>> = {
  audit: 'data are audited from code: import { labelErrors, nearDuplicates } from "whetstone/audit"; see docs/audit.md',
  studio:
    'whet optimize writes its page as report.html, compare and others with -o report.html; what a page of yours can do is in "whetstone/browser", see docs/web.md',
}

export const VERBS: Readonly<Record<string, Entry>> = Object.assign({}, ...Object.values(GROUPS))
