import type { RolloutReport } from '../report/index.ts'
import { actOf } from './acts.ts'
import { ADMIN_OPTIONS, callAdmin } from './admin-call.ts'
import { EXIT } from './exit-codes.ts'
import type { Arguments, Outcome, Verb } from './verb.ts'
import { wrongCall } from './wrong-call.ts'

const STARTS =
  'whet log NAME lists the versions of a store, whet rollout status NAME tells what is going on, --help has the settings'
const START_OPTIONS: Verb['options'] = {
  candidate: { type: 'string', value: 'TAG', help: 'the version to try' },
  mode: { type: 'string', value: 'shadow|canary', help: 'compare unseen, or answer a share of requests (shadow)' },
  share: { type: 'string', value: 'P', help: 'share of the requests that a canary answers (0.1)' },
  margin: { type: 'string', value: 'M', help: 'loss that is allowed: 0.01 is one point (0.01)' },
  alpha: { type: 'string', value: 'A', help: 'chance of a false alarm, however often it is looked at (0.01)' },
  'max-disagreement': {
    type: 'string',
    value: 'P',
    help: 'answers that may change without labels (twice the margin, or what the evidence of the version says)',
  },
  'max-errors': { type: 'string', value: 'P', help: 'requests that the candidate may fail (0.01)' },
  'max-slowdown': {
    type: 'string',
    value: 'X',
    help: "times the baseline's 95th percentile (1.5); off: not watched",
  },
  labels: { type: 'boolean', help: 'labels will come (POST /feedback): changed answers alone decide nothing' },
  hold: { type: 'boolean', help: 'a proven candidate waits for you instead of going live' },
}
const ACTS = {
  start: { words: 1, options: Object.keys(START_OPTIONS) },
  status: { words: 1 },
  stop: { words: 1 },
}

export const rolloutVerb: Verb = {
  name: 'rollout',
  usage: 'rollout start|status|stop NAME [--candidate TAG --mode shadow|canary]',
  summary:
    'Tries a new version on real requests; it is rolled back automatically when it is worse, and goes live when proven.',
  examples: [
    'whet rollout start digits --candidate v2 --mode shadow',
    'whet rollout start digits --candidate v2 --mode canary --share 0.1',
    'whet rollout status digits',
    'whet rollout stop digits',
  ],
  positionals: { min: 2, max: 2, names: 'start, status or stop, and the name of a model' },
  options: {
    ...START_OPTIONS,
    ...ADMIN_OPTIONS,
  },
  async run(words, options) {
    const act = actOf('rollout', ACTS, words, options)
    const name = words[1]
    const path = `/v2/rollouts/${encodeURIComponent(name!)}`
    const call = { kind: 'rollout', path, hint: `whet rollout start ${name} --candidate TAG begins one` } as const
    switch (act) {
      case 'start':
        return outcome(
          await callAdmin(options, { ...call, path: `${path}/start`, body: settings(options), hint: STARTS }),
        )
      case 'status':
        return outcome(await callAdmin(options, call))
      case 'stop':
        return { report: await callAdmin(options, { ...call, path: `${path}/stop`, body: {} }) }
    }
  },
}

/** What the server does not get, it takes its own value for. */
function settings(options: Arguments): object {
  const slowdown = options.text('max-slowdown')
  const mode = options.choice('mode', ['shadow', 'canary'], 'shadow')
  if (mode === 'shadow' && options.has('share'))
    throw wrongCall(
      '--share is for a canary: in the shadow a candidate answers nobody',
      'leave it out, or let the candidate answer that share: --mode canary',
    )
  return {
    candidate: options.required('candidate', 'name the version to try: --candidate v2'),
    mode,
    share: options.givenNumber('share', 0.1, 0.0001, 1),
    margin: options.givenNumber('margin', 0.01, 0.0001, 0.5),
    alpha: options.givenNumber('alpha', 0.01, 1e-9, 0.5),
    maxDisagreement: options.givenNumber('max-disagreement', 0.02, 0.0001, 0.99),
    maxErrors: options.givenNumber('max-errors', 0.01, 0.0001, 0.99),
    maxSlowdown: slowdown === 'off' ? null : options.givenNumber('max-slowdown', 1.5, 1, 1000),
    ...(options.flag('labels') ? { labels: true } : {}),
    ...(options.flag('hold') ? { promote: false } : {}),
  }
}

/** A rollout that goes on is no failure of whoever looks. */
const outcome = (report: RolloutReport): Outcome => ({
  report,
  exitCode: report.verdict === 'regressed' ? EXIT.regressed : EXIT.done,
})
